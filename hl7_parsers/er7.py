"""Our reader of ER7, HL7's encoding with delimiters: it splits what is asked for, and only that.

Any delimiters (MSH-1 and MSH-2), any line ends, what MLLP leaves behind, segments in any order. Everything counts
from 1, as the standard does: `segment.text(5, 2)` of an RXA is RXA-5.2.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from hl7_parsers.charsets import decode
from hl7_parsers.errors import UnreadableMessage
from hl7_parsers.layout import Layout, Slot, layout_of

NULL = '""'  # HL7's "delete what you have", as against an empty field: "nothing to say"

_LEADING = "\ufeff\x0b\x1c \t\r\n"
_HEADERS = frozenset({"MSH", "FHS", "BHS"})
_ENCODING_MAX = 5  # MSH-2: four delimiters and, from 2.7, the truncation character
_DELIMITERS_END = 4 + _ENCODING_MAX + 1  # characters of a header that tell its delimiters
_LONGEST_NUMBER = 4  # digits of a field's number or a formatting command's argument


NO_DELIMITER = "\0"  # in place of one that a message does not have; no text holds it


class Delimiters(NamedTuple):
    """MSH-1 and MSH-2, by position."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = NO_DELIMITER


USUAL = Delimiters()


class Segment(msgspec.Struct, gc=False):
    """One segment. `number` counts those of its name; `fields` are raw, [0] is the name, so that [n] is field n."""

    name: str
    line: str
    number: int
    delimiters: Delimiters
    fields: list[str]

    @classmethod
    def of(cls, line: str, delimiters: Delimiters, name: str, number: int = 1) -> Segment:
        """A line as a segment; MSH, FHS and BHS count their first separator as a field."""
        fields = line.split(delimiters.field)
        if name in _HEADERS:
            fields.insert(1, delimiters.field)
        return cls(name, line, number, delimiters, fields)

    def raw(self, field: int) -> str:
        """A field as sent, delimiters and escapes included; "" when it is not there."""
        return self.fields[field] if field < len(self.fields) else ""

    def text(self, field: int, component: int = 1, subcomponent: int = 1) -> str:
        """A value of the first repetition of a field, unescaped and trimmed; "" when absent or the HL7 null."""
        if field >= len(self.fields):
            return ""
        raw = self.fields[field]
        if not raw or raw.isalnum():  # a delimiter is no letter or digit, so there is but one component
            return raw if component == subcomponent == 1 else ""
        if component == subcomponent == 1:
            return first_in(raw, self.delimiters)
        return value_in(raw.partition(self.delimiters.repetition)[0], component, subcomponent, self.delimiters)

    def row(self, width: int) -> list[str]:
        """The raw fields up to that many at least, empty where the segment has fewer: for whom reads many of them."""
        missing = width - len(self.fields)
        if missing > 0:
            self.fields += [""] * missing
        return self.fields

    def repetitions(self, field: int) -> list[str]:
        """The raw repetitions of a field; [""] when it is not there."""
        return self.raw(field).split(self.delimiters.repetition)

    def is_null(self, field: int) -> bool:
        """Whether the field was sent as "delete what you have"."""
        return self.raw(field) == NULL


class Er7(msgspec.Struct, gc=False):
    """A message in lines; its segments are made when they are asked for. `charset` is what its bytes were read with."""

    header: Segment
    delimiters: Delimiters
    charset: str
    lines: list[str]
    layout: Layout

    def count(self, name: str) -> int:
        """How many segments of that name there are."""
        return self.layout.counts.get(name, 0)

    def first(self, name: str) -> Segment | None:
        """The first segment of that name."""
        slot = self.layout.first.get(name)
        return self.segment(slot) if slot is not None else None

    def beginning(self, name: str, last: int) -> Segment | None:
        """The first segment of that name, as far as one of its fields: the rest may be long and is not read."""
        slot = self.layout.first.get(name)
        if slot is None:
            return None
        line, separator = self.lines[slot.line], self.delimiters.field
        return Segment(name, line, 1, self.delimiters, line.split(separator, last + 1)[: last + 1])

    def all(self, *wanted: str) -> list[Segment]:
        """Every segment of those names, in order; all there are when no name is given."""
        return [self.segment(slot) for slot in self.layout.slots if not wanted or slot.name in wanted]

    def segment(self, slot: Slot) -> Segment:
        """The segment that stands there."""
        return Segment.of(self.lines[slot.line], self.delimiters, slot.name, slot.number)

    def row(self, slot: Slot, width: int) -> list[str]:
        """The raw fields of a segment up to that many at least, empty where it has fewer."""
        fields = self.lines[slot.line].split(self.delimiters.field)
        missing = width - len(fields)
        if missing > 0:
            fields += [""] * missing
        return fields


def first_in(raw: str, delimiters: Delimiters) -> str:
    """The first value of a field: `value_in` of its first repetition, where most values stand."""
    raw = raw.partition(delimiters.component)[0]
    if not raw or raw.isalnum():  # a delimiter is no letter or digit
        return raw
    _, _, repetition, escape, subcomponent, _ = delimiters
    if repetition in raw:
        raw = raw.partition(repetition)[0]
    if subcomponent in raw:
        raw = raw.partition(subcomponent)[0]
    raw = raw.strip()
    if escape in raw:
        return unescape(raw, delimiters)
    return "" if raw == NULL else raw


def value_in(raw: str, component: int, subcomponent: int, delimiters: Delimiters) -> str:
    """A component (and of it a sub-component) of one repetition, unescaped and trimmed; "" for the HL7 null."""
    if delimiters.component in raw or component > 1:
        parts = raw.split(delimiters.component, component)
        raw = parts[component - 1] if component <= len(parts) else ""
    if delimiters.subcomponent in raw or subcomponent > 1:
        parts = raw.split(delimiters.subcomponent, subcomponent)
        raw = parts[subcomponent - 1] if subcomponent <= len(parts) else ""
    raw = raw.strip()
    if delimiters.escape in raw:
        return unescape(raw, delimiters)
    return "" if raw == NULL else raw


def read(raw: bytes) -> Er7:
    """Read one message.

    Raises:
        UnreadableMessage: it does not begin with a header, has two, or its delimiters cannot be.
    """
    text, charset = decode(raw)
    text = text.strip(_LEADING)
    if "\n" in text:
        text = text.replace("\r\n", "\r").replace("\n", "\r")
    if text[:3].upper() != "MSH":
        raise UnreadableMessage("NO_HEADER", "MSH", "send a message that begins with an MSH segment")
    lines = text.split("\r")
    delimiters = _delimiters(lines[0][:_DELIMITERS_END])
    layout = layout_of(lines)
    if not layout.is_clean:
        lines = [line if line[0] not in _LEADING else line.lstrip(_LEADING) for line in lines if line]
        layout = layout_of(lines)
    if layout.more_headers and any(lines[number][3:4] == delimiters.field for number in layout.more_headers):
        # The letters alone are no header, but a header means a second message.
        raise UnreadableMessage("TWO_HEADERS", "MSH[2]", "split it: each MSH begins a message of its own")
    return Er7(Segment.of(lines[0], delimiters, "MSH"), delimiters, charset, lines, layout)


def _delimiters_of(field: str, encoding: str) -> Delimiters:
    given = (field, *encoding)
    unusable = any(c.isalnum() or c.isspace() for c in given) or len(encoding) > _ENCODING_MAX
    if unusable or field in encoding:
        raise UnreadableMessage("DELIMITERS", "MSH-2", "send the delimiters in MSH-1 and MSH-2, as in MSH|^~\\&|")
    # A short MSH-2 leaves the rest at their usual characters, unless those are taken already.
    used: list[str] = []
    for character in (*given, *USUAL[len(given) : 5]):
        used.append(NO_DELIMITER if character in used else character)
    return Delimiters(*used)


@functools.lru_cache(maxsize=256)
def _delimiters(header: str) -> Delimiters:
    """The delimiters by a header's first characters, up to `_DELIMITERS_END`."""
    field = header[3:4]
    if not field or field.isspace():
        raise UnreadableMessage("DELIMITERS", "MSH-1", "send the field separator after MSH, as in MSH|^~\\&|")
    return _delimiters_of(field, header[4:].partition(field)[0])


def _hex(digits: str) -> str:
    """Bytes of an \\X..\\ escape: UTF-8 where they are that, else Latin-1."""
    data = bytes.fromhex(digits)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


@functools.lru_cache(maxsize=64)
def _unescaper(delimiters: Delimiters) -> Callable[[str], str]:
    escape = re.escape(delimiters.escape)
    plain = dict(zip("FSRETP", (mark.strip(NO_DELIMITER) for mark in delimiters), strict=True))
    plain |= {"H": "", "N": ""}  # highlighting on and off

    def meaning(found: re.Match[str]) -> str:
        body = found[1]
        if body in plain:
            return plain[body]
        if body.startswith("X"):
            return _hex(re.sub(rf"{escape}{escape}X", "", body[1:]))
        if body.startswith((".br", ".sp")):
            return "\n"
        return "" if body.startswith(".") else found[0]

    # Neighbouring hex escapes are one run of bytes. What is not an escape of the standard's stays as it was sent.
    pair = "[0-9A-Fa-f]{2}"
    pattern = re.compile(
        rf"{escape}([FSRETPHN]|X(?:{pair})+(?:{escape}{escape}X(?:{pair})+)*"
        rf"|\.[a-z]{{2}}[+-]?[0-9]{{0,{_LONGEST_NUMBER}}}){escape}"
    )
    return functools.partial(pattern.sub, meaning)


def unescape(text: str, delimiters: Delimiters) -> str:
    """Put the characters that escape sequences stand for; an unknown sequence stays as sent."""
    return _unescaper(delimiters)(text) if delimiters.escape in text else text


def escape(text: str, delimiters: Delimiters) -> str:
    """Write a text so that it can stand in a field: the reverse of `unescape`."""
    letters = {
        delimiters.escape: "E",
        delimiters.field: "F",
        delimiters.component: "S",
        delimiters.repetition: "R",
        delimiters.subcomponent: "T",
        "\r": "X0D",
        "\n": ".br",
    }
    mark = delimiters.escape
    return "".join(f"{mark}{letters[c]}{mark}" if c in letters and c else c for c in text)
