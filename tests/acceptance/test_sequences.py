"""Message sequences of other systems give the stated running times, in any order of arrival."""

import json
import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import coding
from hl7_parsers import Message, SenderProfile, UnsupportedMessage, load_profile, parse_message, split_messages
from hl7_parsers.events import AdministrationEvent
from streams.administrations import order_rows
from streams.assemble import Site, assemble
from streams.pump_log import deliveries
from streams.records import LAYOUT, MessageFact

PROFILES = {
    "epic-norepi": "epic",
    "vista-bcma-bag": "vista_bcma",
    "ipec-noradrenaline": "ihe_pcd",
    "ipec-cp094": "ihe_pcd",
    "cgta-nitro": "connectinggta",
}
SEEDS = range(5)


def sequences(shared: Path) -> dict[str, dict[str, Any]]:
    stated = json.loads((shared / "hl7" / "sequences.json").read_text(encoding="utf-8"))
    return {each["id"]: each for each in stated}


def read(shared: Path, files: list[str], profile: SenderProfile) -> list[Message]:
    """Every message that is read; what says no start and no stop is refused."""
    found = []
    for name in files:
        for raw in split_messages((shared / "hl7" / name).read_bytes()):
            if name.endswith("status-periodic.hl7"):
                continue  # test_a_periodic_report_is_no_event
            found.append(parse_message(raw.text, profile))
    return found


def encounter_of(shared: Path, sequence: dict[str, Any], seed: int) -> coding.Encounter:
    messages = read(shared, sequence["files"], load_profile(PROFILES[sequence["id"]]))
    random.Random(seed).shuffle(messages)
    return assemble([MessageFact(LAYOUT, 0.0, each) for each in messages], Site())


def times(intervals: Iterable[Sequence[str]]) -> list[tuple[datetime | None, datetime | None]]:
    return [(wall(start), wall(stop)) for start, stop in intervals]


def wall(text: str) -> datetime:
    """The stated wall time; some sequences state the time of day alone."""
    return datetime.fromisoformat(text if "T" in text or "-" in text[:5] else f"2010-07-06T{text}").replace(tzinfo=None)


def walls(runs: Iterable[coding.Run]) -> list[tuple[datetime | None, datetime | None]]:
    return [(r.start and r.start.replace(tzinfo=None), r.stop and r.stop.replace(tzinfo=None)) for r in runs]


def minutes(administrations: Iterable[coding.Administration]) -> float:
    runs = [run for each in administrations for run in each.runs]
    return sum((run.stop - run.start for run in runs if run.start and run.stop), timedelta()) / timedelta(minutes=1)


def given(encounter: coding.Encounter) -> list[coding.Administration]:
    """What was given over a time; a bolus at a moment and what was refused are not."""
    wanted = [a for a in encounter.administrations if a.completion is coding.Completion.GIVEN]
    return [a for a in wanted if a.runs[0].stop]


def test_every_sequence_is_run(shared: Path) -> None:
    assert set(sequences(shared)) == set(PROFILES)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["epic-norepi", "vista-bcma-bag", "ipec-noradrenaline", "ipec-cp094"])
def test_a_sequence_is_one_infusion_that_ran_as_stated_in_any_order(shared: Path, name: str, seed: int) -> None:
    sequence = sequences(shared)[name]
    (infusion,) = given(encounter_of(shared, sequence, seed))
    assert walls(infusion.runs) == times(sequence.get("intervals") or sequence["therapeutic_intervals"])
    assert minutes([infusion]) == pytest.approx(sequence["minutes"], abs=0.05)


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_that_touch_are_one_administration_of_their_drug(shared: Path, seed: int) -> None:
    sequence = sequences(shared)["cgta-nitro"]
    encounter = encounter_of(shared, sequence, seed)
    for drug, intervals in sequence["intervals_per_drug"].items():
        (one,) = [a for a in given(encounter) if drug in (a.drug.code, a.drug.name)]
        first, last = times(intervals)[0], times(intervals)[-1]
        assert walls(one.runs) == [(first[0], last[1])]
        assert minutes([one]) == sequence["minutes_per_drug"]
    assert len(given(encounter)) == len(sequence["intervals_per_drug"])


def test_a_rate_that_contradicts_amount_and_time_is_flagged(shared: Path) -> None:
    encounter = encounter_of(shared, sequences(shared)["cgta-nitro"], 0)
    assert all("RATE_CONTRADICTS" in one.remarks for one in given(encounter))


def test_a_periodic_report_is_no_event(shared: Path) -> None:
    (name,) = [n for n in sequences(shared)["ipec-noradrenaline"]["files"] if n.endswith("status-periodic.hl7")]
    with pytest.raises(UnsupportedMessage) as refused:
        parse_message((shared / "hl7" / name).read_bytes(), load_profile("ihe_pcd"))
    assert refused.value.reason == "PUMP_STATUS_ONLY"


def test_what_only_keeps_the_vein_open_is_apart(shared: Path) -> None:
    sequence = sequences(shared)["ipec-noradrenaline"]
    messages = read(shared, sequence["files"], load_profile("ihe_pcd"))
    (delivery,) = deliveries(order_rows(messages))
    kept = [
        (run.start and run.start.replace(tzinfo=None), run.stop and run.stop.replace(tzinfo=None))
        for run in delivery.kept_open
    ]
    assert kept == times(sequence["kvo_intervals"])


@pytest.mark.parametrize(
    ("name", "volume"), [("ipec-noradrenaline", "volume_incl_kvo_ml"), ("ipec-cp094", "volume_ml")]
)
def test_the_pump_counts_the_stated_volume(shared: Path, name: str, volume: str) -> None:
    sequence = sequences(shared)[name]
    events = [event for m in read(shared, sequence["files"], load_profile("ihe_pcd")) for event in m.events]
    counted = [e.delivered.amount for e in events if isinstance(e, AdministrationEvent) and e.delivered]
    assert float(max(counted)) == sequence[volume]


def test_rates_and_boluses_are_as_stated(shared: Path) -> None:
    sequence = sequences(shared)["epic-norepi"]
    events = [event for m in read(shared, sequence["files"], load_profile("epic")) for event in m.events]
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
