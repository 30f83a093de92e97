"""Turns "there is lag, and the commit does not move" into an exit."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import faust
from faust.types import TP

from streams.intake import Message
from streams.log import Explained
from streams.worker_metrics import WorkerMetrics

log = logging.getLogger("dripcode.watchdog")


class Stuck(Explained):
    """A partition has messages waiting and has not moved for too long; a supervisor should start the worker again."""


class Watchdog:
    """Remembers, per partition, how far it came and when it last moved.

    `recovered` says how far a partition was done by whoever had it before, as far as the tables tell; 0 for unknown.
    Without it a partition that never moves after a restart would have no lag.
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
        self._rebalances = 0

    def progressed(self, messages: Sequence[Message]) -> None:
        """Note that these messages were written and acknowledged."""
        done = {message.tp: message.offset + 1 for message in messages}
        self._done.update(done)
        self._moved.update(dict.fromkeys(done, time.monotonic()))

    async def check(self) -> None:
        """Crash the app when a partition that we own has lag and stands still."""
        consumer = self.app.consumer
        if self.app.rebalancing_count != self._rebalances:
            # Another worker may have had our partitions since, and brought them further than we know.
            self._rebalances = self.app.rebalancing_count
            self._done.clear()
            self._moved.clear()
        if self.app.rebalancing or not self.app.tables.actives_ready:
            self._moved.clear()
            return
        now = time.monotonic()
        changelogs = self.app.tables.changelog_topics
        lags: dict[str, int] = {}
        stands: dict[str, float] = {}
        for tp in consumer.assignment():
            if tp.topic in changelogs:
                continue
            done = max(self._done.get(tp, 0), self.recovered(tp))
            lag = max(0, (consumer.highwater(tp) or 0) - done) if done else 0
            lags[tp.topic] = lags.get(tp.topic, 0) + lag
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
