"""One day of a synthetic hospital, as its interface engine sends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from random import Random
from typing import Final

from streams.demo.care import doses_of, plan_for
from streams.demo.charting import Stay, stay_of
from streams.demo.faults import (
    damage_drafts,
    duplicate_some,
    merge_some,
    restart_a_counter,
    spoil_some_names,
)
from streams.demo.hospital_time import later, on
from streams.demo.noise import other_traffic, unreadable_messages
from streams.demo.people import (
    ED,
    INFUSION,
    INPATIENT,
    LINES,
    OBSERVATION,
    ONCOLOGY,
    URGENT_CARE,
    Department,
    Patient,
    Visit,
    patient,
)
from streams.demo.seed_examples import seed_examples
from streams.demo.wire import Draft, Sent, numbered

__all__ = ["FATES", "Sent", "balance", "describe", "hospital_day", "seed_examples"]

FATES: Final = ("applied", "duplicate", "dead", "ignored")

# Out of a hundred visits, and the hours between which they arrive.
DEPARTMENTS: Final = (
    (ED, 40, 0, 23),
    (INFUSION, 24, 7, 15),
    (ONCOLOGY, 14, 7, 12),
    (OBSERVATION, 12, 13, 20),
    (INPATIENT, 4, 6, 18),
    (URGENT_CARE, 6, 9, 19),
)
COMES_BACK: Final = 20  # out of a thousand visits: the second of that day, of a patient seen before
NO_LINE_CHARTED: Final = 0.06


def hospital_day(seed: int = 1, encounters: int = 320, day: date = date(2026, 3, 2)) -> list[Sent]:
    """Every message of the day, sorted by `sent_at`: `encounters` visits, the seed examples, and the feed's faults.

    The same arguments give the same bytes. Visits that run past midnight send into the next day. A few patients come
    under a temporary id that is merged (A40) later.
    """
    assert encounters > 0
    stays = _stays(seed, encounters, day)
    rng = _chance(seed, "faults")
    drafts = damage_drafts(stays, rng)
    drafts = merge_some(drafts, stays, rng) + other_traffic(stays, rng, day)
    sent = restart_a_counter(numbered(_spread(drafts, rng)))
    sent = duplicate_some(spoil_some_names(sent, rng), rng)
    sent += unreadable_messages(sent, stays, rng, day) + seed_examples(day)
    return sorted(sent, key=lambda message: message.sent_at)


def balance(messages: Iterable[Sent]) -> dict[str, int]:
    """How many messages have each fate; all four are there, and they sum to the number of messages."""
    counts = Counter(message.fate for message in messages)
    assert set(counts) <= set(FATES)
    return {fate: counts[fate] for fate in FATES}


def describe(messages: Sequence[Sent]) -> str:
    """A short table of what the day holds, for a person: departments, kinds of message, faults and fates."""
    if not messages:
        return "no messages"
    homes = {message.encounter_id: message.department for message in messages if message.encounter_id}
    faults = Counter(message.fault for message in messages if message.fault)
    first, last = (f"{message.sent_at:%Y-%m-%d %H:%M}" for message in (messages[0], messages[-1]))
    lines = [f"{len(homes)} encounters, {len(messages)} messages, sent {first} to {last}"]
    lines += _table("encounters", Counter(homes.values()))
    lines += _table("messages", Counter(message.kind for message in messages))
    lines += _table("faults", faults)
    lines += _table("fates", balance(messages))
    return "\n".join(lines)


def _table(title: str, counts: Mapping[str, int]) -> list[str]:
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    return ["", title, *(f"  {count:>5}  {name}" for name, count in rows)]


def _chance(seed: int, of_what: str) -> Random:
    return Random(f"{seed} {of_what}")  # noqa: S311  (a day that can be repeated, not a secret)


def _stays(seed: int, encounters: int, day: date) -> list[Stay]:
    """One stay per encounter. Some patients of the infusion rooms are back in the emergency room the same day."""
    returning = encounters * COMES_BACK // 1000
    stays = [_stay(seed, number, day) for number in range(1, encounters - returning + 1)]
    gone_home = [stay for stay in stays if stay.visit.department in (INFUSION, ONCOLOGY)][:returning]
    return stays + [_second_stay(seed, number, first) for number, first in enumerate(gone_home, len(stays) + 1)]


def _stay(seed: int, number: int, day: date) -> Stay:
    rng = _chance(seed, f"visit {number}")  # one stream per visit: a change to one leaves the others alone
    department, _, first_hour, last_hour = rng.choices(DEPARTMENTS, [share for _, share, _, _ in DEPARTMENTS])[0]
    arrived_at = later(on(day, f"{first_hour:02d}:00"), rng.randrange((last_hour - first_hour) * 60))
    return _stay_in(department, number, patient(number, rng), arrived_at, rng)


def _second_stay(seed: int, number: int, first: Stay) -> Stay:
    rng = _chance(seed, f"visit {number}")
    assert first.discharged_at is not None
    return _stay_in(ED, number, first.visit.patient, later(first.discharged_at, rng.randint(60, 240)), rng)


def _stay_in(department: Department, number: int, person: Patient, arrived_at: datetime, rng: Random) -> Stay:
    plan = plan_for(department.name, rng)
    line = None if rng.random() < NO_LINE_CHARTED else rng.choice(LINES[department.name])
    visit = Visit(f"V{number:07d}", person, department, arrived_at, line, plan.reason)
    return stay_of(visit, doses_of(plan, visit, rng), rng)


def _spread(drafts: list[Draft], rng: Random) -> list[Draft]:
    """Let each message leave some seconds after it was written, as engines do."""
    return [replace(draft, sent_at=later(draft.sent_at, rng.randint(1, 55) / 60)) for draft in drafts]
