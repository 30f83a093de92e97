"""What the segments of an order say of it: ORC, RXE, TQ1, RXR, RXC and NTE, as RAS, RDE, RGV and RDS share them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from hl7_parsers import tables
from hl7_parsers.draft import Draft
from hl7_parsers.er7 import NULL, Delimiters, Er7, Segment, first_in, unescape
from hl7_parsers.events import Component, Quantity, Time
from hl7_parsers.fields import NO_CODE, at, code, minutes, number, number_with_unit, places, unit
from hl7_parsers.header import Times
from hl7_parsers.keeping import Kept, kept
from hl7_parsers.layout import OrderGroup, Slot
from hl7_parsers.profile import SenderProfile

_KINDS = {"A": "additive", "B": "base"}
_NOTE_LENGTH_MAX = 2000  # characters kept of a note; what is looked for in it is a few words


class Parts(NamedTuple):
    """The parts of a mixture, and where the first stands."""

    parts: tuple[Component, ...] = ()
    place: str = ""


NO_PARTS = Parts()


def components(message: Er7, group: OrderGroup, profile: SenderProfile) -> Parts:
    """The parts that RXC lists. What was ordered and what was encoded are not added up."""
    chosen = group.rxc_given
    if not chosen:
        encoded, ordered = group.rxc_encoded, group.rxc_ordered
        chosen = (ordered or encoded) if profile.components_from == "RXO" else (encoded or ordered)
    if not chosen:
        return NO_PARTS
    parts = (_component(message.lines[rxc.line], message.delimiters, profile.dose_holds_unit) for rxc in chosen)
    return Parts(tuple(part for part in parts if part.drug != NO_CODE), places("RXC", chosen[0].number, 3)[2])


@kept(4096)
def _component(line: str, delimiters: Delimiters, holds_unit: bool) -> Component:
    """One RXC. Kept: a pharmacy's mixtures come again and again."""
    rxc = Segment.of(line, delimiters, "RXC")
    text = rxc.text(3)
    quantity = number_with_unit(text) if holds_unit else None
    if quantity is None and (amount := number(text)) is not None:
        quantity = Quantity(amount, unit(rxc, 4))
    return Component(code(rxc, 2), _KINDS.get(rxc.text(1).upper(), ""), quantity)


def ordered_minutes(message: Er7, group: OrderGroup) -> tuple[int | None, str]:
    """How long it was to run, and where that stands: RXE-22, else TQ1-13, else TQ.11 of RXE-1 or ORC-7."""
    rxe = message.segment(group.rxe) if group.rxe is not None else None
    if rxe is not None and (found := minutes(rxe.text(22))):
        return found, at(rxe, 22)
    for tq1 in map(message.segment, group.tq1):
        if found := minutes(tq1.text(13), tq1.text(13, 2)):
            return found, at(tq1, 13)
    if rxe is not None and (found := minutes(rxe.text(1, 11))):
        return found, at(rxe, 1)
    orc = message.segment(group.orc) if group.orc is not None else None
    if orc is not None and orc.raw(7) and (found := minutes(orc.text(7, 11))):
        return found, at(orc, 7)
    return None, ""


def read_notes(message: Er7, notes: Sequence[Slot]) -> str:
    """The texts of NTE segments, joined: NTE-3 of each, else NTE-4."""
    texts = []
    separator, component, repetition, escape, _, _ = marks = message.delimiters
    for nte in notes:
        fields = message.lines[nte.line].split(separator, 5)
        text = fields[3] if len(fields) > 3 else ""
        if not text and len(fields) > 4:
            text = fields[4]
        if text and text != NULL:
            plain = text[:_NOTE_LENGTH_MAX].replace(repetition, " ").replace(component, " ").strip()
            texts.append(unescape(plain, marks) if escape in plain else plain)
    return texts[0] if len(texts) == 1 else join_texts(texts)


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


# The number of an ORC, and whether it has placer, filler, group and time: all that `orc_places` needs to know.
Told = tuple[int, bool, bool, bool, bool]


class Orc(msgspec.Struct, frozen=True, gc=False):
    """The numbers of an order and when it was entered; `number` is that of the ORC, 0 without one."""

    number: int = 0
    placer: str = ""
    filler: str = ""
    group: str = ""
    entered: Time | None = None
    has_timing: bool = False

    def told(self) -> Told:
        """Which of the values are there."""
        return self.number, self.placer != "", self.filler != "", self.group != "", self.entered is not None


NO_ORC = Orc()


def read_orc(message: Er7, orc: Slot, times: Times, profile: SenderProfile) -> Orc:
    """ORC: the numbers where the sender has them, the group in 4, the time in 9, whether there is timing in 7."""
    placer, filler = profile.order_fields
    row, marks = message.row(orc, max(placer, filler, 9) + 1), message.delimiters
    return Orc(
        orc.number,
        first_in(row[placer], marks) if placer else "",
        first_in(row[filler], marks) if filler else "",
        first_in(row[4], marks) if row[4] else "",
        times.of(row[9]).time if row[9] else None,
        row[7] != "",
    )


def orc_places(told: Told, profile: SenderProfile) -> dict[str, str]:
    """Where the values of an ORC stand, by what it has told."""
    number, *is_told = told
    placer, filler = profile.order_fields
    of_all = {"placer": placer, "filler": filler, "group": 4, "entered": 9}
    return {name: f"ORC[{number}]-{of_all[name]}" for name, is_there in zip(of_all, is_told, strict=True) if is_there}


def put_order(message: Er7, group: OrderGroup, draft: Draft, times: Times, profile: SenderProfile) -> None:
    """What ORC, RXE, TQ1 and the order's notes say of the order."""
    orc = read_orc(message, group.orc, times, profile) if group.orc is not None else NO_ORC
    for name, place in orc_places(orc.told(), profile).items():
        draft.put(name, getattr(orc, name), place)
    put_plan(message, group, orc, draft)


def put_plan(message: Er7, group: OrderGroup, orc: Orc, draft: Draft) -> None:
    """How long it was to run, the notes of the order, and why it was given: what few orders say in a RAS message."""
    if group.rxe is not None or group.tq1 or orc.has_timing:
        planned, place = ordered_minutes(message, group)
        if planned:
            draft.put("ordered_minutes", planned, place)
    if group.notes and (note := read_notes(message, group.notes)):
        draft.put("note", note, places("NTE", group.notes[0].number, 4)[3])
    if group.rxe is not None:
        rxe = message.segment(group.rxe)
        if (reason := code(rxe, 27)) != NO_CODE:
            draft.put("indication", reason.text or reason.id, at(rxe, 27))


def read_route(message: Er7, rxr: Slot) -> Draft:
    """RXR: route, access site, device, method. What the tables do not know is left out. Kept: not to be changed."""
    return routes(message.delimiters)[rxr.number, message.lines[rxr.line]]


@functools.lru_cache(maxsize=32)
def routes(delimiters: Delimiters) -> Kept[tuple[int, str], Draft]:
    """What RXR lines say, by their number. Kept: there are but a few."""
    return Kept(lambda key: _route(Segment.of(key[1], delimiters, "RXR", key[0])), 4096)


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
