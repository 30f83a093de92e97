"""MLLP framing: VT, the message, FS, CR. Liberal in what is read, strict in what is written."""

from __future__ import annotations

START = b"\x0b"
END = b"\x1c"
CARRIAGE_RETURN = b"\x0d"

# Of a message that is too long so much is kept: enough for its header and its patient.
_BEGINNING = 4096
_NOISE = b"\r\n\x00 "


class TooLong(bytes):
    """The beginning of a message that had more bytes than one may have; the rest was thrown away as it came."""

    __slots__ = ()


def frame(message: bytes) -> bytes:
    """The message as it goes over the wire."""
    return START + message + END + CARRIAGE_RETURN


class Deframer:
    """Bytes in, in pieces of any size; whole messages out.

    Taken in stride: no CR after FS, noise between frames, a start block missing (a message then begins at its
    MSH, FHS or BHS), several messages in one piece. A message cut by the end of the connection is `rest`. Never holds
    more than `longest` bytes and one piece.
    """

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self._buffer = bytearray()
        self._seen = 0  # how far the buffer was searched for an end already
        self._beginning: TooLong | None = None  # of the message whose rest is being thrown away

    @property
    def has_begun(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer) or self.is_too_long

    @property
    def is_too_long(self) -> bool:
        """Whether the message that has not ended is longer than one may be."""
        return self._beginning is not None

    def feed(self, data: bytes) -> list[bytes]:
        """Messages completed by these bytes; in place of one that was too long, its beginning as TooLong."""
        self._buffer += data
        found: list[bytes] = []
        while (end := self._buffer.find(END, self._seen)) >= 0:
            block = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._seen = 0
            message = self._ended(block)
            if message:
                found.append(message)
        if self._buffer[:1].strip(_NOISE) == b"":
            self._buffer = self._buffer.lstrip(_NOISE)  # so that what is between messages does not begin one
        self._seen = len(self._buffer)
        if self._seen > self.longest:
            self._throw_away()
        return found

    def _ended(self, block: bytes) -> bytes:
        if self._beginning is not None:
            beginning, self._beginning = self._beginning, None
            return beginning
        message = _content(block)
        return TooLong(message[:_BEGINNING]) if len(message) > self.longest else message

    def _throw_away(self) -> None:
        if self._beginning is None:
            self._beginning = TooLong(_content(bytes(self._buffer))[:_BEGINNING])
        self._buffer.clear()
        self._seen = 0

    @property
    def rest(self) -> bytes:
        """What came of a message that has not ended; empty between messages."""
        return self._beginning or _content(bytes(self._buffer))


def _content(block: bytes) -> bytes:
    """What lies between the last start block and the end: b"" when that is only noise between frames.

    A start block inside a message (some senders' text holds one) does not begin another unless a header follows.
    """
    at = block.rfind(START + b"MSH")
    if at < 0:
        at = block.find(START)
    if at >= 0:
        return block[at + 1 :]
    for header in (b"MSH", b"FHS", b"BHS"):
        if (at := block.find(header)) >= 0:
            return block[at:]
    return block.strip(_NOISE)
