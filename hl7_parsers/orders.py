"""The order groups of a RAS or RDE message: which RXO, RXE, RXR, RXC, TQ1 and NTE belong to which ORC and RXA.

HL7 v2 chapter 4A: up to 2.4 one RXR closes all RXA of an order, from 2.5 one closes each run of them; the next RXR
after a run of RXA is right for both. An RXR before the first RXA of an order is the ordered route and the fallback.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from hl7_parsers import tables
from hl7_parsers.draft import Draft
from hl7_parsers.er7 import NULL, Delimiters, Er7, Segment, unescape
from hl7_parsers.events import Component, Quantity
from hl7_parsers.fields import NO_CODE, at, code, minutes, number, number_with_unit, unit
from hl7_parsers.header import Times
from hl7_parsers.keeping import kept
from hl7_parsers.profile import SenderProfile
from hl7_parsers.timestamps import read_time

_KINDS = {"A": "additive", "B": "base"}
_NOTE_LENGTH_MAX = 2000  # characters kept of a note; what is looked for in it is a few words
_OF_AN_ORDER = ("ORC", "TQ1", "RXO", "RXE", "RXR", "RXC", "RXA", "NTE")


@dataclass(slots=True)
class Row:
    """One RXA and the notes that follow it."""

    rxa: Segment
    notes: list[Segment] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """RXA rows that share one RXR, if one follows them."""

    rows: list[Row]
    rxr: Segment | None = None


@dataclass(slots=True)
class OrderGroup:
    """One ORC and what belongs to it."""

    orc: Segment | None = None
    rxo: Segment | None = None
    rxe: Segment | None = None
    rxr: Segment | None = None
    tq1: list[Segment] = field(default_factory=list)
    rxc_ordered: list[Segment] = field(default_factory=list)
    rxc_encoded: list[Segment] = field(default_factory=list)
    rxc_given: list[Segment] = field(default_factory=list)
    notes: list[Segment] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)


def order_groups(message: Er7) -> list[OrderGroup]:
    """Every order group, in order. Segments without an ORC make a group of their own."""
    groups: list[OrderGroup] = []
    for segment in message.all(*_OF_AN_ORDER):
        name = segment.name
        if len(segment.line) == len(name):
            continue
        if name == "ORC":
            groups.append(OrderGroup(orc=segment))
        elif name != "NTE":
            if not groups or _begins_group(groups[-1], name):
                groups.append(OrderGroup(orc=groups[-1].orc if groups else None))
            _add(groups[-1], segment)
        elif groups:
            _add_note(groups[-1], segment)
    return groups


def _begins_group(group: OrderGroup, name: str) -> bool:
    """An order's segment where the group has one and is past it, without an ORC in between."""
    if name == "RXO":
        return group.rxo is not None or group.rxe is not None or bool(group.runs)
    return name == "RXE" and (group.rxe is not None or bool(group.runs))


def _add_note(group: OrderGroup, note: Segment) -> None:
    (group.runs[-1].rows[-1].notes if group.runs else group.notes).append(note)


def _add(group: OrderGroup, segment: Segment) -> None:
    match segment.name:
        case "RXR":
            _add_route(group, segment)
        case "RXC":
            _components_of(group).append(segment)
        case "RXA" if group.runs and group.runs[-1].rxr is None:
            group.runs[-1].rows.append(Row(segment))
        case "RXA":
            group.runs.append(Run([Row(segment)]))
        case "RXO":
            group.rxo = segment
        case "RXE":
            group.rxe = segment
        case "TQ1":
            group.tq1.append(segment)


def _components_of(group: OrderGroup) -> list[Segment]:
    if group.runs:
        return group.rxc_given
    return group.rxc_encoded if group.rxe is not None else group.rxc_ordered


def _add_route(group: OrderGroup, rxr: Segment) -> None:
    """The first RXR counts; more of them in one place are alternatives."""
    if group.runs:
        if group.runs[-1].rxr is None:
            group.runs[-1].rxr = rxr
    elif group.rxr is None:
        group.rxr = rxr


class Parts(NamedTuple):
    """The parts of a mixture, and where the first stands."""

    parts: tuple[Component, ...] = ()
    place: str = ""


NO_PARTS = Parts()


def components(group: OrderGroup, profile: SenderProfile) -> Parts:
    """The parts that RXC lists. What was ordered and what was encoded are not added up."""
    lists = [group.rxc_encoded, group.rxc_ordered]
    if profile.components_from == "RXO":
        lists.reverse()
    chosen = next((rows for rows in (group.rxc_given, *lists) if rows), [])
    if not chosen:
        return NO_PARTS
    parts = (_component(rxc.line, rxc.delimiters, profile.dose_holds_unit) for rxc in chosen)
    return Parts(tuple(part for part in parts if part.drug != NO_CODE), at(chosen[0], 2))


@kept(4096)
def _component(line: str, delimiters: Delimiters, holds_unit: bool) -> Component:
    """One RXC. Kept: a pharmacy's mixtures come again and again."""
    rxc = Segment("RXC", line, 1, delimiters)
    text = rxc.text(3)
    quantity = number_with_unit(text) if holds_unit else None
    if quantity is None and (amount := number(text)) is not None:
        quantity = Quantity(amount, unit(rxc, 4))
    return Component(code(rxc, 2), _KINDS.get(rxc.text(1).upper(), ""), quantity)


def ordered_minutes(group: OrderGroup) -> tuple[int | None, str]:
    """How long it was to run, and where that stands: RXE-22, else TQ1-13, else TQ.11 of RXE-1 or ORC-7."""
    if group.rxe is not None and (found := minutes(group.rxe.text(22))):
        return found, at(group.rxe, 22)
    for tq1 in group.tq1:
        if found := minutes(tq1.text(13), tq1.text(13, 2)):
            return found, at(tq1, 13)
    for segment, number_of_field in ((group.rxe, 1), (group.orc, 7)):
        if segment is None or not segment.raw(number_of_field):
            continue
        if found := minutes(segment.text(number_of_field, 11)):
            return found, at(segment, number_of_field)
    return None, ""


def note_text(segments: list[Segment]) -> str:
    """NTE-3, else NTE-4, of wrapped lines joined by blanks."""
    return join_texts([_note_line(nte) for nte in segments])


def _note_line(nte: Segment) -> str:
    text = nte.raw(3) or nte.raw(4)
    if text == NULL or not text:
        return ""
    marks = nte.delimiters
    plain = text[:_NOTE_LENGTH_MAX].replace(marks.repetition, " ").replace(marks.component, " ")
    return unescape(plain.strip(), marks)


def join_texts(texts: list[str]) -> str:
    """Texts joined by blanks, up to the length that is kept."""
    if len(texts) == 1:
        return texts[0][:_NOTE_LENGTH_MAX]
    joined: list[str] = []
    length = 0
    for text in texts:
        if text and length < _NOTE_LENGTH_MAX:
            joined.append(text)
            length += len(text) + 1
    return " ".join(joined)[:_NOTE_LENGTH_MAX]


def put_order(group: OrderGroup, draft: Draft, times: Times, profile: SenderProfile) -> None:
    """What ORC, RXE, TQ1 and the order's notes say of every administration of the order."""
    orc = group.orc
    if orc is not None:
        placer, filler = profile.order_fields
        for name, number_of_field in (("placer", placer), ("filler", filler), ("group", 4)):
            if number_of_field and (value := orc.text(number_of_field)):
                draft.put(name, value, at(orc, number_of_field))
        entered = read_time(orc.text(9), times.clock).time
        if entered:
            draft.put("entered", entered, at(orc, 9))
    planned, place = ordered_minutes(group)
    if planned:
        draft.put("ordered_minutes", planned, place)
    if group.notes and (note := note_text(group.notes)):
        draft.put("note", note, at(group.notes[0], 3))
    if group.rxe is not None and (reason := code(group.rxe, 27)) != NO_CODE:
        draft.put("indication", reason.text or reason.id, at(group.rxe, 27))


def put_route(rxr: Segment, draft: Draft) -> None:
    """RXR: route, access site, device, method. What the tables do not know is left out."""
    for name, value, number_of_field in _route_values(rxr.line, rxr.delimiters):
        if value:
            draft.put(name, value, at(rxr, number_of_field))
        else:
            draft.doubt(name, at(rxr, number_of_field))


@kept(4096)
def _route_values(line: str, delimiters: Delimiters) -> tuple[tuple[str, str, int], ...]:
    """What one RXR says: names, values and fields, or a remark's id without a value. Kept: there are but a few."""
    rxr = Segment("RXR", line, 1, delimiters)
    recorded_route, site, recorded = code(rxr, 1), code(rxr, 2), code(rxr, 4)
    device = tables.device(code(rxr, 3))
    method = tables.method(recorded, recorded_route)
    method_field = 4 if tables.method(recorded, NO_CODE) != tables.UNKNOWN else 1
    found = [("route", tables.route(recorded_route), 1), ("access_site", site.id or site.text, 2)]
    found += [("device", device or "", 3), ("method", method, method_field)]
    said = [each for each in found if each[1] not in ("", "none", tables.UNKNOWN)]
    return (*said, ("DEVICE_UNKNOWN", "", 3)) if device is None else tuple(said)
