"""Which profile fits a sender: by what is typical of it, and by what is read without a doubt."""

import pytest

from hl7_parsers import SenderReport, load_profile, read_profile, report_senders
from tests.hl7_parsers.samples import MSH, ORC, PID, PV1, RXR, message, rxa

OPEN = {4: ""}


def ras(*segments: str, sender: str = "MAR|SYNTH") -> bytes:
    return message(MSH.replace("MAR|SYNTH", sender), PID, PV1, *segments)


def report(*raws: bytes) -> SenderReport:
    (one,) = report_senders(raws)
    return one


EPIC = [ras("ORC|RE|ORD1^EPC", rxa(OPEN | {5: "SYN1^DRUG^ERX", 20: "New Bag", 21: ""}), RXR, sender="EPIC|H")]
SHIFTED = [
    ras("ORC|RE|ORD1^EPC", rxa(OPEN | {5: "SYN1^DRUG^ERX", 20: "", 21: word, 22: ""}), RXR, sender="EPIC|H")
    for word in ("Given", "Stopped")
]
MEDITECH = [ras(ORC, rxa({4: "20250106070000", 8: "100^1", 19: "Y^Y", 21: "D", 26: "IV"}), RXR, sender="SITE|SITE")]
VISTA = [ras("ORC|XX|10^PSB^10^IEN", rxa(OPEN | {6: "20 MEQ", 20: "I", 21: ""}), RXR, sender="PSB BCMA|500")]
CERNER = [ras(ORC, rxa(OPEN | {1: "7770001", 2: "", 20: "Begin Bag", 21: ""}), RXR, sender="HNAM|H")]
PUMP = [
    message(
        "MSH|^~\\&|PAT_DEVICE_SYN|SYNTH|||20250106080000-0500||ORU^R42|1|P|2.6|||||||||IHE_PCD_010",
        PID,
        "OBX|1|CWE|68487^MDC_ATTR_EVT_COND^MDC|1.1|0^MDC_EVT_PUMP_DELIV_START^MDC",
    )
]
STANDARD = [ras(ORC, rxa(), RXR)]


@pytest.mark.parametrize(
    ("profile", "raws"),
    [
        ("epic", EPIC),
        ("epic_shifted", SHIFTED),
        ("meditech", MEDITECH),
        ("vista_bcma", VISTA),
        ("cerner", CERNER),
        ("ihe_pcd", PUMP),
        ("standard", STANDARD),
    ],
)
def test_the_profile_of_the_sender_fits_best(profile: str, raws: list[bytes]) -> None:
    found = report(*raws)
    assert found.best.profile == profile
    assert found.best.score > found.fits[1].score
    assert found.best.reasons


def test_a_profile_of_another_sender_never_beats_the_plain_standard() -> None:
    ranks = [fit.profile for fit in report(*STANDARD).fits]
    assert ranks[0] == "standard"


def test_a_mixed_feed_takes_the_profile_that_reads_most_of_it() -> None:
    assert report(*EPIC * 4, *SHIFTED[:1]).best.profile == "epic"
    assert report(*EPIC, *SHIFTED * 2).best.profile == "epic_shifted"


def test_each_sender_has_a_report_of_its_own() -> None:
    found = report_senders([*EPIC * 2, *STANDARD, b"no message at all"])
    assert [(one.application, one.facility, one.messages) for one in found] == [
        ("EPIC", "H", 2),
        ("", "", 1),
        ("MAR", "SYNTH", 1),
    ]
    assert found[1].unread == {"NO_HEADER": 1}
    assert found[1].kinds == {"no type": 1}


def test_a_report_counts_events_remarks_and_words_that_nobody_knows() -> None:
    odd = ras(ORC, rxa(OPEN | {20: "Warped"}), RXR)
    found = report(*STANDARD, odd, odd)
    assert found.kinds == {"RAS^O17": 3}
    assert found.events == {"AdministrationUnclear": 2, "AdministrationGiven": 1}
    assert found.remarks == {"ACTION_UNKNOWN": 2}
    assert found.unknown_words == {"Warped": 2}
    assert "ACTION_UNKNOWN in 2 of 3 administrations" in found.best.reasons


def test_times_without_an_offset_are_counted() -> None:
    bare = message(MSH.replace("-0500", ""), PID, PV1, ORC, rxa(OPEN | {3: "20250106080000"}), RXR)
    found = report(bare, *STANDARD)
    assert (found.times_without_offset, found.times) == (1, 2)


def test_a_sites_own_profiles_can_be_tried_alone() -> None:
    own = read_profile("[signs]\n'MSH-3' = 'MAR'\n", "own.toml")
    (found,) = report_senders(STANDARD, [own, load_profile("standard")])
    assert [(fit.profile, fit.score) for fit in found.fits] == [("own.toml", 100), ("standard", 58)]
