"""RAS: what was given. One event per RXA row, or per mixture that several rows describe.

HL7 v2 chapter 4A. RXA-3 is the time of the event that the row is about (a start, a rate change, a stop); RXA-4 means
something only where it is later.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from hl7_parsers import events, fields, tables
from hl7_parsers.draft import Draft
from hl7_parsers.er7 import Delimiters, Er7, Segment, first_in
from hl7_parsers.events import Action, AdministrationEvent, Code, Component, Remark, Time
from hl7_parsers.fields import at, places
from hl7_parsers.header import Times
from hl7_parsers.keeping import Kept
from hl7_parsers.layout import OrderGroup, Row, Run
from hl7_parsers.orders import NO_PARTS, Parts, components, join_texts, put_order, read_notes, read_route, routes
from hl7_parsers.profile import SenderProfile
from hl7_parsers.rxa import Said, read_amount, read_said, telling_fields
from hl7_parsers.timestamps import NO_TIME, ReadTime
from hl7_parsers.waste import read_waste

_MOMENTS: dict[str, type[AdministrationEvent]] = {
    "stopped": events.AdministrationStopped,
    "paused": events.AdministrationPaused,
    "resumed": events.AdministrationResumed,
    "rate_changed": events.AdministrationRateChanged,
    "running": events.AdministrationRateChanged,
    "wasted": events.DrugWasted,
    "not_given": events.AdministrationNotGiven,
    "voided": events.AdministrationVoided,
    "unclear": events.AdministrationUnclear,
}
_TIMES = {"at": 3, "stop": 4}
_PARTS_MAX = 200  # of one mixture; a message that lists more would make each of its events that long
_MISSING = "TIME_MISSING"
_NEED_NO_TIME = frozenset({"not_given", "voided", "unclear"})
# Drugs of one bag or syringe can be one row each on these routes; two tablets or two injections stay two.
_MIXTURE_ROUTES = frozenset({"intravenous", "intra_arterial", "subcutaneous", "epidural", "unknown"})
_RATE_FACTOR_MAX = 1.5  # between what rate and time make and the amount; a last bag may run out early


class _Order(msgspec.Struct, gc=False):
    """What an order says of each of its administrations."""

    draft: Draft
    parts: Parts  # what RXC lists
    has_one_drug: bool  # so that the parts can be about each of its rows


class _Model(NamedTuple):
    """The event that an RXA and its RXR make, to be filled with what is of one record alone: order, times, notes."""

    event: AdministrationEvent
    places: dict[str, str]
    route: Draft
    said: Said


class _Reading(NamedTuple):
    """How the rows of a sender are read."""

    profile: SenderProfile
    width: int  # of a row: its fields up to the last that is read
    telling: Callable[[list[str]], tuple[str, ...]]  # the raw fields that `Said` is made of
    of_all: dict[str, bool]  # what holds for every administration of this sender
    # By whether there is a start and a stop, the number of RXA and RXR, the line of RXR, and those raw fields, joined.
    models: Kept[tuple[bool, bool, int, int, str, str], _Model]


@functools.lru_cache(maxsize=32)
def _reading(profile: SenderProfile, marks: Delimiters) -> _Reading:
    telling = telling_fields(profile)
    width = max(*telling, 15, profile.entered_field, profile.sub_id_field, profile.blood_unit_field) + 1

    def said(key: tuple[int, bool, str]) -> Said:
        number, is_method_told, told = key
        row = ["RXA"] + [""] * width
        for place, raw in zip(telling, told.split(marks.field), strict=True):
            row[place] = raw
        return read_said(Segment("RXA", "", number, marks, row), is_method_told, profile)

    of_rows = Kept(said, 4096)

    def model(key: tuple[bool, bool, int, int, str, str]) -> _Model:
        has_start, has_stop, number, number_of_route, route_line, told = key
        route = routes(marks)[number_of_route, route_line] if number_of_route else Draft()
        said = of_rows[number, "method" in route.values, told]
        draft = route.copy()
        draft.take(said.draft)
        named = [name for name, is_there in (("at", has_start), ("stop", has_stop)) if is_there]
        where = {name: places("RXA", number, width)[_TIMES[name]] for name in named}
        kind = _kind(said.meaning, has_start, has_stop, said.action)
        return _Model(kind(**draft.values), draft.places | where, route, said)

    of_all = {name: True for name in ("order_is_bag", "rows_join") if getattr(profile, name)}
    return _Reading(profile, width, itemgetter(*telling), of_all, Kept(model, 4096))


def _kind(meaning: str, has_start: bool, has_stop: bool, action: Action) -> type[AdministrationEvent]:
    """Which event a row is, by its action code, its word and its times."""
    if action is Action.DELETE:
        return events.AdministrationVoided
    if meaning in _MOMENTS and not (meaning == "stopped" and has_start and has_stop):
        return _MOMENTS[meaning]
    if not has_stop:
        return events.AdministrationStarted
    return events.AdministrationGiven if has_start else events.AdministrationStopped


def read_administrations(message: Er7, times: Times, profile: SenderProfile) -> list[AdministrationEvent]:
    """The events of a RAS message, in its order. Rows that say nothing happened are remarked on in `times`."""
    found: list[AdministrationEvent] = []
    reading = _reading(profile, message.delimiters)
    for group in message.layout.order_groups():
        if not group.runs:
            continue
        order = _order(message, group, reading, times)
        for run in group.runs:
            for mixture in _mixtures(message, run, profile):
                event = _event(message, mixture, order, reading, times)
                if event is not None:
                    found.append(event)
    return found


def _order(message: Er7, group: OrderGroup, reading: _Reading, times: Times) -> _Order:
    draft = Draft(reading.of_all.copy())
    put_order(message, group, draft, times, reading.profile)
    parts = components(message, group, reading.profile)
    has_one_drug = not parts.parts or len({_drug(message, row) for run in group.runs for row in run.rows}) == 1
    return _Order(draft, parts, has_one_drug)


def _drug(message: Er7, row: Row) -> Code:
    return fields.code(message.segment(row.rxa), 5)


def _mixtures(message: Er7, run: Run, profile: SenderProfile) -> Iterable[Run]:
    """The administrations of a run: rows of different drugs with the same times are one mixture.

    If the sender means that, and if drugs can be mixed on that route.
    """
    if len(run.rows) == 1:
        return (run,)
    route = read_route(message, run.rxr).values.get("route", tables.UNKNOWN) if run.rxr else tables.UNKNOWN
    if profile.ingredients != "same_times" or route not in _MIXTURE_ROUTES:
        return (Run([row], run.rxr) for row in run.rows)
    return (Run(rows, run.rxr) for rows in _alike(message, run.rows, profile))


def _alike(message: Er7, rows: list[Row], profile: SenderProfile) -> Iterator[list[Row]]:
    alike: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        rxa = message.segment(row.rxa)
        alone = "" if rxa.text(3) else str(rxa.number)
        key = (rxa.text(3), rxa.text(4), rxa.text(profile.word_field), rxa.text(21), alone)
        alike.setdefault(key, []).append(row)
    for same in alike.values():
        if len({_drug(message, row) for row in same}) == len(same):
            yield same
        else:
            yield from ([row] for row in same)


def _event(message: Er7, run: Run, order: _Order, reading: _Reading, times: Times) -> AdministrationEvent | None:
    """The event of an administration, on top of what its order says; None when its word says that nothing happened."""
    profile, width, telling, _, models = reading
    rxa, rxr, marks = run.rows[0].rxa, run.rxr, message.delimiters
    row, where = message.row(rxa, width), places("RXA", rxa.number, width)
    start, stop, doubts = _start_and_stop(row, where, profile, times)
    route_number, route_line = (rxr.number, message.lines[rxr.line]) if rxr is not None else (0, "")
    key = (start is not None, stop is not None, rxa.number, route_number, route_line, marks.field.join(telling(row)))
    event, named, route, said = models.get(key) or models[key]
    if said.is_empty and not first_in(row[3], marks) and not first_in(row[4], marks):
        times.remarks.append(Remark("ROW_EMPTY", where[3]))
        return None
    if said.meaning == "silent":
        times.remarks.append(Remark("ACTION_WITHOUT_EVENT", where[profile.word_field]))
        return None
    values, named, remarks = order.draft.values.copy(), order.draft.places | named, route.remarks.copy()
    draft = Draft(values, named, remarks)
    values["at"], values["stop"] = start, stop
    if doubts or said.meaning == "unclear" or not said.is_action_known:
        remarks.extend(_doubts(said, doubts, profile, where))
    if profile.sub_id_field and (sub_id := first_in(row[profile.sub_id_field], marks)):
        values["sub_id"], named["sub_id"] = sub_id, where[profile.sub_id_field]
    if charted := row[profile.entered_field]:
        _put_entered(times.of(charted), where[profile.entered_field], draft)
    if said.draft.remarks:
        remarks.extend(said.draft.remarks)
    if said.pace and start and stop:
        _doubt_rate(said.pace, (stop.at - start.at).total_seconds() / 60, draft)
    if event.indication:
        values.pop("indication", None)  # the order's, which gives way to the row's own
    if order.parts is not NO_PARTS or len(run.rows) > 1:
        _put_parts(_parts(message, run, order, event, profile), draft)
    if said.meaning == "flushed":  # not a drug by itself: the word goes with the notes, where that is looked for
        draft.put("note", join_texts([values.get("note", ""), event.word]), named["word"])
    if run.rows[0].notes or row[9] or len(run.rows) > 1:
        _put_notes(message, run.rows, row[9], draft)
    if row[15] or profile.blood_unit_field:
        _put_lot(row, where, marks, draft, profile)
    values["places"], values["remarks"] = named, tuple(remarks)
    return replace(event, **values)


def _doubts(said: Said, of_times: list[Remark], profile: SenderProfile, where: tuple[str, ...]) -> Iterator[Remark]:
    """What is doubtful about a row: its word, its times, its action code."""
    if said.meaning == "unclear":
        yield Remark("ACTION_UNKNOWN", where[profile.word_field])
    yield from (doubt for doubt in of_times if doubt.id != _MISSING or said.meaning not in _NEED_NO_TIME)
    if not said.is_action_known:
        yield Remark("ACTION_CODE_UNKNOWN", where[21])


def _start_and_stop(
    row: list[str], where: tuple[str, ...], profile: SenderProfile, times: Times
) -> tuple[Time | None, Time | None, list[Remark]]:
    """RXA-3 and RXA-4, and what is doubtful about them. The stop counts where it is later, or alone."""
    known = times.kept
    started = known.get(row[3]) or known[row[3]]
    stopped = (known.get(row[4]) or known[row[4]]) if profile.stop_is == "end" else NO_TIME
    start, stop = started.time, stopped.time
    doubts: list[Remark] = []
    if started.doubts or stopped.doubts:
        doubts += [Remark(doubt, where[3]) for doubt in started.doubts]
        doubts += [Remark(doubt, where[4]) for doubt in stopped.doubts]
    if start is None and stop is None and not started.remark:
        doubts.append(Remark(_MISSING, where[3]))
    if start is None or stop is None:
        return start, stop, doubts
    if stop.at <= start.at:
        stop = stopped.later or stop  # the night the clock goes back: 01:30 to 01:15 is 45 minutes
        if stop.at < start.at:
            return start, None, [*doubts, Remark("STOP_BEFORE_START", where[4])]
        if stop.at == start.at and profile.equal_times == "open":
            return start, None, doubts
    if profile.time_zone and stop.offset_from == "message" and _clock_changed(start, stop, profile):
        doubts.append(Remark("TIME_OFFSET_DOUBTFUL", where[4]))
    return start, stop, doubts


def _clock_changed(start: Time, stop: Time, profile: SenderProfile) -> bool:
    """Whether the sender's clock changed between two times that have but the one offset of the message."""
    zone = profile.zone
    walls = (start.at.replace(tzinfo=None), stop.at.replace(tzinfo=None))
    return zone is not None and len({zone.utcoffset(wall) for wall in walls}) > 1


def _put_entered(charted: ReadTime, place: str, draft: Draft) -> None:
    """When it was charted."""
    if charted.remark:
        draft.doubt(charted.remark, place)
    if charted.time:
        draft.values["entered"], draft.places["entered"] = charted.time, place


def _doubt_rate(pace: tuple[float, float], minutes: float, draft: Draft) -> None:
    """Remark on a rate that cannot have given the amount in that time; nobody can tell which of them is wrong."""
    per_minute, amount = pace
    if not amount / _RATE_FACTOR_MAX <= per_minute * minutes <= amount * _RATE_FACTOR_MAX:
        draft.doubt("RATE_CONTRADICTS", draft.places["rate"])


def _parts(message: Er7, run: Run, order: _Order, event: AdministrationEvent, profile: SenderProfile) -> Parts:
    """RXC where it lists the mixture, else the rows; a single RXC of another drug makes two with the row's own."""
    listed, place = order.parts if order.has_one_drug or len(run.rows) > 1 else NO_PARTS
    if len(listed) > 1:
        return order.parts
    if len(run.rows) > 1:
        rows = [message.segment(row.rxa) for row in run.rows]
        return Parts(tuple(Component(fields.code(r, 5), "", read_amount(r, profile)) for r in rows), at(rows[0], 5))
    if listed and not _is_same_drug(listed[0].drug, event.drug):
        other = {"additive": "base", "base": "additive"}.get(listed[0].kind, "")
        return Parts((Component(event.drug, other, event.dose), listed[0]), place)
    return NO_PARTS


def _put_parts(parts: Parts, draft: Draft) -> None:
    """The parts of the mixture where there are two or more."""
    if len(parts.parts) > 1:
        draft.put("components", parts.parts[:_PARTS_MAX], parts.place)
        if len(parts.parts) > _PARTS_MAX:
            draft.doubt("TOO_MANY_COMPONENTS", parts.place)


def _is_same_drug(one: Code, other: Code) -> bool:
    """Whether two coded elements name the same drug; an empty one names none of its own."""
    if one.id and other.id:
        return one.id == other.id
    return (not other.id and not other.text) or one.text.casefold() == other.text.casefold()


def _put_lot(row: list[str], where: tuple[str, ...], marks: Delimiters, draft: Draft, profile: SenderProfile) -> None:
    """The number of a unit of blood. A drug's row has an order or a unit of measure, and a lot number in that field."""
    has_order = "placer" in draft.values or "filler" in draft.values
    place = profile.blood_unit_field
    if place and not has_order and not first_in(row[7], marks) and (number := first_in(row[place], marks)):
        draft.put("blood_unit", number, where[place])
    elif lot := first_in(row[15], marks):
        draft.put("lot", lot, where[15])


def _put_notes(message: Er7, rows: Sequence[Row], free_text: str, draft: Draft) -> None:
    """Notes of the rows and RXA-9, behind those of the order."""
    following = rows[0].notes if len(rows) == 1 else [nte for row in rows for nte in row.notes]
    note = read_notes(message, following) if following else ""
    if free_text:
        note = join_texts([note, _free_text(free_text, message.delimiters)])
    if not note:
        return
    place = places("NTE", following[0].number, 4)[3] if following else places("RXA", rows[0].rxa.number, 10)[9]
    if waste := read_waste(note):
        draft.put("waste", waste, place)
    if "note" in draft.values:
        note = join_texts([draft.values["note"], note])
    draft.values["note"], draft.places["note"] = note, place


def _free_text(raw: str, marks: Delimiters) -> str:
    """RXA-9: the text of each repetition, else an identifier that is more than a number."""
    found = [fields.codes_in(each, marks)[0] for each in raw.split(marks.repetition)[:20]]
    return join_texts([code.text or ("" if code.id.isdigit() else code.id) for code in found])
