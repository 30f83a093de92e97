"""The last two minutes second by second: rates, what waits, how long stages take; kept by this process alone."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from streams.read_model.board import STAGES, Throughput, balance, lag_of, stages_of, throughput
from streams.read_model.histograms import Buckets, quantile, since, total
from streams.read_model.notices import read_notices
from streams.read_model.shelf import ReadModelAway, Shelf
from streams.topics import Topics

SECONDS = 120
_SHARED_SECONDS = 0.9
_DELAY_OVER = 10  # seconds that a point of the delays looks back on
_DRAWN = ("received_to_acknowledged", "received_to_applied", "closed_to_emitted")

# Name to (seconds since 1970, value), oldest first; None where there was nothing to measure.
Series = dict[str, list[tuple[float, float | None]]]


@dataclass(frozen=True, slots=True)
class Beat:
    """One look: messages received and done in all, waiting by topic, a histogram of seconds by stage."""

    at: float
    received: int
    done: int
    waiting: Mapping[str, float]
    stages: Mapping[str, Buckets]


@dataclass(frozen=True, slots=True)
class StageRow:
    """How long a stage took, over the last two minutes and since its processes began. Quantiles in seconds."""

    stage: str
    number: float  # in the last two minutes
    median: float
    p99: float
    number_ever: float
    p99_ever: float
    longest_edge: float  # what is longer is not measured: a quantile above it is infinite


@dataclass
class Pulse:
    """A beat a second. Done is applied + duplicate + dead + ignored."""

    shelf: Shelf
    topics: Topics
    beats: deque[Beat] = field(default_factory=lambda: deque(maxlen=SECONDS + 1))
    _board: Throughput | None = None
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def board(self) -> Throughput:
        """The front page's figures; all who ask within a second share one look. Raises ReadModelAway."""
        async with self._looking:
            if self._board is None or time.time() - self._board.at > _SHARED_SECONDS:
                self._board = await throughput(self.shelf, self.topics)
            return self._board

    async def beating(self, _: web.Application) -> AsyncIterator[None]:
        """For as long as the pages are served."""
        task = asyncio.create_task(self._beat())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _beat(self) -> None:
        while True:
            with contextlib.suppress(ReadModelAway):
                self.take(await self._look())
            await asyncio.sleep(1)

    async def _look(self) -> Beat:
        now = await balance(self.shelf, self.topics)
        processes = read_notices(await self.shelf.notices())
        done = now.received - now.waiting
        return Beat(time.time(), now.received, done, lag_of(processes), stages_of(processes))

    def take(self, beat: Beat) -> None:
        """Keep a beat; none while a read model that was lost catches up with what was known: that is no traffic."""
        known = self.beats[-1] if self.beats else beat
        if beat.received >= known.received or beat.at - known.at > SECONDS:
            self.beats.append(beat)

    def rates(self) -> Series:
        """Messages a second, received and done."""
        made: Series = {"received": [], "done": []}
        for before, now in self._pairs(1):
            elapsed = now.at - before.at
            made["received"].append((now.at, max(0.0, (now.received - before.received) / elapsed)))
            made["done"].append((now.at, max(0.0, (now.done - before.done) / elapsed)))
        return made

    def waiting(self) -> Series:
        """Messages waiting to be applied, closed encounters to be coded, commands to be followed."""
        named = {
            "to be applied": self.topics.inbound,
            "to be coded": self.topics.closed,
            "commands": self.topics.commands,
        }
        return {name: [(b.at, b.waiting.get(topic, 0.0)) for b in self.beats] for name, topic in named.items()}

    def delays(self) -> Series:
        """99 % were faster, in milliseconds, over the ten seconds before each moment."""
        made: Series = {stage: [] for stage in _DRAWN}
        for before, now in self._pairs(_DELAY_OVER):
            for stage in _DRAWN:
                new = since(before.stages.get(stage, {}), now.stages.get(stage, {}))
                finite = [edge for edge in new if edge != float("inf")]
                longest = max(finite, default=0.0)
                within = 1000 * min(longest, quantile(new, 0.99)) if total(new) else None
                made[stage].append((now.at, within))
        return made

    def stages(self) -> list[StageRow]:
        """A row for each stage that anything has gone through, in the order of the way."""
        if not self.beats:
            return []
        first, last = self.beats[0], self.beats[-1]
        rows = []
        for stage in STAGES:
            ever = last.stages.get(stage, {})
            lately = since(first.stages.get(stage, {}), ever)
            longest = max((edge for edge in ever if edge != float("inf")), default=0.0)
            quantiles = (quantile(lately, 0.5), quantile(lately, 0.99))
            if total(ever):
                rows.append(StageRow(stage, total(lately), *quantiles, total(ever), quantile(ever, 0.99), longest))
        return rows

    def _pairs(self, apart: int) -> Iterator[tuple[Beat, Beat]]:
        beats = list(self.beats)
        return zip(beats, beats[apart:], strict=False)
