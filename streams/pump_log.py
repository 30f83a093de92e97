"""What pumps report beside the chart: when each delivery ran, and how that adds to the administrations.

The signed record rules. A pump's report gives the stop that nobody charted, stands beside a stop that was charted, and
is an administration of its own, for a person to confirm, only where the chart has none of that order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import coding
from hl7_parsers import events as hl7
from streams.administrations import Draft, Misfit, Order, Row, exact, gather, newest, runs_of

# A nurse charts the start some minutes after the pump, or before; a dose that begins earlier is another one.
_START_TOLERANCE = timedelta(minutes=30)
_BEGINNINGS = (hl7.AdministrationStarted, hl7.LineKeptOpen)
_ENDS = (hl7.AdministrationStopped, hl7.AdministrationPaused, hl7.LineKeptOpen)
_COMPLETIONS = (hl7.AdministrationStopped, hl7.LineKeptOpen)
_BY_HAND = {"push", "injection"}


@dataclass(slots=True)
class Delivery:
    """What a pump delivered until it had given all it was programmed to: stretches of running time, in order."""

    rows: list[Row] = field(default_factory=list)
    stretches: list[coding.Run] = field(default_factory=list)
    kept_open: list[coding.Run] = field(default_factory=list)  # to keep the vein open; nothing therapeutic
    running: datetime | None = None  # since when
    keeping_open: datetime | None = None
    is_complete: bool = False

    @property
    def begun(self) -> datetime | None:
        """The first time that is known of it."""
        return next((time for run in self.stretches for time in (run.start, run.stop) if time), None)

    def take(self, row: Row, at: datetime) -> None:
        """Take the next report in; reports come in order of time."""
        event = row.event
        self.rows.append(row)
        if self.keeping_open is not None and isinstance(event, _ENDS + _BEGINNINGS):
            self.kept_open.append(coding.Run(self.keeping_open, at))
            self.keeping_open = None
        elif self.running is not None and isinstance(event, _ENDS):
            self.stretches[-1] = coding.Run(self.running, at)
            self.running = None
        elif not self.stretches and isinstance(event, _ENDS):
            self.stretches.append(coding.Run(None, at))  # its start was never reported
        if isinstance(event, hl7.AdministrationStarted) and self.running is None:
            is_same_moment = bool(self.stretches) and self.stretches[-1].stop == at
            self.running = self.stretches.pop().start if is_same_moment else at
            self.stretches.append(coding.Run(self.running, None))
            self.is_complete = False
        if isinstance(event, hl7.LineKeptOpen):
            self.keeping_open = at
        self.is_complete = self.is_complete or isinstance(event, _COMPLETIONS)


def gather_all(rows: Sequence[Row]) -> tuple[list[Draft], list[Misfit]]:
    """Rows of one encounter, charted and reported by pumps, into administrations, and the rows that fit nowhere."""
    reported = [row for row in rows if row.event.pump]
    if not reported:
        return gather(rows)
    drafts, misfits = gather([row for row in rows if not row.event.pump])
    by_order: dict[tuple[str, str], list[Row]] = {}
    for row in reported:
        event = row.event
        number = (event.placer, event.filler)
        by_order.setdefault(number if any(number) else ("", event.pump), []).append(row)
    charted = [draft for draft in drafts if not draft.is_voided]
    for number in sorted(by_order):
        drafts += _add_order(by_order[number], charted)
    return drafts, misfits + _misfits(reported, drafts)


def _misfits(reported: Sequence[Row], drafts: Sequence[Draft]) -> list[Misfit]:
    """Reports that no administration has: those without a time, and a pump that was never seen to start."""
    used = {id(row) for draft in drafts for row in (*draft.rows, *draft.moments, *draft.reported)}
    left = [row for row in reported if id(row) not in used]
    return [
        Misfit(remark, row) for row in left for remark in ("PUMP_ONLY", *(remark.id for remark in row.event.remarks))
    ]


def deliveries(rows: Sequence[Row]) -> list[Delivery]:
    """The deliveries of an order, each pump's for itself: a start after a completed one begins the next."""
    by_pump: dict[str, list[Row]] = {}
    for row in rows:
        by_pump.setdefault(row.event.pump.partition("/")[0], []).append(row)
    found: list[Delivery] = []
    for pump in sorted(by_pump):
        of_pump: list[Delivery] = []
        for row in sorted((row for row in by_pump[pump] if exact(row.event.at)), key=_time_order):
            at = row.event.at.at  # type: ignore[union-attr]
            if not of_pump or (of_pump[-1].is_complete and _begins_another(of_pump[-1], row, at)):
                of_pump.append(Delivery())
            of_pump[-1].take(row, at)
        found += of_pump
    return [delivery for delivery in found if delivery.stretches]


def _time_order(row: Row) -> tuple[datetime, bool, Order]:
    """By time; what ends goes before what begins at the same instant."""
    at = exact(row.event.at)
    assert at is not None
    return at, isinstance(row.event, _BEGINNINGS), row.order


def _begins_another(delivery: Delivery, row: Row, at: datetime) -> bool:
    """Whether a start is of the next bag or dose; at the moment of the last stop it is a bolus that passes over."""
    return isinstance(row.event, hl7.AdministrationStarted) and delivery.stretches[-1].stop != at


def _add_order(rows: Sequence[Row], charted: Sequence[Draft]) -> list[Draft]:
    """Add an order's deliveries to its charted administrations; those that the chart has not are returned."""
    numbers = {number for row in rows for number in (row.event.placer, row.event.filler)} - {""}
    of_order = [draft for draft in charted if numbers & {draft.opening.placer, draft.opening.filler}]
    of_draft: dict[int, list[Delivery]] = {}
    uncharted: list[Draft] = []
    for delivery in deliveries(rows):
        target = _charted_as(delivery, of_order)
        if target is None:
            uncharted.append(_uncharted(delivery))
        else:
            of_draft.setdefault(of_order.index(target), []).append(delivery)
    for number, found in of_draft.items():
        _add(of_order[number], found)
    return uncharted


def _charted_as(delivery: Delivery, of_order: Sequence[Draft]) -> Draft | None:
    """The administration of the order that it is: the last that was charted as begun by then; None when none was."""
    latest = delivery.begun + _START_TOLERANCE if delivery.begun else None
    begun = [
        (draft.start, number)
        for number, draft in enumerate(of_order)
        if draft.start and latest and draft.start <= latest and _may_run(draft)
    ]
    return of_order[max(begun)[1]] if begun else None


def _may_run(draft: Draft) -> bool:
    """Whether it was given, and not by hand."""
    is_given = not isinstance(draft.rows[-1].event, hl7.AdministrationNotGiven)
    return is_given and newest(draft, "method", "unknown") not in _BY_HAND


def _add(draft: Draft, found: Sequence[Delivery]) -> None:
    """Give a charted administration the stop that only the pump knows, or the minutes that the pump counts beside."""
    draft.reported += [row for delivery in found for row in delivery.rows]
    if any(delivery.kept_open for delivery in found):
        draft.remarks.append("PUMP_KEPT_OPEN")
    stretches = _joined([run for delivery in found for run in delivery.stretches])
    runs = runs_of(draft)
    start = runs[-1].start
    if runs[-1].stop is not None:
        draft.pump_minutes = _minutes(stretches)
    elif start is not None:
        after = [run for run in stretches if run.stop is None or run.stop > start]
        if len(runs) > 1 and after:  # pauses were charted: the signed record has them
            draft.runs = (*runs[:-1], coding.Run(start, after[-1].stop))
        elif after:
            draft.runs = (coding.Run(start, after[0].stop), *after[1:])
        draft.stop_source = "pump"


def _joined(stretches: Sequence[coding.Run]) -> list[coding.Run]:
    """Stretches in order, of several pumps too: those that overlap or touch are one."""
    joined: list[coding.Run] = []
    for run in sorted(stretches, key=_first_time):
        last = joined[-1] if joined else None
        if last is not None and run.start is not None and (last.stop is None or run.start <= last.stop):
            stop = None if last.stop is None or run.stop is None else max(last.stop, run.stop)
            joined[-1] = coding.Run(last.start, stop)
        else:
            joined.append(run)
    return joined


def _first_time(run: coding.Run) -> datetime:
    first = run.start or run.stop
    assert first is not None
    return first


def _minutes(stretches: Sequence[coding.Run]) -> int | None:
    """Whole minutes of them all; None while one has no start or no stop."""
    total = timedelta()
    for run in stretches:
        if run.start is None or run.stop is None:
            return None
        total += run.stop - run.start
    return int(total.total_seconds()) // 60


def _uncharted(delivery: Delivery) -> Draft:
    """An administration that only the pump reports."""
    remarks = ["PUMP_ONLY", "PUMP_KEPT_OPEN"] if delivery.kept_open else ["PUMP_ONLY"]
    first, *rest = delivery.rows
    return Draft([first], rest, remarks, runs=tuple(delivery.stretches), stop_source="pump")
