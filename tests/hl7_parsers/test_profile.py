"""Sender profiles: what each preset changes, and what a profile may not say."""

from decimal import Decimal

import pytest

from hl7_parsers import STANDARD, ProfileError, events, load_profile, profile_names, read_profile
from hl7_parsers.events import AdministrationEvent, Code, Quantity
from hl7_parsers.profile import MEANINGS, SenderProfile
from tests.hl7_parsers.samples import MSH, ORC, PID, PV1, RXR, administration, administrations, message, ras, rxa


def read(profile: str, *segments: str) -> AdministrationEvent:
    (event,) = administrations(message(MSH, PID, PV1, *segments), load_profile(profile))
    return event


def test_every_preset_can_be_loaded_and_speaks_of_known_meanings() -> None:
    assert profile_names() == sorted(
        [
            "cerner",
            "chimio",
            "connectinggta",
            "epic",
            "epic_shifted",
            "ihe_pcd",
            "meditech",
            "ssmix2",
            "standard",
            "vista_bcma",
        ]
    )
    for name in profile_names():
        profile = load_profile(name)
        assert profile.name == name
        assert set(profile.actions.values()) <= MEANINGS
    assert load_profile("standard") == STANDARD


@pytest.mark.parametrize("word", ["CP", "New Bag", "Stopped", "Rate Change", "Not Given", "Canceled Entry", "Due"])
def test_a_preset_keeps_the_standard_words(word: str) -> None:
    for name in profile_names():
        assert load_profile(name).meaning(word) == STANDARD.meaning(word) != "unclear"


def test_an_empty_word_means_given_and_an_unknown_one_is_unclear() -> None:
    assert STANDARD.meaning("") == "given"
    assert STANDARD.meaning("WARP") == "unclear"


def test_epic_takes_rates_from_the_amount() -> None:
    event = read("epic", ORC, rxa({4: "", 6: "12.5", 7: "mL/hr", 20: "New Bag"}), "RXR|IV")
    assert isinstance(event, events.AdministrationStarted)
    assert (event.rate, event.method) == (Quantity(Decimal("12.5"), "mL/hr"), "infusion")


def test_epic_shifted_reads_the_word_and_the_filing_time_one_field_on() -> None:
    event = read("epic_shifted", ORC, rxa({4: "", 20: "", 21: "Stopped", 22: "", 23: "20250106090500-0500"}), "RXR|IV")
    assert isinstance(event, events.AdministrationStopped)
    assert event.entered is not None
    assert event.entered.at.minute == 5
    assert event.remarks == ()


def test_cerner_tells_administrations_apart_by_the_parent_event() -> None:
    event = read("cerner", ORC, rxa({1: "777", 2: "", 4: "", 20: "In Error"}), RXR)
    assert isinstance(event, events.AdministrationVoided)
    assert (event.sub_id, event.places["sub_id"]) == ("777", "RXA[1]-1")


def test_meditech_doses_stand_in_the_form_and_nothing_is_deleted() -> None:
    row = rxa({4: "20250106070000-0500", 6: "1", 7: "mL", 8: "100^1", 19: "Y^Y", 21: "D", 26: "IV"})
    event = read("meditech", ORC, row, "RXR|IV^INTRAVEN.|VAD")
    assert isinstance(event, events.AdministrationStarted)
    assert (event.dose, event.places["dose"]) == (Quantity(Decimal(100), "mL"), "RXA[1]-8")
    assert (event.sub_id, event.indication, event.remarks, event.method) == ("", "", (), "infusion")


VISTA = message(MSH, PID, PV1, ORC, "RXR|IV|LEFT ARM", "RXC|A|42^ADDITIVE|20 MEQ|MEQ", "RXC|B|7^SOLUTION|1000 ML|ML")
VISTA_ROWS = [
    rxa({4: " ", 5: "42^ADDITIVE", 6: "20 MEQ", 7: "MEQ", 20: "{}"}),
    rxa({2: "2", 4: " ", 5: "7^SOLUTION", 6: "1000 ML", 20: "{}"}),
]


@pytest.mark.parametrize(
    ("letter", "kind"),
    [
        ("I", events.AdministrationStarted),
        ("S", events.AdministrationStopped),
        ("C", events.AdministrationStopped),
        ("G", events.AdministrationStarted),
        ("H", events.AdministrationNotGiven),
        ("R", events.AdministrationNotGiven),
    ],
)
def test_vista_speaks_in_letters_of_one_bag(letter: str, kind: type) -> None:
    text = VISTA.decode() + "\r".join(VISTA_ROWS).replace("{}", letter) + "\r"
    (event,) = administrations(text.translate(str.maketrans("|^~\\&", "^~|\\&")).encode(), load_profile("vista_bcma"))
    assert type(event) is kind
    assert event.order_is_bag
    assert event.dose == Quantity(Decimal(20), "MEQ")
    assert [(part.drug, part.quantity) for part in event.components] == [
        (Code("42", "ADDITIVE"), Quantity(Decimal(20), "MEQ")),
        (Code("7", "SOLUTION"), Quantity(Decimal(1000), "ML")),
    ]


def test_ssmix2_joins_by_group_in_japanese_time() -> None:
    orc = "ORC|NW|ORD1||ORD1_01"
    event = read("ssmix2", orc, rxa({3: "20250106080000", 4: "20250106080000"}), "RXR|PO")
    assert isinstance(event, events.AdministrationGiven)
    assert (event.placer, event.places["placer"], event.filler) == ("ORD1_01", "ORC[1]-4", "ORD1")
    zoned = administrations(
        message(MSH.replace("20250106093000-0500", ""), PID, PV1, orc, rxa({3: "20250106080000"}), RXR),
        load_profile("ssmix2"),
    )
    assert zoned[0].at is not None
    assert zoned[0].at.at.isoformat() == "2025-01-06T08:00:00+09:00"


def test_connectinggta_rows_are_each_a_drug_of_their_own() -> None:
    raw = ras(rxa(), rxa({5: "SYN2"}), RXR)
    assert len(administrations(raw, load_profile("connectinggta"))) == 2
    assert len(administrations(raw)) == 1


def test_a_sites_profile_says_only_what_differs() -> None:
    text = 'based_on = "meditech"\ntime_zone = "America/Chicago"\n[actions]\nstarted = ["hung"]\nunclear = ["given"]\n'
    profile = read_profile(text, "site.toml")
    assert (profile.dose_field, profile.time_zone) == (8, "America/Chicago")
    assert (profile.meaning("HUNG"), profile.meaning("given"), profile.meaning("stopped")) == (
        "started",
        "unclear",
        "stopped",
    )
    assert type(administration(rxa({20: "hung"}), profile=profile)) is events.AdministrationStarted


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour = 1", "colour: no such key"),
        ("dose_field = '8'", "dose_field: give a value of type int"),
        ("action_codes = 1", "action_codes: give a value of type bool"),
        ("stop_is = 'maybe'", "stop_is: give one of end, ignored"),
        ("order_fields = [2]", "order_fields: give two numbers"),
        ("time_zone = 'Mars/Base'", "time_zone: there is no zone 'Mars/Base'"),
        ("time_zone = '../etc/passwd'", "time_zone: there is no zone"),
        ("based_on = 'acme'", "there is no profile 'acme'"),
        ("based_on = 7", "based_on: give the name"),
        ("actions = 7", "actions: give a table"),
        ("[actions]\ndanced = ['x']", "actions.danced: no such meaning"),
        ("[actions]\ngiven = 'x'", "actions.given: give a list of words"),
        ("[actions]\ngiven = ['x']\nstopped = ['X.']", "actions.stopped: 'x' has another meaning"),
        ("name = 'x'", "name: no such key"),
        ("word_field", "is not TOML"),
    ],
)
def test_a_profile_that_cannot_be_used_says_why_and_where(text: str, says: str) -> None:
    with pytest.raises(ProfileError) as wrong:
        read_profile(text, "site.toml")
    assert str(wrong.value).startswith("site.toml:")
    assert says in str(wrong.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\n\ncolour = 1", "site.toml:3: colour: no such key"),
        ("time_zone = 'UTC'\nword_feild = 20", "site.toml:2: word_feild: no such key; did you mean 'word_field'?"),
        ("\nstop_is = 'ignore'", "site.toml:2: stop_is: give one of end, ignored; did you mean 'ignored'?"),
        ("\ntime_zone = 'America/Chicargo'", "site.toml:2: time_zone: there is no zone 'America/Chicargo'"),
        ("time_zone = 'America/Chicargo'", "did you mean 'America/Chicago'?"),
        ("# mine\nbased_on = 'epix'", "site.toml:2: based_on: there is no profile 'epix'"),
        ("based_on = 'epix'", "did you mean 'epic'?"),
        ("[actions]\n\nstoped = ['x']", "site.toml:3: actions.stoped: no such meaning; did you mean 'stopped'?"),
        ("[actions]\ngiven = ['x']\nstopped = [\n'X.']", "site.toml:3: actions.stopped: 'x' has another meaning above"),
        ("a = 1\nb = [", "site.toml:2: is not TOML"),
        ("[sings]\n'MSH-3' = 'x'", "site.toml:1: sings: no such key; did you mean 'signs'?"),
        ("[signs]\n'MSH.3' = 'x'", "site.toml:2: signs.MSH.3: give a place"),
        ("[signs]\n'MSH-3' = '('", "site.toml:2: signs.MSH-3: give a regular expression"),
        ("signs = 3", "site.toml:1: signs: give a table"),
    ],
)
def test_a_wrong_profile_says_the_line_and_what_was_meant(text: str, says: str) -> None:
    with pytest.raises(ProfileError) as wrong:
        read_profile(text, "site.toml")
    assert says in str(wrong.value)


@pytest.mark.parametrize(
    ("segments", "unit"),
    [
        ([rxa({5: "CODE^RBC", 7: "", 15: "W0001-00"})], "W0001-00"),
        ([ORC, rxa({5: "CODE^RBC", 7: "", 15: "W0001-00"}), RXR], ""),
        ([rxa({7: "mL", 15: "LOT9"})], ""),
        ([rxa({7: ""})], ""),
    ],
)
def test_epics_blood_has_a_unit_and_no_order(segments: list[str], unit: str) -> None:
    assert read("epic", *segments).blood_unit == unit
    assert read("standard", *segments).blood_unit == ""


def test_a_planned_end_is_no_stop() -> None:
    event = read("chimio", ORC, rxa({1: "IDT1"}), RXR)
    assert type(event) is events.AdministrationStarted
    assert (event.stop, event.sub_id) == (None, "IDT1")


@pytest.mark.parametrize(
    ("word", "is_bolus"),
    [
        ("Bolus from Bag", True),
        ("Self Administered via Pump", True),
        ("Maintenance after Bolus", False),
        ("Given", False),
    ],
)
def test_what_is_a_bolus_is_what_the_word_means_to_its_sender(word: str, is_bolus: bool) -> None:
    assert read("epic", ORC, rxa({4: "", 20: word}), RXR).is_bolus is is_bolus


def test_the_rows_of_one_sender_join() -> None:
    assert read("connectinggta", ORC, rxa(), RXR).rows_join
    assert not read("standard", ORC, rxa(), RXR).rows_join


def test_a_zone_must_exist() -> None:
    assert isinstance(STANDARD.in_zone("Asia/Tokyo"), SenderProfile)
    with pytest.raises(ProfileError):
        STANDARD.in_zone("Nowhere/Land")
