"""What one visit puts on the wire: registration, orders, what the nurses charted, discharge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

from streams.demo.care import Dose
from streams.demo.hospital_time import later
from streams.demo.messages import Charting, Draft, administration, adt, order
from streams.demo.people import ED, INPATIENT, OBSERVATION, Department, Visit

# How a dose is charted: once, when it is over; at the start and again at the stop; or row by row, as a list of
# actions on a running bag.
ONE_MESSAGE, START_THEN_UPDATE, ACTION_ROWS = "one message", "start then update", "action rows"
STYLES: Final = {  # weights in the order above
    "emergency": (3, 7, 0),
    "observation": (2, 6, 2),
    "inpatient": (2, 6, 2),
    "infusion centre": (8, 2, 0),
    "oncology": (6, 4, 0),
    "urgent care": (1, 0, 0),
}


@dataclass(frozen=True, slots=True)
class Charted:
    """One dose and the RAS messages about it, in the order they were written."""

    dose: Dose
    place: Department
    style: str
    drafts: tuple[Draft, ...]


@dataclass(frozen=True, slots=True)
class Stay:
    """One visit and its messages. `moved_at` is when an emergency patient went to observation."""

    visit: Visit
    adts: tuple[Draft, ...]
    orders: tuple[Draft, ...]
    charted: tuple[Charted, ...]
    moved_at: datetime | None
    discharged_at: datetime | None

    def drafts(self) -> list[Draft]:
        return [*self.adts, *self.orders, *(draft for charted in self.charted for draft in charted.drafts)]


def stay_of(visit: Visit, doses: list[Dose], rng: Random) -> Stay:
    """The whole visit, charted in the style of its department."""
    moved_at = later(visit.arrived_at, rng.randint(150, 260)) if visit.department == OBSERVATION else None
    last = max((dose.stop or dose.start for dose in doses), default=later(visit.arrived_at, 40))
    remains = visit.department == INPATIENT and rng.random() < 0.6
    discharged_at = None if remains else later(last, rng.randint(20, 75))
    charted = tuple(_charted(visit, dose, moved_at, rng) for dose in doses)
    orders = tuple(
        order(visit, dose, later(dose.start, -rng.randint(6, 19)), _place(visit, dose.start, moved_at))
        for dose in doses
    )
    return Stay(visit, tuple(_adts(visit, moved_at, discharged_at, rng)), orders, charted, moved_at, discharged_at)


def _place(visit: Visit, moment: datetime, moved_at: datetime | None) -> Department:
    return ED if moved_at is not None and moment < moved_at else visit.department


def _adts(visit: Visit, moved_at: datetime | None, discharged_at: datetime | None, rng: Random) -> list[Draft]:
    opening = "A01" if visit.department == INPATIENT else "A04"
    first = _place(visit, visit.arrived_at, moved_at)
    drafts = [adt(visit, opening, visit.arrived_at, first)]
    if rng.random() < 0.7:
        drafts.append(adt(visit, "A08", later(visit.arrived_at, rng.randint(3, 15)), first))
    if moved_at is not None:
        drafts.append(adt(visit, "A01", moved_at, visit.department))
    if discharged_at is not None:
        drafts.append(adt(visit, "A03", discharged_at, visit.department, discharge=True))
        if rng.random() < 0.15:  # registration completes the record after the patient has gone
            drafts.append(
                adt(visit, "A08", later(discharged_at, rng.randint(10, 180)), visit.department, discharge=True)
            )
    return drafts


def _charted(visit: Visit, dose: Dose, moved_at: datetime | None, rng: Random) -> Charted:
    style = rng.choices((ONE_MESSAGE, START_THEN_UPDATE, ACTION_ROWS), STYLES[visit.department.name])[0]
    if not dose.drug.is_infused:
        style = ONE_MESSAGE
    elif dose.stop is None:
        style = START_THEN_UPDATE
    chartings = _chartings(dose, style, rng)
    place = _place(visit, dose.start, moved_at)
    return Charted(dose, place, style, tuple(administration(visit, dose, charting, place) for charting in chartings))


def _chartings(dose: Dose, style: str, rng: Random) -> list[Charting]:
    started = later(dose.start, rng.choice((0, 0, 1, 1, 2, 4)))
    stopped = later(dose.stop, rng.choice((0, 1, 1, 2, 3, 9))) if dose.stop else started
    if style == START_THEN_UPDATE:
        start_only = Charting(started, dose.start, None)
        return [start_only, Charting(stopped, dose.start, dose.stop, "U")] if dose.stop else [start_only]
    if style == ACTION_ROWS and dose.stop:
        return [
            Charting(started, dose.start, None, status="New Bag"),
            Charting(stopped, dose.stop, None, status="Stopped", row=2),
        ]
    stop = None if dose.stop == dose.start and rng.random() < 0.5 else dose.stop
    return [Charting(max(started, stopped), dose.start, stop)]
