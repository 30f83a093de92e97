"""Turns "there is lag, and the commit does not move" into an exit, and "the tables are not read back" too."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence

import faust
from aiokafka.errors import KafkaError
from faust.types import TP

from streams.faust_private import committed, read_back
from streams.intake import Message
from streams.log import Explained
from streams.worker_metrics import WorkerMetrics

log = logging.getLogger("dripcode.watchdog")

_ASK_SECONDS = 5.0  # how long the broker may take to say where a partition begins


class Stuck(Explained):
    """A partition has messages waiting and has not moved for too long; a supervisor should start the worker again."""


class Watchdog:
    """Remembers, per partition, how far it came and when it last moved.

    `recovered` says how far a partition was done by whoever had it before, as far as the tables tell; 0 for unknown.
    The last commit tells it besides. Where neither does, nothing was ever done: all that is there waits.
    """

    def __init__(
        self, app: faust.App, metrics: WorkerMetrics, stuck_after: float, recovered: Callable[[TP], int]
    ) -> None:
        self.app = app
        self.metrics = metrics
        self.stuck_after = stuck_after
        self.recovered = recovered
        self._done: dict[TP, int] = {}
        self._moved: dict[TP, float] = {}
        self._first: dict[TP, int] = {}  # the first message that was there after the last rebalance
        self._rebalances = 0
        self._read: tuple[int, ...] = ()  # how far the reading of the tables came, and when it came further
        self._read_at = 0.0

    def progressed(self, messages: Sequence[Message]) -> None:
        """Note that these messages were written and acknowledged."""
        done = {message.tp: message.offset + 1 for message in messages}
        self._done.update(done)
        self._moved.update(dict.fromkeys(done, time.monotonic()))

    async def check(self) -> None:
        """Crash the app when a partition that we own has lag and stands still, or the reading of the tables does."""
        consumer = self.app.consumer
        if self.app.rebalancing_count != self._rebalances:
            # Another worker may have had our partitions since, and brought them further than we know.
            self._rebalances = self.app.rebalancing_count
            self._done.clear()
            self._moved.clear()
            self._first.clear()
        if self.app.rebalancing or not self.app.tables.actives_ready:
            self._moved.clear()
            await self._check_recovery()
            return
        self._read = ()
        now = time.monotonic()
        changelogs = self.app.tables.changelog_topics
        lags: dict[tuple[str, int], int] = {}
        stands: dict[str, float] = {}
        tps = [tp for tp in consumer.assignment() if tp.topic not in changelogs]
        ends = await self._ends(tps)
        for tp in tps:
            lag = lags[tp.topic, tp.partition] = await self._lag(tp, ends.get(tp) or 0)
            moved = self._moved.setdefault(tp, now)
            if not lag:
                self._moved[tp] = now
                continue
            stands[tp.topic] = max(stands.get(tp.topic, 0.0), now - moved)
            if now - moved > self.stuck_after:
                message = f"{tp.topic}[{tp.partition}]: {lag} waiting, none done for {now - moved:.0f} s"
                log.critical("%s; the worker ends", message)
                await self.app.crash(Stuck(message))
        self.metrics.lag(lags, stands)

    async def _check_recovery(self) -> None:
        """Crash the app when it has read nothing of its tables for too long, nor been given other partitions."""
        now, read = time.monotonic(), (self.app.rebalancing_count, *read_back(self.app))
        if read != self._read:
            self._read, self._read_at = read, now
        elif now - self._read_at > self.stuck_after:
            message = f"the tables are not there, and nothing of them was read for {now - self._read_at:.0f} s"
            log.critical("%s; the worker ends", message)
            await self.app.crash(Stuck(message))

    async def _ends(self, tps: Sequence[TP]) -> Mapping[TP, int]:
        """Where partitions end, asked of the broker: what was fetched tells nothing of one that is not fetched."""
        if tps:
            with contextlib.suppress(KafkaError, TimeoutError):
                return await asyncio.wait_for(self.app.consumer.highwaters(*tps), _ASK_SECONDS)
        return {}

    async def _lag(self, tp: TP, end: int) -> int:
        """How many messages wait in a partition. Those that retention deleted do not."""
        consumer = self.app.consumer
        done = max(self._done.get(tp, 0), self.recovered(tp), committed(consumer, tp))
        end = max(end, consumer.highwater(tp) or 0)
        if done < end and tp not in self._first:
            # A broker that is away says so elsewhere; we ask again at the next look.
            with contextlib.suppress(KafkaError, TimeoutError):
                first = await asyncio.wait_for(consumer.earliest_offsets(tp), _ASK_SECONDS)
                self._first[tp] = first.get(tp) or 0
        return max(0, end - max(done, self._first.get(tp, 0)))
