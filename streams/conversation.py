"""One MLLP connection from its first byte to its last: frames in, stored, answered in order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from streams.answers import CLOSE
from streams.delivery import Delivery, Desk, Part, delivered
from streams.mllp import Deframer, frame

log = logging.getLogger("dripcode.listener")

_READ_SIZE = 65536
# Answers that may wait for the sender to read them before it is waited for, bytes.
_UNREAD_ANSWERS_MAX = 65536


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may do. Times in seconds, sizes in bytes."""

    longest_message: int
    idle_seconds: float = 86400.0
    message_seconds: float = 120.0
    answer_seconds: float = 60.0
    in_flight: int = 50  # messages that wait for their answer


class Ended(Exception):
    """The listener ends the connection; `reason` is for counters."""

    def __init__(self, reason: str, told: str) -> None:
        super().__init__(told)
        self.reason = reason


class Conversation:
    """Reads no further while answers are due: that is the back-pressure, from the broker to the sender."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, where: str, limits: Limits, desk: Desk
    ) -> None:
        self.reader, self.writer = reader, writer
        self.where = where
        self.limits = limits
        self.desk = desk
        self._deframer = Deframer(limits.longest_message)
        self._begun = 0.0  # when the message that is being read began, by the monotonic clock
        self._reading: asyncio.Task[None] | None = None  # the task, while it waits for bytes
        self._is_leaving = False
        writer.transport.set_write_buffer_limits(high=_UNREAD_ANSWERS_MAX)

    async def hold(self) -> None:
        """Read, store and answer until one side ends it. Raises Ended, ConnectionError."""
        while data := await self._read():
            arrived = time.perf_counter()
            had_begun = self._deframer.has_begun
            messages = self._deframer.feed(data)
            if self._deframer.has_begun and (messages or not had_begun):
                self._begun = time.monotonic()
            for start in range(0, len(messages), self.limits.in_flight):
                await self._take(messages[start : start + self.limits.in_flight], arrived)
            if self._deframer.is_too_long and self.desk.policy.too_long == CLOSE:
                raise Ended("too_long", f"more than {self.limits.longest_message} bytes without an end block")
        if self._deframer.has_begun:
            why = "the listener stops" if self._is_leaving else "the connection ended"
            raise Ended("cut", f"a message had begun when {why}: not stored, not answered")

    def leave(self) -> None:
        """Read no more; what was read is still answered."""
        self._is_leaving = True
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self) -> bytes:
        """The next bytes; b"" at the end, or when the listener stops."""
        if self._is_leaving:
            return b""
        seconds = self.limits.idle_seconds
        if self._deframer.has_begun:
            seconds = self._begun + self.limits.message_seconds - time.monotonic()
        task = asyncio.current_task()
        assert task is not None
        self._reading = task
        try:
            async with asyncio.timeout(seconds):
                return await self.reader.read(_READ_SIZE)
        except TimeoutError:
            if self._deframer.has_begun:
                told = f"a message did not end within {self.limits.message_seconds:.0f} s: not stored, not answered"
                raise Ended("slow", told) from None
            raise Ended("idle", f"silent for {self.limits.idle_seconds:.0f} s") from None
        except asyncio.CancelledError:
            if not self._is_leaving:
                raise
            task.uncancel()
            return b""
        finally:
            self._reading = None

    async def _take(self, messages: Sequence[bytes], arrived: float) -> None:
        """Store some messages together, then answer each in turn. Raises Ended at the first that gets no answer."""
        deliveries = [delivered(message, self.desk) for message in messages]
        fates = iter(await self.desk.store([part for each in deliveries for part in each.parts if part.record]))
        for delivery in deliveries:
            for part in delivery.parts:
                if part.record is not None:
                    part.fate = next(fates)
            await self._answer(delivery)
            self.desk.metrics.ack_seconds.observe(time.perf_counter() - arrived)

    async def _answer(self, delivery: Delivery) -> None:
        if delivery.remark:
            log.warning("connection of %s: %s", self.where, delivery.remark)
        for part in delivery.parts:
            self._note(part)
        if any(part.verdict(self.desk) == CLOSE for part in delivery.parts):
            # Silence is what makes a sender keep the message and send it again; a NACK is where many drop it.
            raise Ended("cannot_store", "a message was not stored: closing without an answer")
        answer = delivery.answer(self.desk)
        if answer:
            self.writer.write(frame(answer))
            try:
                async with asyncio.timeout(self.limits.answer_seconds):
                    await self.writer.drain()
            except TimeoutError:
                told = f"the sender has not read its answers for {self.limits.answer_seconds:.0f} s"
                raise Ended("unread", told) from None

    def _note(self, part: Part) -> None:
        """Say what is wrong with a message, and where, never what it holds."""
        problem = part.problem(self.desk)
        if problem is None:
            return
        verdict = part.verdict(self.desk)
        self.desk.metrics.problems.labels(problem.reason, verdict).inc()
        name = part.peek.control_id[:80] if part.peek.control_id.isprintable() else ""
        log.warning("message %s of %s: %s: %s", name or "without control id", self.where, problem, verdict)
