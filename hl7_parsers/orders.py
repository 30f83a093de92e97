"""The order groups of a RAS or RDE message: which RXO, RXE, RXR, RXC, TQ1 and NTE belong to which ORC and RXA.

HL7 v2 chapter 4A: up to 2.4 one RXR closes all RXA of an order, from 2.5 one closes each run of them; the next RXR
after a run of RXA is right for both. An RXR before the first RXA of an order is the ordered route and the fallback.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import msgspec

from hl7_parsers import tables
from hl7_parsers.draft import Draft
from hl7_parsers.er7 import NULL, Delimiters, Er7, Segment, first_in, unescape
from hl7_parsers.events import Component, Quantity
from hl7_parsers.fields import NO_CODE, at, code, minutes, number, number_with_unit, places, unit
from hl7_parsers.header import Times
from hl7_parsers.keeping import Kept, kept
from hl7_parsers.profile import SenderProfile

_KINDS = {"A": "additive", "B": "base"}
_NOTE_LENGTH_MAX = 2000  # characters kept of a note; what is looked for in it is a few words
_NAME_LENGTH = 3  # of a segment; one that is no longer says nothing
_MAY_BEGIN = frozenset({"RXO", "RXE"})  # an order, without an ORC
_OF_AN_ORDER = ("ORC", "TQ1", "RXO", "RXE", "RXR", "RXC", "RXA", "NTE")


class Row(msgspec.Struct, gc=False):
    """One RXA and the notes that follow it."""

    rxa: Segment
    notes: list[Segment] = []


class Run(msgspec.Struct, gc=False):
    """RXA rows that share one RXR, if one follows them."""

    rows: list[Row]
    rxr: Segment | None = None


class OrderGroup(msgspec.Struct, gc=False):
    """One ORC and what belongs to it."""

    orc: Segment | None = None
    rxo: Segment | None = None
    rxe: Segment | None = None
    rxr: Segment | None = None
    tq1: list[Segment] = []
    rxc_ordered: list[Segment] = []
    rxc_encoded: list[Segment] = []
    rxc_given: list[Segment] = []
    notes: list[Segment] = []
    runs: list[Run] = []

    def add_note(self, nte: Segment) -> None:
        """Take a note: on the row before it, else on the order."""
        (self.runs[-1].rows[-1].notes if self.runs else self.notes).append(nte)

    def add(self, segment: Segment) -> None:
        """Take another segment of this order."""
        match segment.name:
            case "RXA":
                self.add_row(segment)
            case "RXR":
                self.add_route(segment)
            case "RXC":
                self._components().append(segment)
            case "RXO":
                self.rxo = segment
            case "RXE":
                self.rxe = segment
            case "TQ1":
                self.tq1.append(segment)

    def add_row(self, rxa: Segment) -> None:
        """Take an administration: into the run before it, unless an RXR has closed that."""
        if self.runs and self.runs[-1].rxr is None:
            self.runs[-1].rows.append(Row(rxa))
        else:
            self.runs.append(Run([Row(rxa)]))

    def _components(self) -> list[Segment]:
        if self.runs:
            return self.rxc_given
        return self.rxc_encoded if self.rxe is not None else self.rxc_ordered

    def add_route(self, rxr: Segment) -> None:
        """The first RXR counts; more of them in one place are alternatives."""
        if self.runs:
            if self.runs[-1].rxr is None:
                self.runs[-1].rxr = rxr
        elif self.rxr is None:
            self.rxr = rxr

    def is_past(self, name: str) -> bool:
        """Whether an RXO or RXE begins another order: the group has one, or is past its place."""
        return bool(self.runs) or self.rxe is not None or (name == "RXO" and self.rxo is not None)


def order_groups(message: Er7) -> list[OrderGroup]:
    """Every order group, in order. Segments without an ORC make a group of their own."""
    groups: list[OrderGroup] = []
    group: OrderGroup | None = None
    for segment in message.all(*_OF_AN_ORDER):
        name = segment.name
        if len(segment.line) <= _NAME_LENGTH:
            continue
        if name == "ORC":
            groups.append(group := OrderGroup(segment))
        elif name == "NTE":
            if group is not None:
                group.add_note(segment)
        elif name == "RXA" and group is not None:
            group.add_row(segment)
        elif name == "RXR" and group is not None:
            group.add_route(segment)
        else:
            if group is None or (name in _MAY_BEGIN and group.is_past(name)):
                groups.append(group := OrderGroup(group.orc if group is not None else None))
            group.add(segment)
    return groups


class Parts(NamedTuple):
    """The parts of a mixture, and where the first stands."""

    parts: tuple[Component, ...] = ()
    place: str = ""


NO_PARTS = Parts()


def components(group: OrderGroup, profile: SenderProfile) -> Parts:
    """The parts that RXC lists. What was ordered and what was encoded are not added up."""
    chosen = group.rxc_given
    if not chosen:
        encoded, ordered = group.rxc_encoded, group.rxc_ordered
        chosen = (ordered or encoded) if profile.components_from == "RXO" else (encoded or ordered)
    if not chosen:
        return NO_PARTS
    parts = (_component(rxc.line, rxc.delimiters, profile.dose_holds_unit) for rxc in chosen)
    return Parts(tuple(part for part in parts if part.drug != NO_CODE), at(chosen[0], 2))


@kept(4096)
def _component(line: str, delimiters: Delimiters, holds_unit: bool) -> Component:
    """One RXC. Kept: a pharmacy's mixtures come again and again."""
    rxc = Segment.of(line, delimiters)
    text = rxc.text(3)
    quantity = number_with_unit(text) if holds_unit else None
    if quantity is None and (amount := number(text)) is not None:
        quantity = Quantity(amount, unit(rxc, 4))
    return Component(code(rxc, 2), _KINDS.get(rxc.text(1).upper(), ""), quantity)


def ordered_minutes(group: OrderGroup) -> tuple[int | None, str]:
    """How long it was to run, and where that stands: RXE-22, else TQ1-13, else TQ.11 of RXE-1 or ORC-7."""
    rxe, orc = group.rxe, group.orc
    if rxe is not None and (found := minutes(rxe.text(22))):
        return found, at(rxe, 22)
    for tq1 in group.tq1:
        if found := minutes(tq1.text(13), tq1.text(13, 2)):
            return found, at(tq1, 13)
    if rxe is not None and (found := minutes(rxe.text(1, 11))):
        return found, at(rxe, 1)
    if orc is not None and orc.raw(7) and (found := minutes(orc.text(7, 11))):
        return found, at(orc, 7)
    return None, ""


def note_line(nte: Segment) -> str:
    """NTE-3, else NTE-4."""
    marks = nte.delimiters
    row = nte.row(5)
    text = row[3] or row[4]
    if text == NULL or not text:
        return ""
    plain = text[:_NOTE_LENGTH_MAX].replace(marks.repetition, " ").replace(marks.component, " ").strip()
    return unescape(plain, marks) if marks.escape in plain else plain


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
    orc, values, named = group.orc, draft.values, draft.places
    if orc is not None:
        placer, filler = profile.order_fields
        width, marks = max(placer, filler, 9) + 1, orc.delimiters
        row, where = orc.row(width), places("ORC", orc.number, width)
        if placer and (value := first_in(row[placer], marks)):
            values["placer"], named["placer"] = value, where[placer]
        if filler and (value := first_in(row[filler], marks)):
            values["filler"], named["filler"] = value, where[filler]
        if row[4] and (value := first_in(row[4], marks)):
            values["group"], named["group"] = value, where[4]
        if row[9] and (entered := times.of(row[9]).time):
            values["entered"], named["entered"] = entered, where[9]
    if group.rxe is not None or group.tq1 or (orc is not None and row[7]):
        planned, place = ordered_minutes(group)
        if planned:
            draft.put("ordered_minutes", planned, place)
    if group.notes and (note := join_texts([note_line(nte) for nte in group.notes])):
        draft.put("note", note, at(group.notes[0], 3))
    if group.rxe is not None and (reason := code(group.rxe, 27)) != NO_CODE:
        draft.put("indication", reason.text or reason.id, at(group.rxe, 27))


def put_route(rxr: Segment, draft: Draft) -> None:
    """RXR: route, access site, device, method. What the tables do not know is left out."""
    routes, key = _routes(rxr.delimiters), (rxr.number, rxr.line)
    draft.take(routes.get(key) or routes[key])


@functools.lru_cache(maxsize=32)
def _routes(delimiters: Delimiters) -> Kept[tuple[int, str], Draft]:
    """What RXR lines say, by their number. Kept: there are but a few."""
    return Kept(lambda key: _route(Segment.of(key[1], delimiters, key[0])), 4096)


def _route(rxr: Segment) -> Draft:
    said = Draft()
    recorded_route, site, recorded = code(rxr, 1), code(rxr, 2), code(rxr, 4)
    device = tables.device(code(rxr, 3))
    method = tables.method(recorded, recorded_route)
    method_field = 4 if tables.method(recorded, NO_CODE) != tables.UNKNOWN else 1
    found = [("route", tables.route(recorded_route), 1), ("access_site", site.id or site.text, 2)]
    found += [("device", device or "", 3), ("method", method, method_field)]
    for name, value, number_of_field in found:
        if value not in ("", "none", tables.UNKNOWN):
            said.put(name, value, at(rxr, number_of_field))
    if device is None:
        said.doubt("DEVICE_UNKNOWN", at(rxr, 3))
    return said
