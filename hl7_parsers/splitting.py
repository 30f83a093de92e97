"""From a file or a stream's bytes to single messages: plain, MLLP-framed, in batches, or all of them mixed.

Nothing is lost: what stands between messages and is not framing is handed on too, for the reader to refuse.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

# A header begins a message only at the start of a line or after a start block, never where the letters happen to
# stand; "FS CR" ends one. Blanks are looked at from their first on and never given back: a million of them are no work.
_BOUNDARY = re.compile(
    rb"(?:\A|(?<=[\r\n\x1c])|(?<![ \t\x0b\0])(?=[ \t\0]*+\x0b))[ \t\x0b\0]*+(?:\xef\xbb\xbf)?+[ \t\x0b]*+"
    rb"(?=(?P<head>(?:MSH|FHS|BHS|BTS|FTS)(?=[^A-Za-z0-9\s])|(?:BTS|FTS)(?=[\r\n]|\Z)))"
    rb"|\x1c(?=[\r\n\x0b\0]|\Z)",
    re.IGNORECASE,
)
_BLANK = b" \t\r\n\x0b\x1c\0"
_LINE_END = re.compile(rb"\r\n?|\n")


class RawMessage(NamedTuple):
    """One message, or a stretch that is none. `text` has CR after each segment and no framing."""

    text: bytes
    position: int  # counted from 1, in the order of the input
    offset: int  # bytes before it in the input


def split_messages(data: bytes) -> Iterator[RawMessage]:
    """Yield the messages in order. Envelope lines of batches (FHS, BHS, BTS, FTS) are not messages and are left out."""
    data, width, offset = _single_width(data)
    position = seen = 0
    for start, end in _stretches(data):
        stretch = data[start:end]
        text = stretch.strip(_BLANK)
        if text and text != codecs.BOM_UTF8:
            position += 1
            before = start + len(stretch) - len(stretch.lstrip(_BLANK))
            between = data[seen:before]
            offset += len(between) if width == 1 else len(between.decode().encode("utf-16-le"))
            seen = before
            yield RawMessage(b"\r".join(_LINE_END.split(text)) + b"\r", position, offset)


def _single_width(data: bytes) -> tuple[bytes, int, int]:
    """UTF-16 as UTF-8, with how wide its characters were and how long its mark was."""
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return data.decode("utf-16", "replace").encode("utf-8", "replace"), 2, 2
    for codec, start in (("utf-16-le", b"M\0S\0H\0"), ("utf-16-be", b"\0M\0S\0H")):
        if data.startswith(start):
            return data.decode(codec, "replace").encode("utf-8", "replace"), 2, 0
    return data, 1, 0


def _stretches(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each message, or stretch between messages, begins and ends."""
    start = 0
    for boundary in _BOUNDARY.finditer(data):
        yield start, boundary.start()
        start = boundary.end()
        head = boundary["head"]
        if head is not None and head.upper() != b"MSH":
            line = _LINE_END.search(data, start)
            start = line.end() if line else len(data)
    yield start, len(data)
