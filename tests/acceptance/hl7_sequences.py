"""Sequences of messages against their stated running times: through the profile that fits their sender, and the fold.

The profile is the one that `report_senders` finds best, so that nothing of a sequence is known here beforehand.
"""

import json
import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import coding
from hl7_parsers import HL7Error, Message, SenderProfile, load_profile, parse_message, report_senders, split_messages
from streams.administrations import order_rows
from streams.assemble import Site, assemble
from streams.pump_log import deliveries
from streams.records import LAYOUT, MessageFact

Interval = tuple[datetime | None, datetime | None]
SHUFFLES = 5


def load(path: Path) -> dict[str, dict[str, Any]]:
    """The stated sequences by id."""
    return {each["id"]: each for each in json.loads(path.read_text(encoding="utf-8"))}


def raws_of(folder: Path, sequence: dict[str, Any]) -> list[bytes]:
    return [raw.text for name in sequence["files"] for raw in split_messages((folder / name).read_bytes())]


def profile_of(raws: list[bytes]) -> SenderProfile:
    """The profile that fits the sender best; sequences have one sender."""
    return load_profile(report_senders(raws)[0].best.profile)


def read(raws: list[bytes], profile: SenderProfile) -> list[Message]:
    """Every message that is read; what says no start and no stop is refused."""
    found = []
    for raw in raws:
        try:
            found.append(parse_message(raw, profile))
        except HL7Error:
            continue
    return found


def encounter_of(messages: Sequence[Message], seed: int = 0) -> coding.Encounter:
    """The encounter, its messages arriving in some order."""
    shuffled = list(messages)
    random.Random(seed).shuffle(shuffled)
    return assemble([MessageFact(LAYOUT, 0.0, each) for each in shuffled], Site())


def given(encounter: coding.Encounter) -> list[coding.Administration]:
    """What was given over a time; a bolus at a moment and what was refused are not."""
    wanted = [a for a in encounter.administrations if a.completion is coding.Completion.GIVEN]
    return [a for a in wanted if a.runs[0].stop]


def stated(intervals: Iterable[Sequence[str]], day: str) -> list[Interval]:
    """The stated wall times; some state the time of day alone."""
    return [(wall(start, day), wall(stop, day)) for start, stop in intervals]


def wall(text: str, day: str) -> datetime:
    return datetime.fromisoformat(text if "-" in text[:5] else f"{day}T{text}").replace(tzinfo=None)


def walls(runs: Iterable[coding.Run]) -> list[Interval]:
    return [(r.start and r.start.replace(tzinfo=None), r.stop and r.stop.replace(tzinfo=None)) for r in runs]


def minutes(administrations: Iterable[coding.Administration]) -> float:
    runs = [run for each in administrations for run in each.runs]
    return sum((r.stop - r.start for r in runs if r.start and r.stop), timedelta()) / timedelta(minutes=1)


def joined(intervals: Sequence[Interval]) -> list[Interval]:
    """Intervals that touch, as one."""
    found: list[Interval] = []
    for start, stop in intervals:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return found


def differences(folder: Path, sequence: dict[str, Any], seed: int) -> list[str]:
    """What of a sequence does not come out as stated, its messages in that order of arrival."""
    raws = raws_of(folder, sequence)
    messages = read(raws, profile_of(raws))
    encounter = encounter_of(messages, seed)
    ran = given(encounter)
    found = []
    day = next((f"{a.runs[0].start:%Y-%m-%d}" for a in ran if a.runs[0].start), "2000-01-01")
    per_drug: dict[str, list[Sequence[str]]] = sequence.get("intervals_per_drug", {})
    for drug, intervals in per_drug.items():
        ours = [a for a in ran if drug in (a.drug.code, a.drug.name)]
        found += unequal(f"{drug} ran", joined(stated(intervals, day)), [i for a in ours for i in walls(a.runs)])
        found += unequal(f"{drug} minutes", sequence.get("minutes_per_drug"), minutes(ours))
    whole = sequence.get("intervals") or sequence.get("therapeutic_intervals")
    if whole:
        found += unequal("ran", stated(whole, day), sorted(i for a in ran for i in walls(a.runs)))
    if "minutes" in sequence:
        found += unequal("minutes", sequence["minutes"], minutes(ran))
    if kept := sequence.get("kvo_intervals"):
        kept_open = [i for each in deliveries(order_rows(messages)) for i in walls(each.kept_open)]
        found += unequal("kept open", stated(kept, day), kept_open)
    return found


def unequal(what: str, theirs: Any, ours: Any) -> list[str]:
    """Nothing, or how they differ; minutes are stated to a tenth."""
    if isinstance(theirs, (int, float)) and abs(theirs - ours) < 0.05:
        return []
    return [] if theirs is None or theirs == ours else [f"{what}: {theirs}, ours {ours}"]


def run(folder: Path, path: Path) -> list[str]:
    """Print each sequence and how it differs, in any order of arrival; return the ids of those that do."""
    wrong = []
    for name, sequence in load(path).items():
        found = sorted({each for seed in range(SHUFFLES) for each in differences(folder, sequence, seed)})
        profile = profile_of(raws_of(folder, sequence)).name
        print(f"sequence {name} ({profile}): {'as stated' if not found else 'differs'}")
        for each in found:
            print(f"    {each}")
        wrong += [name] if found else []
    return wrong
