"""The order groups of a RAS or RDE message: which RXO, RXE, RXR, RXC, TQ1 and NTE belong to which ORC and RXA.

HL7 v2 chapter 4A: up to 2.4 one RXR closes all RXA of an order, from 2.5 one closes each run of them; the next RXR
after a run of RXA is right for both. An RXR before the first RXA of an order is the ordered route and the fallback.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from hl7_parsers import tables
from hl7_parsers.er7 import NULL, Er7, Segment, unescape
from hl7_parsers.events import Code, Component, Quantity
from hl7_parsers.fields import at, code, minutes, number, number_with_unit, unit
from hl7_parsers.header import Times
from hl7_parsers.profile import SenderProfile
from hl7_parsers.timestamps import read_time

_KINDS = {"A": "additive", "B": "base"}
_NOTE_LENGTH_MAX = 2000  # characters kept of a note; what is looked for in it is a few words
_OF_AN_ORDER = frozenset({"ORC", "TQ1", "RXO", "RXE", "RXR", "RXC", "RXA"})


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
    for segment in message.segments:
        name = segment.name
        if name == "NTE":
            if groups:
                _add_note(groups[-1], segment)
        elif name in _OF_AN_ORDER and len(segment.line) > len(name):
            if not groups or _begins_group(groups[-1], name):
                groups.append(OrderGroup(orc=groups[-1].orc if groups and name != "ORC" else None))
            _add(groups[-1], segment)
    return groups


def _begins_group(group: OrderGroup, name: str) -> bool:
    """A new ORC, or an order's segment where the group has one and is past it (no ORC in between)."""
    if name == "RXO":
        return group.rxo is not None or group.rxe is not None or bool(group.runs)
    if name == "RXE":
        return group.rxe is not None or bool(group.runs)
    return name == "ORC"


def _add_note(group: OrderGroup, note: Segment) -> None:
    (group.runs[-1].rows[-1].notes if group.runs else group.notes).append(note)


def _add(group: OrderGroup, segment: Segment) -> None:
    match segment.name:
        case "ORC":
            group.orc = segment
        case "RXO":
            group.rxo = segment
        case "RXE":
            group.rxe = segment
        case "TQ1":
            group.tq1.append(segment)
        case "RXC":
            _components_of(group).append(segment)
        case "RXR":
            _add_route(group, segment)
        case "RXA":
            if group.runs and group.runs[-1].rxr is None:
                group.runs[-1].rows.append(Row(segment))
            else:
                group.runs.append(Run([Row(segment)]))


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


def components(group: OrderGroup, profile: SenderProfile) -> tuple[list[Component], str]:
    """The parts of a mixture, and where they stand. What was ordered and what was encoded are not added up."""
    lists = [group.rxc_encoded, group.rxc_ordered]
    if profile.components_from == "RXO":
        lists.reverse()
    chosen = next((rows for rows in (group.rxc_given, *lists) if rows), [])
    parts = [
        Component(drug, _KINDS.get(rxc.text(1).upper(), ""), component_quantity(rxc, profile))
        for rxc in chosen
        if (drug := code(rxc, 2)) != Code()
    ]
    return parts, at(chosen[0], 2) if chosen else ""


def component_quantity(rxc: Segment, profile: SenderProfile) -> Quantity | None:
    """RXC-3 and RXC-4."""
    text = rxc.text(3)
    if profile.dose_holds_unit and (both := number_with_unit(text)):
        return both
    amount = number(text)
    return Quantity(amount, unit(rxc, 4)) if amount is not None else None


def ordered_minutes(group: OrderGroup) -> tuple[int | None, str]:
    """How long it was to run, and where that stands: RXE-22, else TQ1-13, else TQ.11 of RXE-1 or ORC-7."""
    if group.rxe is not None and (found := minutes(group.rxe.text(22))):
        return found, at(group.rxe, 22)
    for tq1 in group.tq1:
        if found := minutes(tq1.text(13), tq1.text(13, 2)):
            return found, at(tq1, 13)
    for segment, number_of_field in ((group.rxe, 1), (group.orc, 7)):
        if segment is not None and (found := minutes(segment.text(number_of_field, 11))):
            return found, at(segment, number_of_field)
    return None, ""


def note_text(segments: list[Segment]) -> str:
    """NTE-3, else NTE-4, of wrapped lines joined by blanks."""
    return join_texts(_note_lines(segments))


def _note_lines(segments: list[Segment]) -> Iterator[str]:
    for nte in segments:
        for number_of_field in (3, 4):
            text = nte.raw(number_of_field)[:_NOTE_LENGTH_MAX].strip()
            if text and text != NULL:
                yield unescape(text.replace(nte.delimiters.repetition or "\r", " "), nte.delimiters)
                break


def join_texts(texts: Iterator[str]) -> str:
    """Texts joined by blanks, up to the length that is kept."""
    joined: list[str] = []
    length = 0
    for text in texts:
        if text and length < _NOTE_LENGTH_MAX:
            joined.append(text)
            length += len(text) + 1
    return " ".join(joined)[:_NOTE_LENGTH_MAX]


class Gathering(Protocol):
    """What values are put into, each with its place."""

    def put(self, name: str, value: object, place: str) -> None:
        """Take a value."""

    def doubt(self, remark: str, place: str) -> None:
        """Take note of something that could not be read as meant."""


def put_order(group: OrderGroup, draft: Gathering, times: Times, profile: SenderProfile) -> None:
    """What ORC, RXE, TQ1 and the order's notes say of every administration of the order."""
    orc = group.orc
    if orc is not None:
        for name, number_of_field in zip(("placer", "filler", "group"), (*profile.order_fields, 4), strict=True):
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
    if group.rxe is not None and (reason := code(group.rxe, 27)) != Code():
        draft.put("indication", reason.text or reason.id, at(group.rxe, 27))


def put_route(rxr: Segment, draft: Gathering) -> None:
    """RXR: route, access site, device, method. What the tables do not know is left out."""
    recorded_route = code(rxr, 1)
    route = tables.route(recorded_route)
    if route != tables.UNKNOWN:
        draft.put("route", route, at(rxr, 1))
    site = code(rxr, 2)
    if site != Code():
        draft.put("access_site", site.id or site.text, at(rxr, 2))
    device = tables.device(code(rxr, 3))
    if device is None:
        draft.doubt("DEVICE_UNKNOWN", at(rxr, 3))
    elif device != "none":
        draft.put("device", device, at(rxr, 3))
    recorded = code(rxr, 4)
    method = tables.method(recorded, recorded_route)
    if method != tables.UNKNOWN:
        draft.put("method", method, at(rxr, 4) if tables.method(recorded, Code()) != tables.UNKNOWN else at(rxr, 1))
