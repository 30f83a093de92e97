"""From the events of one encounter to its administrations: which rows are one, when it ran, what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

import msgspec

import coding
from hl7_parsers import events as hl7
from hl7_parsers.events import Action, AdministrationEvent, Time
from streams.bag_changes import runs_until

_ACTION_RANK = {Action.ADD: 0, Action.UPDATE: 1, Action.DELETE: 2}
_MOMENTS = (
    hl7.AdministrationStopped,
    hl7.AdministrationPaused,
    hl7.AdministrationResumed,
    hl7.AdministrationRateChanged,
    hl7.DrugWasted,
)
_BEGINNINGS = (hl7.AdministrationResumed, hl7.AdministrationStarted)
_ENDS = (hl7.AdministrationStopped, hl7.AdministrationPaused)
# Precisions that can carry minutes; a start known to the hour or the day is as good as none.
_TO_THE_MINUTE = frozenset({"minute", "second", "fraction"})


# Action, entry time, whether it takes something back (what it takes back was there), message time, control id, place.
Order = tuple[int, float, bool, float, str, int]


@dataclass(frozen=True, slots=True)
class Row:
    """An administration event with what orders it, and where it came from."""

    event: AdministrationEvent
    order: Order
    control_id: str
    message: int  # place of its message among those that were folded


class Misfit(NamedTuple):
    """A row that no administration has, and the remark that says why."""

    remark: str
    row: Row


@dataclass(slots=True)
class Draft:
    """One administration while its rows are being gathered; rows in fold order."""

    rows: list[Row]
    moments: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    is_voided: bool = False
    joined: list[Row] = field(default_factory=list)  # rows that went into its one row
    reported: list[Row] = field(default_factory=list)  # what pumps report of it beside the chart
    runs: tuple[coding.Run, ...] = ()  # where they do not come of the rows alone
    stop_source: str = "charted"
    pump_minutes: int | None = None

    @property
    def opening(self) -> AdministrationEvent:
        return self.rows[0].event

    @property
    def start(self) -> datetime | None:
        """The newest start that a row gives."""
        return next((exact(row.event.at) for row in reversed(self.rows) if exact(row.event.at)), None)

    @property
    def stop(self) -> datetime | None:
        return next((exact(row.event.stop) for row in reversed(self.rows) if exact(row.event.stop)), None)

    def has(self, sub_id: str, drug: str, start: datetime | None) -> bool:
        """Whether a row of it has this identity."""
        return any(identity(row.event) == (sub_id, drug, start) for row in self.rows)


def exact(time: Time | None) -> datetime | None:
    """The time, when it is known to the minute."""
    return time.at if time is not None and time.precision in _TO_THE_MINUTE else None


def drug_key(event: AdministrationEvent) -> str:
    """What tells drugs apart within an order: the code, else the name."""
    return event.drug.id or event.drug.text.casefold()


def identity(event: AdministrationEvent) -> tuple[str, str, datetime | None]:
    """What tells administrations of one order apart."""
    return event.sub_id, drug_key(event), exact(event.at)


def order_rows(messages: Iterable[hl7.Message]) -> list[Row]:
    """Every administration event, in the one order that the fold uses whatever order they came in."""
    rows = []
    for number, message in enumerate(messages):
        sent = message.header.time
        for place, event in enumerate(message.events):
            if isinstance(event, AdministrationEvent):
                entered = event.entered or sent
                key = (
                    _ACTION_RANK[event.action],
                    entered.at.timestamp() if entered else 0.0,
                    isinstance(event, hl7.AdministrationVoided),
                    sent.at.timestamp() if sent else 0.0,
                    message.header.control_id,
                    place,
                )
                rows.append(Row(event, key, message.header.control_id, number))
    rows.sort(key=lambda row: row.order)
    if any(one.order == other.order for one, other in pairwise(rows)):
        rows.sort(key=lambda row: (row.order, identity_text(row.event)))
    return rows


def identity_text(event: AdministrationEvent) -> str:
    """Breaks the last ties in the order of rows."""
    return f"{type(event).__name__}|{event.sub_id}|{drug_key(event)}|{event.at}|{event.stop}"


def gather(rows: Sequence[Row]) -> tuple[list[Draft], list[Misfit]]:
    """Rows of one encounter into administrations, and the rows that fit nowhere."""
    by_order: dict[str, list[Row]] = {}
    placers = _placers(rows)
    for row in rows:
        event = row.event
        number = event.placer or placers.get(event.filler) or event.filler
        # Without an order number only the same drug can be the same order.
        by_order.setdefault(number or f"no order, {drug_key(event)}", []).append(row)
    drafts: list[Draft] = []
    misfits: list[Misfit] = []
    for number in sorted(by_order):
        of_order, left_over = _gather_order(by_order[number])
        drafts += of_order
        misfits += left_over
    return drafts, misfits


def _placers(rows: Sequence[Row]) -> dict[str, str]:
    """By filler number the placer number of that order, for rows that leave it out; none where it is not the only one.

    An order number that names one bag is not asked: its filler number is that of the order, of which there are more.
    """
    if all(row.event.placer for row in rows):
        return {}
    found: dict[str, set[str]] = {}
    for row in rows:
        event = row.event
        if event.placer and event.filler and not event.order_is_bag:
            found.setdefault(event.filler, set()).add(event.placer)
    return {filler: placer for filler, (placer, *others) in found.items() if not others}


def _gather_order(rows: Sequence[Row]) -> tuple[list[Draft], list[Misfit]]:
    drafts: list[Draft] = []
    misfits: list[Misfit] = []
    moments: list[Row] = []
    for row in rows:
        if isinstance(row.event, hl7.AdministrationVoided):
            if not _take_back(row.event, drafts, moments):
                misfits.append(Misfit("VOID_WITHOUT_TARGET", row))
        elif isinstance(row.event, _MOMENTS):
            moments.append(row)
        else:
            _open(drafts, row)
    drafts = _bags_as_one(drafts, moments)
    moments.sort(key=_moment_order)
    last_end = next((row for row in reversed(moments) if isinstance(row.event, _ENDS)), None)
    for row in moments:
        _attach(drafts, row, is_last=row is last_end)
    if any(draft.opening.rows_join for draft in drafts):
        drafts = _join_touching(drafts)
    return drafts, misfits


def _take_back(event: AdministrationEvent, drafts: Sequence[Draft], moments: list[Row]) -> bool:
    """Void what the event speaks of: an administration, or one stop, pause or change of rate. False for neither."""
    if (target := _same(drafts, event)) is None:
        wrong = [row for row in moments if exact(event.at) and identity(row.event) == identity(event)]
        if wrong:
            moments[:] = [row for row in moments if row not in wrong]
            return True
        target = find(drafts, event)
    if target is None:
        return False
    target.is_voided = True
    return True


def _join_touching(drafts: Sequence[Draft]) -> list[Draft]:
    """Administrations of one drug, each from start to stop, one beginning as the other ends, as one."""
    joined: list[Draft] = []
    for draft in sorted(drafts, key=lambda d: (drug_key(d.opening), d.start.timestamp() if d.start else 0.0)):
        before = joined[-1] if joined else None
        if before is not None and _touch(before, draft):
            joined[-1] = _as_one(before, draft)
        else:
            joined.append(draft)
    return joined


def _touch(before: Draft, draft: Draft) -> bool:
    one, other = before.rows[-1].event, draft.rows[-1].event
    are_whole = isinstance(one, hl7.AdministrationGiven) and isinstance(other, hl7.AdministrationGiven)
    is_plain = not (before.is_voided or draft.is_voided or before.moments or draft.moments)
    touches = before.stop is not None and before.stop == draft.start
    return are_whole and is_plain and other.rows_join and drug_key(one) == drug_key(other) and touches


def _as_one(before: Draft, draft: Draft) -> Draft:
    """One row from the first start to the last stop, with the doses of both; `before` begins it."""
    first, last = before.rows[-1], draft.rows[-1]
    one, other = first.event, last.event
    dose = one.dose
    if dose is not None and other.dose is not None and dose.unit == other.dose.unit:
        dose = hl7.Quantity(dose.amount + other.dose.amount, dose.unit)
    remarks = tuple(dict.fromkeys((*one.remarks, *other.remarks)))
    whole = msgspec.structs.replace(one, stop=other.stop, dose=dose, remarks=remarks)
    rows = [*before.joined, *before.rows, *draft.rows]
    return Draft(
        [Row(whole, first.order, first.control_id, first.message)], remarks=before.remarks + draft.remarks, joined=rows
    )


def _open(drafts: list[Draft], row: Row) -> None:
    """A start, a whole record, a refusal: the row's own administration, unless it speaks of one that is there."""
    event = row.event
    target = find(drafts, event) if event.action is Action.UPDATE else _same(drafts, event)
    if target is None:
        drafts.append(Draft([row]))
        return
    if event.action is Action.UPDATE and _corrects(target, event):
        target.remarks.append("CORRECTED_RECORD")
    target.rows.append(row)


def _corrects(draft: Draft, event: AdministrationEvent) -> bool:
    """Whether an update changes a time that was documented, rather than adding one that was not."""
    start, stop = exact(event.at), exact(event.stop)
    return bool((start and draft.start and start != draft.start) or (stop and draft.stop and stop != draft.stop))


def _same(drafts: Sequence[Draft], event: AdministrationEvent) -> Draft | None:
    return next((draft for draft in drafts if draft.has(*identity(event))), None)


def find(drafts: Sequence[Draft], event: AdministrationEvent) -> Draft | None:
    """The administration that an update or a void speaks of, by ever looser identity; None when it is not clear.

    The same number, drug and start; the same drug and start; the only one of that number and drug (its start is
    being corrected); the same number and start (its drug is being corrected); the only one of the order.
    """
    sub_id, drug, start = identity(event)
    ways = (
        [d for d in drafts if d.has(sub_id, drug, start)],
        [d for d in drafts if start and any(identity(r.event)[1:] == (drug, start) for r in d.rows)],
        [d for d in drafts if any(identity(r.event)[:2] == (sub_id, drug) for r in d.rows)],
        [d for d in drafts if start and any(r.event.sub_id == sub_id and exact(r.event.at) == start for r in d.rows)],
        list(drafts) if not drug else [],
    )
    return next((found[0] for found in ways if len(found) == 1), None)


def _bags_as_one(drafts: list[Draft], moments: Sequence[Row]) -> list[Draft]:
    """Starts that only resume a bag, or hang a new one on a running infusion, as moments of what began before.

    Only now, when it is known what was entered in error: nothing goes on with an administration that never was.
    """
    if len(drafts) < 2:
        return drafts
    kept: list[Draft] = []
    for draft in sorted(drafts, key=_started_order):
        event = draft.rows[-1].event
        is_open = isinstance(event, hl7.AdministrationStarted) and draft.stop is None and not draft.is_voided
        before = [one for one in kept if _is_given(one)] if is_open else []
        target = _same_bag(before, event) or _running_before(before, event, moments) if before else None
        if target is None:
            kept.append(draft)
        else:
            target.joined += draft.rows[:-1]
            target.moments.append(draft.rows[-1])
    return kept


def _started_order(draft: Draft) -> tuple[float, Order]:
    return (draft.start.timestamp() if draft.start else float("inf")), draft.rows[0].order


def _is_given(draft: Draft) -> bool:
    """Whether it took place, as far as is known."""
    return not draft.is_voided and not isinstance(draft.rows[-1].event, hl7.AdministrationNotGiven)


def _same_bag(drafts: Sequence[Draft], event: AdministrationEvent) -> Draft | None:
    """The administration of an order that names one bag: whatever starts later resumes it."""
    return drafts[0] if event.order_is_bag else None


def _running_before(drafts: Sequence[Draft], event: AdministrationEvent, moments: Sequence[Row]) -> Draft | None:
    """The infusion that this row hangs a new bag on: same drug, both rows with a rate, no stop of its own.

    A rate is what tells a continuous infusion from the next dose of an intermittent one. Many such doses have one too:
    a bag that held too little was an earlier dose, and where nobody can tell a person is asked.
    """
    start = exact(event.at)
    if event.rate is None or start is None:
        return None
    running = [
        draft
        for draft in drafts
        if draft.opening.rate is not None
        and drug_key(draft.opening) == drug_key(event)
        and draft.opening.word.casefold() == event.word.casefold() != ""
        and draft.stop is None
        and draft.start is not None
        and draft.start < start
    ]
    if (target := max(running, key=lambda draft: draft.start or start, default=None)) is None:
        return None
    bag = (target.moments or target.rows)[-1].event  # no moments yet but further bags
    goes_on = runs_until(bag, event, [row.event for row in moments if drug_key(row.event) in ("", drug_key(event))])
    if goes_on is None:
        target.remarks.append("BAG_CHANGE_ASSUMED")
    return None if goes_on is False else target


def _moment_order(row: Row) -> tuple[float, Order]:
    at = exact(row.event.at) or exact(row.event.stop)
    return (at.timestamp() if at else float("inf")), row.order


def _attach(drafts: list[Draft], row: Row, *, is_last: bool) -> None:
    """A stop, pause, restart or rate change: to the administration of its order that had begun by then.

    Of a stop in the minute of the next bag, with one for that bag to come, it is the bag before.
    """
    at = exact(row.event.at) or exact(row.event.stop)
    drug = drug_key(row.event)
    given = [d for d in drafts if _is_given(d)] or drafts
    alike = [d for d in given if not drug or drug_key(d.opening) == drug] or given
    begun = [d for d in alike if d.start is not None and at is not None and d.start <= at]
    if isinstance(row.event, _ENDS) and not is_last:
        begun = [d for d in begun if d.start != at] or begun
    begun = [d for d in begun if not d.opening.is_bolus] or begun
    newest_first = sorted(begun, key=lambda d: (d.start or at, d.rows[0].order), reverse=True)
    target = newest_first[0] if newest_first else None
    # A bolus out of a running bag begins later than the infusion, and the stop is the infusion's all the same.
    if target and target.opening.rate is None:
        rated = next((d for d in newest_first if d.opening.rate is not None), None)
        is_other = rated is not None and rated.opening.word.casefold() != target.opening.word.casefold()
        target = rated if rated and is_other and runs_of(rated)[-1].stop is None else target
    target = target or (alike[0] if len(alike) == 1 else None)
    if target is None:
        target = Draft([row])  # a stop without a start: kept, so that it ends in a finding
        drafts.append(target)
    target.moments.append(row)


def runs_of(draft: Draft) -> tuple[coding.Run, ...]:
    """The stretches of running time: pauses split it, a restart goes on, a stop ends it.

    Never empty; a time that is not documented is None.
    """
    if draft.runs:
        return draft.runs
    begun = draft.opening if not isinstance(draft.opening, _MOMENTS) else None
    runs: list[coding.Run] = []
    start = draft.start if begun else None
    is_running = True
    for row in sorted(draft.moments, key=_moment_order):
        at = exact(row.event.at) or exact(row.event.stop)
        if at is None:
            continue
        if isinstance(row.event, _BEGINNINGS) and not is_running:
            start, is_running = at, True
        elif isinstance(row.event, _ENDS) and is_running:  # stopped while paused, or twice: it had ended already
            runs.append(coding.Run(start, at))
            is_running = False
    if is_running:
        runs.append(coding.Run(start, draft.stop))
    return tuple(runs) or (coding.Run(start, draft.stop),)


def is_running(draft: Draft) -> bool:
    """Whether an infusion that has begun has no documented end."""
    last = runs_of(draft)[-1]
    return last.start is not None and last.stop is None and newest(draft, "method", "unknown") == "infusion"


def newest(draft: Draft, name: str, empty: object) -> object:
    """The last value that a row gives for a field, in fold order."""
    rows = [*draft.rows, *draft.moments]
    return next((v for row in reversed(rows) if (v := getattr(row.event, name)) != empty), empty)
