"""Message sequences of other systems give the stated running times, in any order of arrival."""

from pathlib import Path

import pytest

import coding
from hl7_parsers import UnsupportedMessage, load_profile, parse_message
from hl7_parsers.events import AdministrationEvent
from tests.acceptance.hl7_sequences import (
    SHUFFLES,
    differences,
    encounter_of,
    given,
    load,
    profile_of,
    raws_of,
    read,
)

PROFILES = {
    "epic-norepi": "epic",
    "vista-bcma-bag": "vista_bcma",
    "ipec-noradrenaline": "ihe_pcd",
    "ipec-cp094": "ihe_pcd",
    "cgta-nitro": "connectinggta",
}
# How many administrations a sequence has; joined rows and rows of one bag are one.
ADMINISTRATIONS = {name: 2 if name == "cgta-nitro" else 1 for name in PROFILES}


@pytest.fixture
def folder(shared: Path) -> Path:
    return shared / "hl7"


def test_every_sequence_is_run(folder: Path) -> None:
    assert set(load(folder / "sequences.json")) == set(PROFILES)


@pytest.mark.parametrize("seed", range(SHUFFLES))
@pytest.mark.parametrize("name", PROFILES)
def test_a_sequence_runs_as_stated_in_any_order(folder: Path, name: str, seed: int) -> None:
    sequence = load(folder / "sequences.json")[name]
    assert differences(folder, sequence, seed) == []
    messages = read(raws_of(folder, sequence), load_profile(PROFILES[name]))
    assert len(given(encounter_of(messages, seed))) == ADMINISTRATIONS[name]


@pytest.mark.parametrize("name", PROFILES)
def test_the_profile_of_a_sequence_is_found(folder: Path, name: str) -> None:
    assert profile_of(raws_of(folder, load(folder / "sequences.json")[name])).name == PROFILES[name]


def test_a_rate_that_contradicts_amount_and_time_is_flagged(folder: Path) -> None:
    raws = raws_of(folder, load(folder / "sequences.json")["cgta-nitro"])
    encounter = encounter_of(read(raws, load_profile("connectinggta")))
    assert all("RATE_CONTRADICTS" in one.remarks for one in given(encounter))


def test_a_periodic_report_is_no_event(folder: Path) -> None:
    (name,) = [n for n in load(folder / "sequences.json")["ipec-noradrenaline"]["files"] if "periodic" in n]
    with pytest.raises(UnsupportedMessage) as refused:
        parse_message((folder / name).read_bytes(), load_profile("ihe_pcd"))
    assert refused.value.reason == "PUMP_STATUS_ONLY"


def test_what_is_not_given_is_no_administration(folder: Path) -> None:
    for name, count in (("epic-norepi", 1), ("vista-bcma-bag", 2)):
        raws = raws_of(folder, load(folder / "sequences.json")[name])
        all_of_them = encounter_of(read(raws, load_profile(PROFILES[name]))).administrations
        assert sum(a.completion is coding.Completion.NOT_GIVEN for a in all_of_them) == count


@pytest.mark.parametrize(
    ("name", "volume"), [("ipec-noradrenaline", "volume_incl_kvo_ml"), ("ipec-cp094", "volume_ml")]
)
def test_the_pump_counts_the_stated_volume(folder: Path, name: str, volume: str) -> None:
    sequence = load(folder / "sequences.json")[name]
    events = [event for m in read(raws_of(folder, sequence), load_profile("ihe_pcd")) for event in m.events]
    counted = [e.delivered.amount for e in events if isinstance(e, AdministrationEvent) and e.delivered]
    assert float(max(counted)) == sequence[volume]


def test_rates_and_boluses_are_as_stated(folder: Path) -> None:
    sequence = load(folder / "sequences.json")["epic-norepi"]
    events = [event for m in read(raws_of(folder, sequence), load_profile("epic")) for event in m.events]
    rates = [
        (f"{e.at.at:%H:%M}", float(e.rate.amount), e.rate.unit)
        for e in events
        if isinstance(e, AdministrationEvent) and e.at and e.rate
    ]
    for start, _, rate, unit in sequence["rate_segments"]:
        assert (start, rate, unit) in rates
    boluses = [e for e in events if isinstance(e, AdministrationEvent) and e.word.casefold().startswith("bolus")]
    assert [(f"{e.at.at:%H:%M}", e.dose and float(e.dose.amount)) for e in boluses if e.at] == [
        (each["at"], each["amount"]) for each in sequence["boluses"]
    ]
