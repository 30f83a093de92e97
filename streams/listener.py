"""MLLP in, ACK out: a message is answered only after the broker has confirmed it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import hl7_parsers
from streams.acknowledge import acknowledgement, answer_code
from streams.embedded.records import Record
from streams.metrics import ListenerMetrics
from streams.mllp import Deframer, FrameTooLong, frame
from streams.records import patient_key

log = logging.getLogger("dripcode.listener")

_READ_SIZE = 65536
# How many waiting messages one append takes at most; the rest waits for the next.
_APPEND_MOST = 200


class Appender(Protocol):
    """Puts records where a crash cannot take them, then returns."""

    async def append(self, records: Sequence[Record]) -> None: ...


class CannotStore(Exception):
    """The broker did not confirm; the sender must send again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may do: bytes of a message, seconds of silence."""

    longest_message: int
    idle_seconds: float


class Listener:
    """Serves MLLP connections; each has one message in flight, in order. Appends of all are taken together."""

    def __init__(self, topic: str, appender: Appender, metrics: ListenerMetrics, limits: Limits) -> None:
        self.topic = topic
        self.appender = appender
        self.metrics = metrics
        self.limits = limits
        self.trouble = ""  # why messages cannot be stored; "" when they can
        self._waiting: asyncio.Queue[tuple[Record, asyncio.Future[None]]] = asyncio.Queue()
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._append_task: asyncio.Task[None] | None = None
        self._is_closing = False

    @property
    def port(self) -> int:
        """The port that is bound (useful when 0 was asked for)."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self, host: str, port: int) -> None:
        self._append_task = asyncio.create_task(self._append())
        self._server = await asyncio.start_server(self._accept, host, port)
        log.info("listening for MLLP on %s:%d", host, self.port)

    async def stop(self, grace: float = 5.0) -> None:
        """Take no new connections, answer what was read, then close."""
        self._is_closing = True
        if self._server is not None:
            self._server.close()
        if self._connections:
            _, late = await asyncio.wait(self._connections, timeout=grace)
            for task in late:
                task.cancel()
        if self._append_task is not None:
            self._append_task.cancel()
            await asyncio.gather(self._append_task, return_exceptions=True)

    # -- connections -------------------------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self.metrics.connections.inc()
        peer = writer.get_extra_info("peername")
        where = f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "unknown"
        try:
            await self._converse(reader, writer, where)
        except (ConnectionError, asyncio.IncompleteReadError):
            log.info("connection of %s was cut", where)
        except CannotStore:
            # Silence is what makes a sender keep the message and send it again; a NACK is where many drop it.
            self.metrics.refused.labels("cannot_store").inc()
            log.error("a message of %s was not stored (%s): closing without an answer", where, self.trouble)
        finally:
            self._connections.discard(task)
            self.metrics.connections.dec()
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, where: str) -> None:
        deframer = Deframer(self.limits.longest_message)
        while not self._is_closing:
            data = await self._read(reader, where)
            if not data:
                break
            arrived = time.perf_counter()
            try:
                messages = deframer.feed(data)
            except FrameTooLong as wrong:
                self.metrics.refused.labels("too_long").inc()
                log.warning("connection of %s closed: %s", where, wrong)
                return
            for message in messages:
                await self._take(message, writer, where, arrived)
        if deframer.rest:
            self.metrics.refused.labels("cut").inc()
            log.warning("a message of %s was cut by the end of the connection: not stored, not answered", where)

    async def _read(self, reader: asyncio.StreamReader, where: str) -> bytes:
        """The next bytes; b"" at the end, after too long a silence, or when the listener stops."""
        reading = asyncio.ensure_future(reader.read(_READ_SIZE))
        until = time.monotonic() + self.limits.idle_seconds
        while not reading.done():
            await asyncio.wait([reading], timeout=0.5)
            if reading.done():
                break
            if self._is_closing or time.monotonic() > until:
                reading.cancel()
                if not self._is_closing:
                    log.info("connection of %s was silent for too long: closing", where)
                return b""
        return reading.result()

    async def _take(self, message: bytes, writer: asyncio.StreamWriter, where: str, arrived: float) -> None:
        """Store one message, then answer it."""
        peek = hl7_parsers.peek(message)
        headers = (
            ("control_id", peek.control_id.encode()),
            ("type", peek.kind.encode()),
            ("source", f"{peek.application}|{peek.facility}".encode()),
            ("received_at", f"{time.time():.3f}".encode()),
        )
        key = patient_key(peek.patient_authority, peek.patient_id).encode()
        stored = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((Record(self.topic, key, message, headers=headers), stored))
        await stored
        self.metrics.received.labels(peek.kind if peek.is_readable else "unreadable").inc()
        code = answer_code(peek)
        if code:
            writer.write(frame(acknowledgement(peek, code)))
            await writer.drain()
        self.metrics.acknowledgements.labels(code or "none").inc()
        self.metrics.ack_seconds.observe(time.perf_counter() - arrived)

    # -- storing -----------------------------------------------------------------------------------------------

    async def _append(self) -> None:
        """Append whatever waits, together: one flush to disk serves every connection that waits for it."""
        while True:
            waiting = [await self._waiting.get()]
            while not self._waiting.empty() and len(waiting) < _APPEND_MOST:
                waiting.append(self._waiting.get_nowait())
            try:
                await self.appender.append([record for record, _ in waiting])
            except Exception as wrong:  # noqa: BLE001 - whatever the broker's client raises, nothing was confirmed
                self.trouble = f"{type(wrong).__name__}: {wrong}"
                for _, stored in waiting:
                    if not stored.done():
                        stored.set_exception(CannotStore())
                continue
            self.trouble = ""
            for _, stored in waiting:
                if not stored.done():
                    stored.set_result(None)
