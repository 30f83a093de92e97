"""Our reader of ER7, HL7's encoding with delimiters: it splits what is asked for, and only that.

Any delimiters (MSH-1 and MSH-2), any line ends, what MLLP leaves behind, segments in any order. Everything counts
from 1, as the standard does: `segment.text(5, 2)` of an RXA is RXA-5.2.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from hl7_parsers.charsets import decode
from hl7_parsers.errors import UnreadableMessage

NULL = '""'  # HL7's "delete what you have", as against an empty field: "nothing to say"

_LEADING = "\ufeff\x0b\x1c \t\r\n"
_HEADERS = frozenset({"MSH", "FHS", "BHS"})
_ENCODING_MAX = 5  # MSH-2: four delimiters and, from 2.7, the truncation character
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


class Segment:
    """One segment; its fields are split when the first is asked for."""

    __slots__ = ("_fields", "delimiters", "line", "name", "number")

    def __init__(self, name: str, line: str, number: int, delimiters: Delimiters) -> None:
        self.name, self.line, self.number, self.delimiters = name, line, number, delimiters
        self._fields: list[str] | None = None

    @property
    def fields(self) -> list[str]:
        """The raw fields; [0] is the name, so that [n] is field n."""
        if self._fields is None:
            separator = self.delimiters.field
            self._fields = self.line.split(separator)
            if self.name in _HEADERS:
                self._fields.insert(1, separator)
        return self._fields

    def raw(self, field: int) -> str:
        """A field as sent, delimiters and escapes included; "" when it is not there."""
        fields = self.fields
        return fields[field] if field < len(fields) else ""

    def text(self, field: int, component: int = 1, subcomponent: int = 1) -> str:
        """A value of the first repetition of a field, unescaped and trimmed; "" when absent or the HL7 null."""
        try:
            raw = (self._fields or self.fields)[field]
        except IndexError:
            return ""
        if not raw or raw.isalnum():  # a delimiter is no letter or digit, so there is but one component
            return raw if component == subcomponent == 1 else ""
        marks = self.delimiters
        if marks.repetition in raw:
            raw = raw.partition(marks.repetition)[0]
        return value_in(raw, component, subcomponent, marks)

    def repetitions(self, field: int) -> list[str]:
        """The raw repetitions of a field; [""] when it is not there."""
        return self.raw(field).split(self.delimiters.repetition)

    def is_null(self, field: int) -> bool:
        """Whether the field was sent as "delete what you have"."""
        return self.raw(field) == NULL


class Er7:
    """A message in segments, each made when it is asked for. `charset` is what its bytes were read with."""

    __slots__ = ("_lines", "_names", "charset", "delimiters", "header")

    def __init__(self, lines: list[str], names: list[str], delimiters: Delimiters, charset: str) -> None:
        self._lines, self._names, self.delimiters, self.charset = lines, names, delimiters, charset
        self.header = Segment("MSH", lines[0], 1, delimiters)

    def first(self, name: str) -> Segment | None:
        """The first segment of that name."""
        try:
            return Segment(name, self._lines[self._names.index(name)], 1, self.delimiters)
        except ValueError:
            return None

    def all(self, *wanted: str) -> Iterator[Segment]:
        """Every segment of those names, in order; all there are when no name is given."""
        counts = dict.fromkeys(wanted or self._names, 0)
        for name, line in zip(self._names, self._lines, strict=True):
            if name in counts:
                counts[name] += 1
                yield Segment(name, line, counts[name], self.delimiters)


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
    delimiters = _delimiters(lines[0])
    lines = [line if line[0] not in _LEADING else line.lstrip(_LEADING) for line in lines if line]
    names = [line[:3].upper() for line in lines]
    if names.count("MSH") > 1:
        _refuse_second_header(lines, names, delimiters)
    return Er7(lines, names, delimiters, charset)


@functools.lru_cache(maxsize=64)
def _delimiters_of(field: str, encoding: str) -> Delimiters:
    given = (field, *encoding)
    unusable = any(c.isalnum() or c.isspace() for c in given) or len(encoding) > _ENCODING_MAX
    if unusable or field in encoding:
        raise UnreadableMessage("DELIMITERS", "MSH-2", "send the delimiters in MSH-1 and MSH-2, as in MSH|^~\\&|")
    standard = Delimiters()
    # A short MSH-2 leaves the rest at their usual characters, unless those are taken already.
    used: list[str] = []
    for character in (*given, *standard[len(given) : 5]):
        used.append(NO_DELIMITER if character in used else character)
    return Delimiters(*used)


def _delimiters(header: str) -> Delimiters:
    field = header[3:4]
    if not field or field.isspace():
        raise UnreadableMessage("DELIMITERS", "MSH-1", "send the field separator after MSH, as in MSH|^~\\&|")
    encoding = header[4 : 4 + _ENCODING_MAX + 1].partition(field)[0]
    return _delimiters_of(field, encoding)


def _refuse_second_header(lines: list[str], names: list[str], delimiters: Delimiters) -> None:
    """A second header means a second message. The letters alone are none, and are not taken for one any more."""
    for number, name in enumerate(names):
        if name == "MSH" and number > 0:
            if lines[number][3:4] == delimiters.field:
                raise UnreadableMessage("TWO_HEADERS", "MSH[2]", "split it: each MSH begins a message of its own")
            names[number] = ""


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
