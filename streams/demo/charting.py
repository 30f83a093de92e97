"""What one visit puts on the wire: registration, orders, what the nurses charted, discharge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

from streams.demo.care import Dose
from streams.demo.hospital_time import later, minutes_between
from streams.demo.messages import Charting, administration, adt, order
from streams.demo.people import ED, INPATIENT, OBSERVATION, Department, Visit
from streams.demo.wire import Draft

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
BED_TRANSFER: Final = 0.5  # of the moves to observation: A02; the others are admissions, A01
BECOMES_INPATIENT: Final = 0.1  # of the observation stays
STAYS_IN_THE_HOUSE: Final = 0.6  # of the inpatients: no discharge within this feed
LATE_REGISTRATION: Final = 0.15  # of all: the record is completed after the patient has gone


@dataclass(frozen=True, slots=True)
class Move:
    """From `moved_at` on the patient is in `department`; ADT `trigger` says so."""

    moved_at: datetime
    trigger: str
    department: Department


@dataclass(frozen=True, slots=True)
class Charted:
    """One dose and the RAS messages about it, in the order they were written."""

    dose: Dose
    place: Department
    style: str
    drafts: tuple[Draft, ...]


@dataclass(frozen=True, slots=True)
class Stay:
    """One visit and its messages. `discharged_at` is None for who stays in the house or left before being seen."""

    visit: Visit
    adts: tuple[Draft, ...]
    orders: tuple[Draft, ...]
    charted: tuple[Charted, ...]
    discharged_at: datetime | None


def stay_of(visit: Visit, doses: list[Dose], rng: Random) -> Stay:
    """The whole visit, charted in the style of its department. No doses: the patient left before being seen."""
    moves = _moves(visit, rng)
    if not doses:
        return Stay(visit, _left_unseen(visit, rng), (), (), None)
    last = max(dose.stop or dose.start for dose in doses)
    remains = moves[-1].department == INPATIENT and rng.random() < STAYS_IN_THE_HOUSE
    discharged_at = None if remains else later(last, rng.randint(20, 75))
    orders = (order(visit, dose, later(dose.start, -rng.randint(6, 19)), _place(moves, dose.start)) for dose in doses)
    charted = tuple(_charted(visit, dose, _place(moves, dose.start), rng) for dose in doses)
    return Stay(visit, tuple(_adts(visit, moves, discharged_at, rng)), tuple(orders), charted, discharged_at)


def _moves(visit: Visit, rng: Random) -> list[Move]:
    """Where the patient was, from the arrival on; observation begins in the emergency department."""
    if visit.department != OBSERVATION:
        return [Move(visit.arrived_at, "A01" if visit.department == INPATIENT else "A04", visit.department)]
    moved_at = later(visit.arrived_at, rng.randint(150, 260))
    moves = [
        Move(visit.arrived_at, "A04", ED),
        Move(moved_at, "A02" if rng.random() < BED_TRANSFER else "A01", OBSERVATION),
    ]
    if rng.random() < BECOMES_INPATIENT:
        moves.append(Move(later(moved_at, rng.randint(300, 600)), "A06", INPATIENT))
    return moves


def _place(moves: list[Move], moment: datetime) -> Department:
    return [move.department for move in moves if move.moved_at <= moment][-1]


def _left_unseen(visit: Visit, rng: Random) -> tuple[Draft, ...]:
    left_at = later(visit.arrived_at, rng.randint(40, 150))
    return (
        adt(visit, "A04", visit.arrived_at, visit.department),
        adt(visit, "A11", left_at, visit.department),
    )


def _adts(visit: Visit, moves: list[Move], discharged_at: datetime | None, rng: Random) -> list[Draft]:
    drafts = [adt(visit, move.trigger, move.moved_at, move.department) for move in moves]
    if rng.random() < 0.7:
        drafts.append(adt(visit, "A08", later(visit.arrived_at, rng.randint(3, 15)), moves[0].department))
    if discharged_at is not None:
        last = moves[-1].department
        drafts.append(adt(visit, "A03", discharged_at, last, discharged_at))
        if rng.random() < LATE_REGISTRATION:
            drafts.append(adt(visit, "A08", later(discharged_at, rng.randint(10, 180)), last, discharged_at))
    return drafts


def _charted(visit: Visit, dose: Dose, place: Department, rng: Random) -> Charted:
    style = rng.choices((ONE_MESSAGE, START_THEN_UPDATE, ACTION_ROWS), STYLES[visit.department.name])[0]
    if not dose.drug.is_infused:
        style = ONE_MESSAGE
    elif dose.stop is None:
        style = START_THEN_UPDATE
    chartings = _chartings(dose, style, rng)
    return Charted(dose, place, style, tuple(administration(visit, dose, charting, place) for charting in chartings))


def _chartings(dose: Dose, style: str, rng: Random) -> list[Charting]:
    started = later(dose.start, rng.choice((0, 0, 1, 1, 2, 4)))
    stopped = later(dose.stop, rng.choice((0, 1, 1, 2, 3, 9))) if dose.stop else started
    if style == START_THEN_UPDATE:
        start_only = Charting(started, dose.start, None)
        return [start_only, Charting(stopped, dose.start, dose.stop, "U")] if dose.stop else [start_only]
    if style == ACTION_ROWS and dose.stop:
        return _rows(dose.start, dose.stop, started, stopped, rng)
    stop = None if dose.stop == dose.start and rng.random() < 0.5 else dose.stop
    return [Charting(max(started, stopped), dose.start, stop)]


def _rows(start: datetime, stop: datetime, started: datetime, stopped: datetime, rng: Random) -> list[Charting]:
    """A bag's life as rows of one order: hung, its rate changed if it runs long, stopped."""
    rows = [Charting(started, start, None, status="New Bag")]
    minutes = minutes_between(start, stop)
    if minutes >= 120:
        changed = later(start, rng.randrange(30, minutes - 30))
        rows.append(Charting(changed, changed, None, status="Rate Change", row=2, rate_factor=rng.choice((0.8, 1.25))))
    return [*rows, Charting(stopped, stop, None, status="Stopped", row=len(rows) + 1)]
