"""RAS: what was given. One event per RXA row, or per mixture that several rows describe.

HL7 v2 chapter 4A. RXA-3 is the time of the event that the row is about (a start, a rate change, a stop); RXA-4 means
something only where it is later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from hl7_parsers import fields, tables
from hl7_parsers.draft import Draft
from hl7_parsers.er7 import Delimiters, Er7, first_in
from hl7_parsers.events import AdministrationEvent, Code, Component, Quantity, Remark, Time
from hl7_parsers.fields import at, places
from hl7_parsers.header import Times
from hl7_parsers.layout import OrderGroup, Row, Run
from hl7_parsers.models import Reading, reading_of
from hl7_parsers.orders import (
    NO_ORC,
    NO_PARTS,
    Orc,
    Parts,
    Told,
    components,
    join_texts,
    put_plan,
    read_notes,
    read_orc,
    read_route,
)
from hl7_parsers.profile import SenderProfile
from hl7_parsers.rxa import Said, read_amount
from hl7_parsers.timestamps import NO_TIME
from hl7_parsers.waste import read_waste

_NO_PLAN = Draft()
_PARTS_MAX = 200  # of one mixture; a message that lists more would make each of its events that long
_MISSING = "TIME_MISSING"
_NEED_NO_TIME = frozenset({"not_given", "voided", "unclear"})
# Drugs of one bag or syringe can be one row each on these routes; two tablets or two injections stay two.
_MIXTURE_ROUTES = frozenset({"intravenous", "intra_arterial", "subcutaneous", "epidural", "unknown"})
_RATE_FACTOR_MAX = 1.5  # between what rate and time make and the amount; a last bag may run out early


class _Order(msgspec.Struct, gc=False):
    """What an order says of each of its administrations."""

    orc: Orc
    told: Told  # by the ORC
    plan: Draft  # what few orders say
    parts: Parts = NO_PARTS  # what RXC lists
    has_one_drug: bool = True  # so that the parts can be about each of its rows
    is_usual: bool = True  # no plan, no parts


def read_administrations(message: Er7, times: Times, profile: SenderProfile) -> list[AdministrationEvent]:
    """The events of a RAS message, in its order. Rows that say nothing happened are remarked on in `times`."""
    found: list[AdministrationEvent] = []
    reading = reading_of(profile, message.delimiters)
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


def _order(message: Er7, group: OrderGroup, reading: Reading, times: Times) -> _Order:
    profile = reading.profile
    orc = read_orc(message, group.orc, times, profile) if group.orc is not None else NO_ORC
    if group.is_plain and not orc.has_timing:
        return _Order(orc, orc.told(), _NO_PLAN)
    plan = Draft()
    put_plan(message, group, orc, plan)
    parts = components(message, group, profile)
    has_one_drug = not parts.parts or len({_drug(message, row) for run in group.runs for row in run.rows}) == 1
    return _Order(orc, orc.told(), plan, parts, has_one_drug, parts is NO_PARTS and not plan.values)


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


def _event(message: Er7, run: Run, order: _Order, reading: Reading, times: Times) -> AdministrationEvent | None:
    """The event of an administration, on top of what its order says; None when its word says that nothing happened."""
    profile, width, telling, models = reading
    rows, rxr, orc, marks = run.rows, run.rxr, order.orc, message.delimiters
    rxa = rows[0].rxa
    row = message.row(rxa, width)
    start, stop, doubts = _start_and_stop(row, rxa.number, profile, times)
    sub_id = first_in(row[profile.sub_id_field], marks) if profile.sub_id_field else ""
    charted = times.of(row[profile.entered_field])
    note, note_place = _note(message, rows, row[9]) if rows[0].notes or row[9] or len(rows) > 1 else ("", "")
    has = (start is not None, stop is not None, sub_id != "", charted.time is not None)
    route_number, route_line = (rxr.number, message.lines[rxr.line]) if rxr is not None else (0, "")
    key = (order.told, rxa.number, has, note_place, route_number, route_line, marks.field.join(telling(row)))
    model = models.get(key) or models[key]
    if not model.is_usual and (silence := _silence(model.said, row, rxa.number, marks, profile)):
        times.remarks.append(silence)
        return None
    event = replace(
        model.event,
        placer=orc.placer,
        filler=orc.filler,
        group=orc.group,
        entered=charted.time or orc.entered,
        at=start,
        stop=stop,
        sub_id=sub_id,
        note=note,
    )
    waste = read_waste(note) if note else None
    is_usual = model.is_usual and len(rows) == 1 and order.is_usual
    if is_usual and not (doubts or charted.remark or waste or row[15]):
        return event
    return _with_more(message, event, _Record(order, model.said, rows, row, doubts, charted.remark, waste), profile)


def _silence(said: Said, row: list[str], number: int, marks: Delimiters, profile: SenderProfile) -> Remark | None:
    """The remark on a row that says nothing, or says with its word that nothing happened."""
    if said.is_empty and not first_in(row[3], marks) and not first_in(row[4], marks):
        return Remark("ROW_EMPTY", f"RXA[{number}]-3")
    if said.meaning == "silent":
        return Remark("ACTION_WITHOUT_EVENT", f"RXA[{number}]-{profile.word_field}")
    return None


class _Record(NamedTuple):
    """What few administrations have is in one of these."""

    order: _Order
    said: Said
    rows: Sequence[Row]
    row: list[str]
    doubts: list[Remark]  # about the times
    charted_remark: str
    waste: Quantity | None


def _with_more(
    message: Er7, event: AdministrationEvent, record: _Record, profile: SenderProfile
) -> AdministrationEvent:
    """The event with what few have: remarks, their order's plan and notes, waste, parts, a lot or blood."""
    order, said, rows, row, _, _, waste = record
    values, named = order.plan.values.copy(), order.plan.places | event.places
    if event.indication:
        values.pop("indication", None)  # the order's, which gives way to the row's own
    # A flush is not a drug by itself: its word goes with the notes, where that is looked for.
    flush = event.word if said.meaning == "flushed" else ""
    if flush and not event.note:
        named["note"] = named["word"]
    if texts := [text for text in (values.get("note"), flush, event.note) if text]:
        values["note"] = join_texts(texts)
    where = places("RXA", rows[0].rxa.number, len(row))
    draft = Draft(values, named, list(_remarks(event, record, profile, where)))
    if waste:
        draft.put("waste", waste, event.places["note"])
    if order.parts is not NO_PARTS or len(rows) > 1:
        _put_parts(_parts(message, rows, order, event, profile), draft)
    if found := _lot(event, row, message.delimiters, profile):
        name, number, field = found
        draft.put(name, number, where[field])
    return replace(event, **values, places=named, remarks=tuple(draft.remarks))


def _remarks(
    event: AdministrationEvent, record: _Record, profile: SenderProfile, where: tuple[str, ...]
) -> Iterator[Remark]:
    """What is doubtful: about its route, its word, its times, its action code, its amounts."""
    said = record.said
    of_route = len(event.remarks) - len(said.gathered.doubts)
    yield from event.remarks[:of_route]
    if said.meaning == "unclear":
        yield Remark("ACTION_UNKNOWN", where[profile.word_field])
    yield from (doubt for doubt in record.doubts if doubt.id != _MISSING or said.meaning not in _NEED_NO_TIME)
    if not said.is_action_known:
        yield Remark("ACTION_CODE_UNKNOWN", where[21])
    if record.charted_remark:
        yield Remark(record.charted_remark, where[profile.entered_field])
    yield from event.remarks[of_route:]
    if said.pace and event.at and event.stop and _contradicts(said.pace, event.stop.at - event.at.at):
        yield Remark("RATE_CONTRADICTS", event.places["rate"])


def _contradicts(pace: tuple[float, float], time: timedelta) -> bool:
    """Whether a rate cannot have given the amount in that time; nobody can tell which of them is wrong."""
    per_minute, amount = pace
    given = per_minute * (time.total_seconds() / 60)
    return not amount / _RATE_FACTOR_MAX <= given <= amount * _RATE_FACTOR_MAX


def _start_and_stop(
    row: list[str], number: int, profile: SenderProfile, times: Times
) -> tuple[Time | None, Time | None, list[Remark]]:
    """RXA-3 and RXA-4, and what is doubtful about them. The stop counts where it is later, or alone."""
    known = times.kept
    started = known.get(row[3]) or known[row[3]]
    stopped = (known.get(row[4]) or known[row[4]]) if profile.stop_is == "end" else NO_TIME
    start, stop = started.time, stopped.time
    doubts: list[Remark] = []
    if started.doubts or stopped.doubts:
        doubts += [Remark(doubt, f"RXA[{number}]-3") for doubt in started.doubts]
        doubts += [Remark(doubt, f"RXA[{number}]-4") for doubt in stopped.doubts]
    if start is None and stop is None and not started.remark:
        doubts.append(Remark(_MISSING, f"RXA[{number}]-3"))
    if start is None or stop is None:
        return start, stop, doubts
    if stop.at <= start.at:
        stop = stopped.later or stop  # the night the clock goes back: 01:30 to 01:15 is 45 minutes
        if stop.at < start.at:
            return start, None, [*doubts, Remark("STOP_BEFORE_START", f"RXA[{number}]-4")]
        if stop.at == start.at and profile.equal_times == "open":
            return start, None, doubts
    if profile.time_zone and stop.offset_from == "message" and _clock_changed(start, stop, profile):
        doubts.append(Remark("TIME_OFFSET_DOUBTFUL", f"RXA[{number}]-4"))
    return start, stop, doubts


def _clock_changed(start: Time, stop: Time, profile: SenderProfile) -> bool:
    """Whether the sender's clock changed between two times that have but the one offset of the message."""
    zone = profile.zone
    walls = (start.at.replace(tzinfo=None), stop.at.replace(tzinfo=None))
    return zone is not None and len({zone.utcoffset(wall) for wall in walls}) > 1


def _parts(
    message: Er7, rows: Sequence[Row], order: _Order, event: AdministrationEvent, profile: SenderProfile
) -> Parts:
    """RXC where it lists the mixture, else the rows; a single RXC of another drug makes two with the row's own."""
    listed, place = order.parts if order.has_one_drug or len(rows) > 1 else NO_PARTS
    if len(listed) > 1:
        return order.parts
    if len(rows) > 1:
        each = [message.segment(row.rxa) for row in rows]
        return Parts(tuple(Component(fields.code(r, 5), "", read_amount(r, profile)) for r in each), at(each[0], 5))
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


def _lot(
    event: AdministrationEvent, row: list[str], marks: Delimiters, profile: SenderProfile
) -> tuple[str, str, int] | None:
    """The number of a unit of blood. A drug's row has an order or a unit of measure, and a lot number in that field."""
    field, has_order = profile.blood_unit_field, event.placer or event.filler
    if field and not has_order and not first_in(row[7], marks) and (number := first_in(row[field], marks)):
        return "blood_unit", number, field
    lot = first_in(row[15], marks)
    return ("lot", lot, 15) if lot else None


def _note(message: Er7, rows: Sequence[Row], free_text: str) -> tuple[str, str]:
    """Notes of the rows and RXA-9, and where the first stands."""
    following = rows[0].notes if len(rows) == 1 else [nte for row in rows for nte in row.notes]
    note = read_notes(message, following) if following else ""
    if free_text:
        note = join_texts([note, _free_text(free_text, message.delimiters)])
    if not note:
        return "", ""
    return note, places("NTE", following[0].number, 4)[3] if following else f"RXA[{rows[0].rxa.number}]-9"


def _free_text(raw: str, marks: Delimiters) -> str:
    """RXA-9: the text of each repetition, else an identifier that is more than a number."""
    found = [fields.codes_in(each, marks)[0] for each in raw.split(marks.repetition)[:20]]
    return join_texts([code.text or ("" if code.id.isdigit() else code.id) for code in found])
