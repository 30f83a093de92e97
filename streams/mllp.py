"""MLLP framing: VT, the message, FS, CR. Liberal in what is read, strict in what is written."""

from __future__ import annotations

START = b"\x0b"
END = b"\x1c"
CARRIAGE_RETURN = b"\x0d"


class FrameTooLong(Exception):
    """More bytes than a message may have came without an end."""


def frame(message: bytes) -> bytes:
    """The message as it goes over the wire."""
    return START + message + END + CARRIAGE_RETURN


class Deframer:
    """Bytes in, in pieces of any size; whole messages out.

    Taken in stride: no CR after FS, noise between frames, a start block missing (a message then begins at its
    MSH, FHS or BHS), several messages in one piece. A message cut by the end of the connection is `rest`.
    """

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self._buffer = bytearray()
        self._seen = 0  # how far the buffer was searched for an end already

    def feed(self, data: bytes) -> list[bytes]:
        """Messages completed by these bytes. Raises FrameTooLong."""
        self._buffer += data
        found = []
        while (end := self._buffer.find(END, self._seen)) >= 0:
            message = _content(bytes(self._buffer[:end]))
            del self._buffer[: end + 1]
            self._seen = 0
            if message:
                found.append(message)
        self._seen = len(self._buffer)
        if len(self._buffer) > self.longest:
            raise FrameTooLong(f"more than {self.longest} bytes without an end block")
        return found

    @property
    def rest(self) -> bytes:
        """What came of a message that has not ended; empty between messages."""
        return _content(bytes(self._buffer))


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
    return block.strip(b"\r\n\x00 ")
