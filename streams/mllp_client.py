"""MLLP from the sender's side: one connection that resends until it is answered, and many messages over several."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from streams.mllp import Deframer, frame
from streams.tls import is_final

ACCEPTED: Final = frozenset({"AA", "CA"})
REJECTED: Final = frozenset({"AR", "CR"})
REFUSED: Final = REJECTED | {"AE", "CE"}
NOT_ASKED: Final = "none"  # in place of an acknowledgement code: the message asks for no answer (MSH-15, MSH-16)

_ANSWER_BYTES_MAX: Final = 1_000_000
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0  # seconds between attempts, doubling
_QUIET: Final = 0.2  # how long an error may take to come back for a message that asks for no other answer
_CONTROL_ID_CUT: Final = 20  # MSH-10 had at most 20 characters up to HL7 v2.6
_CLOSING: Final = 1.0  # how long the peer may take to let go of a connection, seconds


class NoAnswer(Exception):
    """The peer could not be reached, or was silent, for as long as the client had patience. The message may be sent
    again: a receiver that did store it recognises the duplicate."""


class Unframeable(ValueError):
    """The message holds the byte that ends an MLLP frame (0x1C) and cannot be sent."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds: for a connection, for an answer, and in all for one message."""

    connect: float = 5.0
    answer: float = 10.0
    message: float = 30.0


class MllpClient:
    """One connection, one message in flight: the next leaves when the last is answered, so order is kept.

    A connection that is cut, or silent for `patience.answer`, is closed before the message is sent again on a new
    one: an answer that comes too late can never be taken for that of the next message. `resends` counts those.
    """

    def __init__(
        self, host: str, port: int, patience: Patience | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.host, self.port = host, port
        self.patience = patience or Patience()
        self.tls = tls
        self.resends = 0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._answers: list[bytes] = []
        self._deframer = Deframer(_ANSWER_BYTES_MAX)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Open the connection unless it is open. Raises OSError, a TimeoutError among them."""
        if self._reader is not None and not self._reader.at_eof():
            return
        await self.close()
        async with asyncio.timeout(self.patience.connect):
            self._reader, self._writer = await asyncio.open_connection(self.host, self.port, ssl=self.tls)
        self._answers, self._deframer = [], Deframer(_ANSWER_BYTES_MAX)

    async def is_let_in(self, seconds: float = 0.5) -> bool:
        """Whether the peer keeps the connection that was opened; False when it closes it within so long.

        A TLS peer that does not trust our certificate says so only after our side of the handshake is done, most
        often by closing alone.
        """
        assert self._reader is not None
        reading = asyncio.ensure_future(self._reader.read(1))
        done, _ = await asyncio.wait([reading], timeout=seconds)
        if not done:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            return True
        reading.exception()
        await self.close()
        return False

    async def close(self) -> None:
        """Close the connection; nothing when it is closed."""
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                async with asyncio.timeout(_CLOSING):
                    await writer.wait_closed()

    async def send(self, message: bytes) -> bytes:
        """Send one message and return the answer to it, sending again as often as needed.

        b"" when the message asks for no answer and no error came. A refusal (AE, AR, CE, CR) is an answer: it is
        returned and never sent again. Raises NoAnswer after `patience.message`, and Unframeable.
        """
        data = _framed(message)
        give_up_at = time.monotonic() + self.patience.message
        pause = _FIRST_PAUSE
        has_left = False
        while True:
            try:
                await self.connect()
                self.resends += has_left
                has_left = True
                return await self._exchange(data, message)
            except OSError as wrong:
                await self.close()
                if is_final(wrong) or time.monotonic() + pause > give_up_at:
                    raise NoAnswer(
                        f"no answer from {self.host}:{self.port}: {why_not(wrong) or 'it did not answer in time'}"
                    ) from wrong
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _exchange(self, data: bytes, message: bytes) -> bytes:
        assert self._writer is not None
        header = _header(message)
        self._answers.clear()  # answers nobody waits for any more
        self._writer.write(data)
        async with asyncio.timeout(self.patience.answer):
            await self._writer.drain()
        if not _wants_answer(header):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_QUIET):
                    return await self._answer(_field(header, 10).strip())
            return b""
        async with asyncio.timeout(self.patience.answer):
            return await self._answer(_field(header, 10).strip())

    async def _answer(self, control_id: bytes) -> bytes:
        """The next answer to this control id. What answers another message, or is no answer at all, is passed over."""
        while True:
            while self._answers:
                answer = self._answers.pop(0)
                code, about = _acknowledges(answer)
                if code and _is_about(about, control_id):
                    return answer
            assert self._reader is not None
            data = await self._reader.read(65536)
            if not data:
                raise ConnectionResetError("the connection was closed before the answer")
            self._answers += self._deframer.feed(data)
            if self._deframer.is_too_long:
                raise ConnectionAbortedError("the answer has no end")


@dataclass(frozen=True, slots=True)
class SendReport:
    """What became of a number of messages. Positions count from 0, in the order the messages were given."""

    total: int
    by_code: dict[str, int]  # answers by MSA-1, and `none` for messages that ask for no answer
    refused: tuple[int, ...]  # answered with AE, AR, CE or CR
    unsent: tuple[int, ...]  # never answered; what a later run has to send
    resends: int
    p50_ms: float  # from the first attempt to the answer, resends and waiting in between included
    p99_ms: float
    seconds: float

    @property
    def answered(self) -> int:
        """How many messages are done with: accepted, refused, or asking for no answer."""
        return self.total - len(self.unsent)

    @property
    def is_complete(self) -> bool:
        """Every message was sent and none refused."""
        return not self.refused and not self.unsent

    def summary(self) -> str:
        """One line: answers by code, resends, what is left, latency."""
        codes = ", ".join(f"{count} {code}" for code, count in sorted(self.by_code.items())) or "no answers"
        left = f", {len(self.unsent)} unsent" if self.unsent else ""
        return f"{codes}, {self.resends} resent{left}; latency p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms"


class Feed:
    """Messages on their way over one or more connections; `report` tells how far it has come, at any moment.

    The messages of one patient keep to one connection, so they arrive in order. A connection that gets no answer
    within its client's patience ends there, and what it had left is unsent: nothing overtakes.
    """

    def __init__(
        self,
        messages: Sequence[bytes],
        on_progress: Callable[[int], None] | None = None,
        stop_on: frozenset[str] = frozenset(),
    ) -> None:
        """`on_progress` is called after each answer with the number of messages answered so far.

        An answer with a code of `stop_on` ends the feed: what is on its way is still answered, nothing more leaves.
        Raises Unframeable, before anything is sent.
        """
        for position, message in enumerate(messages):
            try:
                _framed(message)
            except Unframeable as wrong:
                raise Unframeable(f"message {position + 1}: {wrong}") from None
        self.messages = messages
        self.problems: list[str] = []  # why a connection ended early
        self._on_progress = on_progress
        self._stop_on = stop_on
        self._is_stopped = False
        self._codes: dict[int, str] = {}
        self._latencies: list[float] = []
        self._clients: Sequence[MllpClient] = ()
        self._began = self._ended = time.monotonic()

    async def through(self, clients: Sequence[MllpClient], rate: float | None = None) -> None:
        """Send all messages, at most `rate` a second over all connections together."""
        self._clients, self._began = clients, time.monotonic()
        pace = _Pace(rate)
        try:
            lanes = zip(clients, lanes_of(self.messages, len(clients)), strict=True)
            await asyncio.gather(*(self._drive(client, lane, pace) for client, lane in lanes))
        finally:
            self._ended = time.monotonic()

    async def _drive(self, client: MllpClient, lane: Sequence[int], pace: _Pace) -> None:
        async with client:
            for position in lane:
                await pace.turn()
                if self._is_stopped:
                    return
                began = time.monotonic()
                try:
                    answer = await client.send(self.messages[position])
                except NoAnswer as wrong:
                    self.problems.append(str(wrong))
                    return
                self._latencies.append(time.monotonic() - began)
                code = self._codes[position] = _acknowledges(answer)[0] or NOT_ASKED
                if code in self._stop_on and not self._is_stopped:
                    self._is_stopped = True
                    self.problems.append(f"stopped: a message was answered with {code}")
                if self._on_progress:
                    self._on_progress(len(self._codes))

    def report(self) -> SendReport:
        codes = self._codes
        milliseconds = sorted(1000 * latency for latency in self._latencies)
        return SendReport(
            total=len(self.messages),
            by_code=dict(sorted(Counter(codes.values()).items())),
            refused=tuple(sorted(each for each, code in codes.items() if code not in ACCEPTED | {NOT_ASKED})),
            unsent=tuple(position for position in range(len(self.messages)) if position not in codes),
            resends=sum(client.resends for client in self._clients),
            p50_ms=percentile(milliseconds, 50),
            p99_ms=percentile(milliseconds, 99),
            seconds=self._ended - self._began,
        )


async def send_all(  # noqa: PLR0913  (what, where to, and the three ways to do it)
    messages: Sequence[bytes],
    host: str,
    port: int,
    *,
    connections: int = 1,
    rate: float | None = None,
    on_progress: Callable[[int], None] | None = None,
    tls: ssl.SSLContext | None = None,
) -> SendReport:
    """Send all messages over `connections` connections and tell what became of them. See `Feed`."""
    feed = Feed(messages, on_progress)
    await feed.through([MllpClient(host, port, tls=tls) for _ in range(connections)], rate)
    return feed.report()


def lanes_of(messages: Sequence[bytes], count: int) -> list[list[int]]:
    """Positions of the messages by connection: by patient id (PID-3), in turn for those that name no patient."""
    lanes: list[list[int]] = [[] for _ in range(count)]
    for position, message in enumerate(messages):
        patient_id = _patient_id(message)
        lanes[(zlib.crc32(patient_id) if patient_id else position) % count].append(position)
    return lanes


def percentile(ordered: Sequence[float], rank: int) -> float:
    """The nearest-rank percentile of an ascending sequence; 0.0 of an empty one."""
    return ordered[max(0, -(-rank * len(ordered) // 100) - 1)] if ordered else 0.0


class _Pace:
    """Turns at a steady rate, whoever takes them; turns missed while nobody could send are not made up for."""

    def __init__(self, rate: float | None) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        if self._gap:
            now = time.monotonic()
            mine = max(now, self._next)
            self._next = mine + self._gap
            await asyncio.sleep(mine - now)


def _framed(message: bytes) -> bytes:
    if b"\x1c" in message:
        raise Unframeable("holds the byte 0x1C, which ends an MLLP frame; take it out of the message")
    return frame(message)


def why_not(wrong: BaseException) -> str:
    """Why a peer could not be reached; "" when the error says nothing."""
    if isinstance(wrong, ConnectionRefusedError):
        return "nothing listens there (connection refused)"
    if isinstance(wrong, socket.gaierror):
        return f"its name is not known ({wrong.strerror})"
    return str(wrong)


def _segments(message: bytes) -> list[bytes]:
    return message.replace(b"\n", b"\r").split(b"\r")


def _header(message: bytes) -> list[bytes]:
    """The fields of the MSH by number, counted as the standard does; empty when there is no header."""
    if not message.startswith(b"MSH") or len(message) < 4:
        return []
    separator = message[3:4]
    name, *fields = _segments(message)[0].split(separator)
    return [name, separator, *fields]


def _field(fields: list[bytes], number: int) -> bytes:
    return fields[number] if number < len(fields) else b""


def _wants_answer(header: list[bytes]) -> bool:
    """Whether success is answered: always in original mode (MSH-15 and 16 empty), else when one asks AL or SU."""
    asked = {_field(header, 15), _field(header, 16)}
    return asked == {b""} or bool(asked & {b"AL", b"SU"})


def _patient_id(message: bytes) -> bytes:
    """PID-3, first repetition, first component; empty when there is none."""
    separator, component, repetition = message[3:4], message[4:5], message[5:6]
    if not message.startswith(b"MSH") or not repetition:
        return b""
    for segment in _segments(message):
        if segment.startswith(b"PID" + separator):
            return _field(segment.split(separator), 3).split(repetition)[0].split(component)[0]
    return b""


def _is_about(about: bytes, control_id: bytes) -> bool:
    """Whether MSA-2 names this message. Receivers cut long control ids, and cannot echo what they could not read."""
    is_cut = len(about) >= _CONTROL_ID_CUT and control_id.startswith(about)
    return not about or not control_id or about == control_id or is_cut


def answer_code(answer: bytes) -> str:
    """MSA-1 of an answer; empty when it has none."""
    return _acknowledges(answer)[0]


def _acknowledges(answer: bytes) -> tuple[str, bytes]:
    """MSA-1 and MSA-2 of an answer; empty when it has no MSA."""
    separator = answer[3:4]
    for segment in _segments(answer) if separator else ():
        if segment.startswith(b"MSA" + separator):
            fields = segment.split(separator)
            return _field(fields, 1).decode("ascii", "replace").strip().upper(), _field(fields, 2).strip()
    return "", b""
