"""Where all connections' messages wait to be stored: taken together, bounded, and confirmed one by one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from streams.embedded.records import Position, Record
from streams.metrics import ListenerMetrics

log = logging.getLogger("dripcode.listener")

# How many waiting messages one append takes at most; the rest waits for the next.
_APPEND_MOST = 200

Waiting = tuple[Record, "asyncio.Future[Fate]"]


class Appender(Protocol):
    """Puts records where a crash cannot take them, then returns."""

    async def append(self, records: Sequence[Record]) -> list[Position | Exception]:
        """Where each came to lie, or why it alone could not be stored. Raises when none could be."""
        ...


class RecordTooLarge(Exception):
    """The broker will never take this record: it is larger than it allows."""


class Fate(Enum):
    """What became of a record."""

    STORED = "stored"
    TOO_LARGE = "too_large"
    NOT_STORED = "not_stored"


class Room:
    """How many bytes may wait to be stored. Who finds none waits in turn, and reads nothing more meanwhile."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0
        self._turn: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> None:
        """Take room; something larger than all of it waits until the room is empty."""
        if not self._turn and self._fits(size):
            self.used += size
            return
        mine = asyncio.get_running_loop().create_future()
        self._turn.append((size, mine))
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self.give_back(size)
            raise

    def give_back(self, size: int) -> None:
        self.used -= size
        while self._turn and (self._turn[0][1].done() or self._fits(self._turn[0][0])):
            size, next_one = self._turn.popleft()
            if not next_one.done():
                self.used += size
                next_one.set_result(None)

    def _fits(self, size: int) -> bool:
        return self.used == 0 or self.used + size <= self.most


class AppendQueue:
    """Appends whatever waits, together: one flush to disk serves every connection that waits for it."""

    def __init__(self, appender: Appender, metrics: ListenerMetrics, room: int, patience: float) -> None:
        self.appender = appender
        self.metrics = metrics
        self.room = Room(room)
        self.patience = patience
        self.trouble = ""  # why messages cannot be stored; "" when they can
        self._since = 0.0  # when the trouble began, by the monotonic clock
        self._turned_away = 0
        self._waiting: asyncio.Queue[Waiting] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._append_for_ever())

    async def stop(self) -> None:
        """End; nothing may be waiting any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def store(self, records: Sequence[Record]) -> list[Fate]:
        """Store the records in this order, and tell what became of each once the broker has confirmed.

        Waits for room first, then at most `patience` seconds: a broker that hangs is one that cannot store, and what
        it does store later is a duplicate when it comes again.
        """
        size = sum(len(record.value or b"") for record in records)
        await self.room.take(size)
        futures = [self._put(record) for record in records]
        try:
            _, late = await asyncio.wait(futures, timeout=self.patience)
            if late:
                self._failed(f"not confirmed within {self.patience:.0f} s", len(late))
            return [Fate.NOT_STORED if each in late else each.result() for each in futures]
        finally:
            for each in futures:
                each.cancel()
            self.room.give_back(size)

    def _put(self, record: Record) -> asyncio.Future[Fate]:
        stored: asyncio.Future[Fate] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((record, stored))
        return stored

    async def _append_for_ever(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while not self._waiting.empty() and len(batch) < _APPEND_MOST:
                batch.append(self._waiting.get_nowait())
            # What nobody waits for any more is not stored: its sender was told, by silence or in words.
            await self._append([(record, stored) for record, stored in batch if not stored.done()])

    async def _append(self, batch: list[Waiting]) -> None:
        if not batch:
            return
        results: Sequence[object]
        try:
            results = await self.appender.append([record for record, _ in batch])
        except Exception as wrong:  # noqa: BLE001 - whatever the broker's client raises, nothing was confirmed
            results = [wrong] * len(batch)
        fates = [_fate(result) for result in results]
        self._note(fates, results)
        for (_, stored), fate in zip(batch, fates, strict=True):
            if not stored.done():
                stored.set_result(fate)

    def _note(self, fates: Sequence[Fate], results: Sequence[object]) -> None:
        if Fate.NOT_STORED in fates:
            wrong = results[fates.index(Fate.NOT_STORED)]
            self._failed(f"{type(wrong).__name__}: {wrong}", fates.count(Fate.NOT_STORED))
        elif Fate.STORED in fates and self.trouble:
            log.warning(
                "messages are stored again after %.1f s; %d were turned away meanwhile",
                time.monotonic() - self._since,
                self._turned_away,
            )
            self.trouble, self._turned_away = "", 0
            self.metrics.cannot_store.set(0)

    def _failed(self, trouble: str, turned_away: int) -> None:
        """Say once when it begins, and count: a line for every message would bury the first."""
        if not self.trouble:
            self._since = time.monotonic()
            self.metrics.cannot_store.set(1)
            log.error("messages cannot be stored: %s", trouble)
        self.trouble = trouble
        self._turned_away += turned_away


def _fate(result: object) -> Fate:
    if isinstance(result, RecordTooLarge):
        return Fate.TOO_LARGE
    return Fate.NOT_STORED if isinstance(result, Exception) else Fate.STORED
