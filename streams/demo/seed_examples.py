"""The visits everybody asks about: one small case each, found again by the patient's family name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from streams.demo.care import Dose, icd
from streams.demo.drugs import STOCK
from streams.demo.hospital_time import later, on
from streams.demo.messages import Charting, administration, adt, order
from streams.demo.people import (
    CENTRAL,
    ED,
    INFUSION,
    LEFT_ARM,
    PICC,
    RIGHT_ARM,
    AccessSite,
    Department,
    Patient,
    Visit,
)
from streams.demo.wire import Draft, Sent, seal


@dataclass(frozen=True, slots=True)
class Given:
    """A dose by the wall clock. `rows` are charted actions, `HH:MM action`, for the one that is charted row by row."""

    drug: str
    start: str
    stop: str
    site: AccessSite
    rows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    name: str  # family name, after `SYNTHETIC-`
    department: Department
    reason: str
    given: tuple[Given, ...]


INFECTION: Final = icd("L03.90", "Cellulitis")

EXAMPLES: Final = (
    Example("IVIG", INFUSION, icd("D83.9", "Immunodeficiency"), (Given("ivig", "08:00", "10:00", LEFT_ARM),)),
    Example(
        "SEQUENTIAL",
        ED,
        icd("K57.92", "Diverticulitis"),
        (Given("ciprofloxacin", "14:00", "14:50", LEFT_ARM), Given("metronidazole", "15:00", "15:30", LEFT_ARM)),
    ),
    Example(
        "DOUBLE-LUMEN",
        ED,
        icd("A41.9", "Sepsis"),
        (Given("norepinephrine", "10:00", "11:00", CENTRAL), Given("vancomycin", "10:00", "11:00", CENTRAL)),
    ),
    Example(
        "TWICE-ONE-LINE",
        ED,
        INFECTION,
        (Given("ceftriaxone", "10:00", "11:00", LEFT_ARM), Given("vancomycin", "16:00", "17:00", LEFT_ARM)),
    ),
    Example(
        "TWICE-TWO-LINES",
        ED,
        INFECTION,
        (Given("ceftriaxone", "10:00", "11:00", LEFT_ARM), Given("vancomycin", "16:00", "17:00", RIGHT_ARM)),
    ),
    Example(
        "15-MINUTES",
        INFUSION,
        icd("D50.9", "Iron deficiency anemia"),
        (Given("iron_sucrose", "09:00", "09:15", LEFT_ARM),),
    ),
    Example("90-MINUTES", INFUSION, INFECTION, (Given("vancomycin", "09:00", "10:30", PICC),)),
    Example("91-MINUTES", INFUSION, INFECTION, (Given("vancomycin", "09:00", "10:31", PICC),)),
    Example(
        "PAUSED",
        INFUSION,
        INFECTION,
        (
            Given(
                "vancomycin",
                "09:00",
                "10:50",
                LEFT_ARM,
                ("09:00 New Bag", "09:40 Paused", "10:10 Restarted", "10:50 Stopped"),
            ),
        ),
    ),
    Example(
        "HYDRATION",
        ED,
        icd("E86.0", "Dehydration"),
        (Given("saline", "16:00", "19:00", LEFT_ARM), Given("ceftriaxone", "17:00", "18:00", LEFT_ARM)),
    ),
)


def seed_examples(day: date) -> list[Sent]:
    """The messages of all examples, sorted by `sent_at`; the same bytes as in `hospital_day` of that date."""
    sent = [message for number, example in enumerate(EXAMPLES, 1) for message in _messages(example, number, day)]
    return sorted(sent, key=lambda message: message.sent_at)


def _messages(example: Example, number: int, day: date) -> list[Sent]:
    visit = _visit(example, number, day)
    doses = [_dose(given, f"{visit.number[1:]}{count:02d}", day) for count, given in enumerate(example.given, 1)]
    last = max(on(day, given.stop) for given in example.given)
    drafts = [adt(visit, "A04", visit.arrived_at, visit.department)]
    drafts += [order(visit, dose, later(dose.start, -10), visit.department) for dose in doses]
    for given, dose in zip(example.given, doses, strict=True):
        drafts += [administration(visit, dose, charting, visit.department) for charting in _chartings(given, dose, day)]
    drafts.append(adt(visit, "A03", later(last, 30), visit.department, later(last, 30)))
    return [
        seal(_a_little_later(draft, count), f"{visit.number}-{count:02d}")
        for count, draft in enumerate(sorted(drafts, key=lambda draft: draft.written_at), 1)
    ]


def _visit(example: Example, number: int, day: date) -> Visit:
    person = Patient(f"SYN{9_000_000 + number}", f"SYNTHETIC-{example.name}", "EXAMPLE", date(1970, 1, 1), "U")
    arrived_at = later(on(day, min(given.start for given in example.given)), -30)
    return Visit(f"V{9_000_000 + number}", person, example.department, arrived_at, LEFT_ARM, example.reason)


def _dose(given: Given, number: str, day: date) -> Dose:
    return Dose(number, STOCK[given.drug], on(day, given.start), on(day, given.stop), given.site)


def _chartings(given: Given, dose: Dose, day: date) -> list[Charting]:
    if given.rows:
        moments = [(on(day, row[:5]), row[6:]) for row in given.rows]
        return [
            Charting(moment, moment, None, status=action, row=count)
            for count, (moment, action) in enumerate(moments, 1)
        ]
    assert dose.stop is not None
    return [Charting(dose.stop, dose.start, dose.stop)]


def _a_little_later(draft: Draft, seconds: int) -> Draft:
    return replace(draft, sent_at=later(draft.sent_at, seconds / 60))
