"""Which segments a message has, and which RXO, RXE, RXR, RXC, TQ1 and NTE belong to which ORC and RXA.

The names of the segments tell that alone, and a sender's come in few sequences: each is worked out once and kept.

HL7 v2 chapter 4A: up to 2.4 one RXR closes all RXA of an order, from 2.5 one closes each run of them; the next RXR
after a run of RXA is right for both. An RXR before the first RXA of an order is the ordered route and the fallback.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import msgspec

from hl7_parsers.keeping import Kept

_NAME_LENGTH = 3
_LINE_END = "\r"
_MAY_BEGIN = frozenset({"RXO", "RXE"})  # an order, without an ORC
_OF_AN_ORDER = frozenset({"ORC", "TQ1", "RXO", "RXE", "RXR", "RXC", "RXA", "NTE"})


class Slot(msgspec.Struct, frozen=True, gc=False):
    """Where a segment stands in its message: its line, from 0, and its number among those of its name, from 1."""

    name: str
    line: int
    number: int
    is_bare: bool = False  # a name and nothing else, which says nothing


class Row(msgspec.Struct, gc=False):
    """One RXA and the notes that follow it."""

    rxa: Slot
    notes: list[Slot] = []


class Run(msgspec.Struct, gc=False):
    """RXA rows that share one RXR: the next that follows them, else the order's, if there is one."""

    rows: list[Row]
    rxr: Slot | None = None


class OrderGroup(msgspec.Struct, gc=False):
    """One ORC and what belongs to it. A message's own are kept with its layout: not to be changed."""

    orc: Slot | None = None
    rxo: Slot | None = None
    rxe: Slot | None = None
    rxr: Slot | None = None
    tq1: list[Slot] = []
    rxc_ordered: list[Slot] = []
    rxc_encoded: list[Slot] = []
    rxc_given: list[Slot] = []
    notes: list[Slot] = []
    runs: list[Run] = []
    is_plain: bool = False  # nothing but an ORC, RXA and RXR, and the notes of the RXA

    def add(self, slot: Slot) -> None:
        """Take another segment of this order."""
        match slot.name:
            case "RXA":
                self._add_row(slot)
            case "RXR":
                self._add_route(slot)
            case "NTE":  # on the row before it, else on the order
                (self.runs[-1].rows[-1].notes if self.runs else self.notes).append(slot)
            case "RXC":
                self._components().append(slot)
            case "RXO":
                self.rxo = slot
            case "RXE":
                self.rxe = slot
            case "TQ1":
                self.tq1.append(slot)

    def _add_row(self, rxa: Slot) -> None:
        """Into the run before it, unless an RXR has closed that."""
        if self.runs and self.runs[-1].rxr is None:
            self.runs[-1].rows.append(Row(rxa))
        else:
            self.runs.append(Run([Row(rxa)]))

    def _components(self) -> list[Slot]:
        if self.runs:
            return self.rxc_given
        return self.rxc_encoded if self.rxe is not None else self.rxc_ordered

    def _add_route(self, rxr: Slot) -> None:
        """The first RXR counts; more of them in one place are alternatives."""
        if self.runs:
            if self.runs[-1].rxr is None:
                self.runs[-1].rxr = rxr
        elif self.rxr is None:
            self.rxr = rxr

    def close(self) -> None:
        """All has been added: settle what depends on the whole."""
        for run in self.runs:
            run.rxr = run.rxr or self.rxr
        parts = self.rxc_ordered or self.rxc_encoded or self.rxc_given
        self.is_plain = not (self.rxe or self.tq1 or self.notes or parts)

    def is_past(self, name: str) -> bool:
        """Whether an RXO or RXE begins another order: the group has one, or is past its place."""
        return bool(self.runs) or self.rxe is not None or (name == "RXO" and self.rxo is not None)


class Layout(msgspec.Struct, gc=False):
    """The segments of a message by their names; `first` and `counts` by name."""

    slots: list[Slot]
    first: dict[str, Slot]
    counts: dict[str, int]
    more_headers: list[int]  # lines further down that begin with MSH; these are none of its segments
    is_clean: bool  # no blank or indented lines, small letters, or stranger things than three capitals or digits
    _order_groups: list[OrderGroup] | None = None

    def of(self, names: Sequence[str]) -> Iterable[Slot]:
        """The segments of those names, in order; all there are when no name is given."""
        return [slot for slot in self.slots if slot.name in names] if names else self.slots

    def order_groups(self) -> list[OrderGroup]:
        """Every order group, in order. Segments without an ORC make a group of their own."""
        if self._order_groups is None:
            self._order_groups = _order_groups(self.slots)
        return self._order_groups


def _order_groups(slots: Iterable[Slot]) -> list[OrderGroup]:
    groups: list[OrderGroup] = []
    group: OrderGroup | None = None
    for slot in slots:
        name = slot.name
        if name not in _OF_AN_ORDER or slot.is_bare:
            continue
        if name == "ORC":
            groups.append(group := OrderGroup(slot))
        elif name == "NTE":
            if group is not None:
                group.add(slot)
        else:
            if group is None or (name in _MAY_BEGIN and group.is_past(name)):
                groups.append(group := OrderGroup(group.orc if group is not None else None))
            group.add(slot)
    for each in groups:
        each.close()
    return groups


def _layout(beginnings: str) -> Layout:
    """The layout of lines that begin so."""
    slots: list[Slot] = []
    first: dict[str, Slot] = {}
    counts: dict[str, int] = {}
    names, more_headers = [], []
    for line, beginning in enumerate(beginnings.split(_LINE_END)):
        name = sys.intern(beginning[:_NAME_LENGTH].upper())
        names.append(beginning[:_NAME_LENGTH])
        if name == "MSH" and line > 0:
            more_headers.append(line)
            name = ""
        counts[name] = number = counts.get(name, 0) + 1
        slot = Slot(name, line, number, len(beginning) <= _NAME_LENGTH)
        slots.append(slot)
        first.setdefault(name, slot)
    together = "".join(names)
    is_clean = len(together) == _NAME_LENGTH * len(names) and together.isalnum() and together.isupper()
    return Layout(slots, first, counts, more_headers, is_clean)


_layouts = Kept(_layout, 512)


def layout_of(lines: Iterable[str]) -> Layout:
    """The layout of a message's lines."""
    beginnings = _LINE_END.join([line[: _NAME_LENGTH + 1] for line in lines])
    return _layouts.get(beginnings) or _layouts[beginnings]
