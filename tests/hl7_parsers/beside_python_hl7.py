"""Every value of a message as our reader and as python-hl7 finds it, and why they differ where they do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import hl7

from hl7_parsers import er7
from hl7_parsers.er7 import Delimiters, Er7, Segment

UNEXPLAINED = "unexplained"
WHY = {
    "null": 'the HL7 null is no value here, and the text "" there',
    "formatting": r"\.br\ and \.sp\ are a line feed here; there a CR or nothing",
    "hex": "a run of hex bytes is UTF-8 here, where it is that; there each byte is a character",
    "unknown escape": "what is no escape of the standard's stays as sent here, and is dropped there",
    "highlighting": r"\H\ and \N\ leave nothing here, and an underscore there",
    "truncation": r"\P\ is the truncation character here, where MSH-2 names one, and is dropped there",
    "segment name": "a name is three characters in capitals here; there it ends at the first separator, as sent",
}

# What stands between the escape marks, by why it is read otherwise.
_SEQUENCES = {
    "formatting": r"\.[a-z]{2}[+-]?\d*",
    "hex": "X(?:[0-9A-Fa-f]{2})+",
    "highlighting": "[HN]",
    "truncation": "P",
}


class Compared(NamedTuple):
    """One value: where, as sent, by each reader, and why they differ: "" when they agree."""

    place: str
    sent: str
    ours: str
    theirs: str
    why: str


def compared(ours: Er7, theirs: hl7.Message) -> Iterator[Compared]:
    """Every sub-component of every repetition of every field, MSH-1 and MSH-2 left out."""
    for segment in ours.all():
        for field in range(3 if segment.name == "MSH" else 1, len(segment.fields)):
            for repetition, sent in enumerate(segment.repetitions(field), 1):
                for component, part in enumerate(sent.split(ours.delimiters.component), 1):
                    for sub in range(1, part.count(ours.delimiters.subcomponent) + 2):
                        where = (field, repetition, component, sub)
                        yield _value(segment, sent, where, theirs)


def _value(segment: Segment, sent: str, where: tuple[int, int, int, int], theirs: hl7.Message) -> Compared:
    field, repetition, component, sub = where
    mine = er7.value_in(sent, component, sub, segment.delimiters)
    place = f"{segment.name}[{segment.number}]-{field}({repetition}).{component}.{sub}"
    part = _part(sent, component, sub, segment.delimiters)
    if segment.line.partition(segment.delimiters.field)[0] != segment.name:
        return Compared(place, part, mine, "", "segment name")
    other = extracted(theirs, segment.name, segment.number, *where)
    return Compared(place, part, mine, other, _why(part, mine, other, segment.delimiters))


def _part(sent: str, component: int, sub: int, marks: Delimiters) -> str:
    return sent.split(marks.component)[component - 1].split(marks.subcomponent)[sub - 1]


def extracted(theirs: hl7.Message, segment: str, number: int, *place: int) -> str:
    """A value by python-hl7; "" for what is not there, which it has both ways."""
    try:
        return str(theirs.extract_field(segment, number, *place))
    except IndexError:
        return ""


def _why(sent: str, ours: str, theirs: str, marks: Delimiters) -> str:
    """Why the two differ, by what was sent; a value is trimmed here, which is no difference that matters."""
    if ours == theirs.strip():
        return ""
    if sent.strip() == er7.NULL and not ours:
        return "null"
    mark = re.escape(marks.escape)
    for why, sequence in _SEQUENCES.items():
        if re.search(mark + sequence + mark, sent):
            return why
    is_unknown = marks.escape in re.sub(rf"{mark}[FSRET]{mark}", "", sent)
    return "unknown escape" if is_unknown else UNEXPLAINED
