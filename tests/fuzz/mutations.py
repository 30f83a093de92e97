"""Messages of our own, and changes to them that keep to the structure just enough to get far into the reader."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from hl7_parsers import split_messages

GOLDEN = Path(__file__).parents[1] / "hl7_parsers/golden"
SEEDS = tuple(raw.text for path in sorted(GOLDEN.glob("*.hl7")) for raw in split_messages(path.read_bytes()))

_SEPARATORS = (b"|", b"^", b"~", b"&", b"\\", b"\r", b"\n", b"\r\n", b"\x0b", b"\x1c", b"\x1c\r", b" ", b"\t", b"\0")
_ESCAPES = (b"\\F\\", b"\\S\\", b"\\T\\", b"\\R\\", b"\\E\\", b"\\X41\\", b"\\XC3A9\\", b"\\X4\\", b"\\.br\\")
_ESCAPES += (b"\\.sp9999\\", b"\\.in+4\\", b"\\H\\", b"\\Zx\\", b"\\C2842\\", b"\\M24\\", b"\\\\\\", b"\\X41\\\\X42\\")
_TIMES = (b"2025", b"202513", b"20250230", b"20251102013000", b"20250309023000", b"20250106240000", b"20250106235960")
_TIMES += (b"2025-01-06T09:30:00Z", b"00000000000000", b"99991231235959+1400", b"20250106093000-500", b"2025/01/06")
_VALUES = (b"", b'""', b"0", b"999", b"-1", b"+5", b"1e9", b"1,5", b".5", b"9" * 30, b"10-20", b"20 mEq", b"100 mL/hr")
_VALUES += (
    b"D",
    b"U",
    b"A",
    b"X",
    b"CP",
    b"RE",
    b"NA",
    b"Stopped",
    b"New Bag",
    b"Rate Change",
    b"IVP",
    b"H1.5",
    b"M60",
)
_VALUES += (
    b"\xc3\xa9",
    b"\xe9\xff",
    b"\x1b$B4A;z\x1b(B",
    b"\xef\xbb\xbf",
    b"\xf0\x9f\x92\x89",
    b"\xed\xa0\x80",
    b"MSH|",
)
_DICTIONARY = (*_SEPARATORS, *_ESCAPES, *_TIMES, *_VALUES)
_KINDS = (b"RAS^O17", b"RAS^O01", b"RDE^O11", b"ADT^A01", b"ADT^A08", b"ADT^A40", b"ADT^A17", b"ADT^A45", b"ORM^O01")
_KINDS += (b"OMP^O09", b"RGV^O15", b"RDS^O13", b"VXU^V04", b"ORU^R42", b"ORU^R01", b"ADT", b"RAS_O17", b"^", b"")
_CODECS = ("utf-16", "utf-16-le", "utf-16-be", "latin-1", "iso2022_jp", "cp932", "utf-8-sig")
_OFTEN = 2000  # how often a piece is repeated at the most

Change = Callable[[bytes, random.Random], bytes]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """One to eight changes, one after the other."""
    for _ in range(chance.randint(1, 8)):
        data = chance.choice(CHANGES)(data, chance)
    return data


def _with_bytes(data: bytes, chance: random.Random) -> bytes:
    at = chance.randint(0, len(data))
    return data[:at] + chance.choice(_DICTIONARY) + data[at + chance.choice((0, 0, 1, 5)) :]


def _with_random_bytes(data: bytes, chance: random.Random) -> bytes:
    at = chance.randint(0, len(data))
    return data[:at] + chance.randbytes(chance.randint(1, 6)) + data[at + chance.randint(0, 6) :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    start, end = sorted((chance.randint(0, len(data)), chance.randint(0, len(data))))
    return data[:start] + data[end:] if chance.random() < 0.7 else data[:end]


def _often(data: bytes, chance: random.Random) -> bytes:
    at = chance.randint(0, len(data))
    return data[:at] + chance.choice(_DICTIONARY) * chance.randint(2, _OFTEN) + data[at:]


def _with_segments(data: bytes, chance: random.Random) -> bytes:
    """Segments dropped, doubled, moved, shuffled, or taken from another message."""
    segments = data.split(b"\r")
    at, other = chance.randrange(len(segments)), chance.randrange(len(segments))
    match chance.randrange(5):
        case 0:
            segments.pop(at)
        case 1:
            segments.insert(other, segments[at])
        case 2:
            segments.insert(other, segments.pop(at))
        case 3:
            tail = segments[1:]
            chance.shuffle(tail)
            segments[1:] = tail
        case _:
            segments.insert(at, chance.choice(chance.choice(SEEDS).split(b"\r")))
    return b"\r".join(segments)


def _with_field(data: bytes, chance: random.Random) -> bytes:
    """A field replaced by another's value or one of the dictionary, extended, repeated, or its neighbours dropped."""
    segments = data.split(b"\r")
    at = chance.randrange(len(segments))
    fields = segments[at].split(b"|")
    place = chance.randrange(len(fields))
    given = chance.choice((chance.choice(fields), chance.choice(_DICTIONARY), chance.choice(_VALUES)))
    match chance.randrange(4):
        case 0:
            fields[place] = given
        case 1:
            fields[place] += chance.choice((b"^", b"~", b"&", b"")) + given
        case 2:
            del fields[place:]
        case _:
            fields.insert(place, given)
    segments[at] = b"|".join(fields)
    return b"\r".join(segments)


def _with_kind(data: bytes, chance: random.Random) -> bytes:
    fields = data.split(b"|", 9)
    if len(fields) > 8:
        fields[8] = chance.choice(_KINDS)
    return b"|".join(fields)


def _with_delimiters(data: bytes, chance: random.Random) -> bytes:
    return data.translate(bytes.maketrans(b"|^~\\&", chance.choice((b"^~|\\&", b"|$*@!", b"~|\\&^", b"#^~\\&"))))


def _with_line_ends(data: bytes, chance: random.Random) -> bytes:
    return data.replace(b"\r", chance.choice((b"\n", b"\r\n", b"\r\r", b"\n  ", b"\n\r")))


def _with_charset(data: bytes, chance: random.Random) -> bytes:
    return data.decode("utf-8", "ignore").encode(chance.choice(_CODECS), "ignore")


def _wrapped(data: bytes, chance: random.Random) -> bytes:
    start = chance.choice((b"\x0b", b"FHS|^~\\&|A\rBHS|^~\\&|A\r", b"\xef\xbb\xbf", b"\r\n", chance.choice(SEEDS)))
    return start + data + chance.choice((b"\x1c\r", b"\x1c", b"BTS|1\rFTS|1\r", chance.choice(SEEDS)))


CHANGES: tuple[Change, ...] = (
    *(_with_bytes, _with_random_bytes, _cut, _often, _with_segments, _with_segments, _with_field, _with_field),
    *(_with_field, _with_kind, _with_delimiters, _with_line_ends, _with_charset, _wrapped),
)
