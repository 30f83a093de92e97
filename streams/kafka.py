"""Faust's Kafka transport with its fetching put right: after a rebalance it skips messages.

Two holes, both found by killing workers, both lost messages for good (what follows is acknowledged, and the commit
passes them):

1. A fetch in flight is given the live set of active partitions. When recovery pauses the last of them the set is
   empty, which aiokafka takes for "all": it hands over records of stream partitions, which nobody wants yet, and they
   are dropped, after the seek to the last commit. Here a fetch works on a copy, never on an empty set, and a seek
   waits for the fetch that is in flight.
2. Stream partitions are resumed before they are sought and before the streams' queues are emptied; what arrives in
   between is thrown away. Here they stay paused until the queues have been emptied (`resume_flow` follows that
   without a pause in between).

The setting `kafka_transport = "stock"` takes Faust's own; `streams/progress.py` watches over both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from faust.transport.drivers import aiokafka
from faust.types import TP

# A seek waits for the fetch in flight, so that one is kept short, seconds.
_LONGEST_FETCH = 0.25
_NOTHING_TO_FETCH = 0.05


class Consumer(aiokafka.Consumer):
    """A consumer that delivers each message after the last commit, and none of a stream before it is wanted."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._held: set[TP] = set()
        self._fetching = asyncio.Lock()

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        wanted = set(active_partitions or ())
        if not wanted:
            await self.sleep(_NOTHING_TO_FETCH)
            return {}
        async with self._fetching:
            return await super()._getmany(wanted, min(timeout, _LONGEST_FETCH))

    async def perform_seek(self) -> None:
        async with self._fetching:
            await super().perform_seek()

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        async with self._fetching:
            await super().seek_wait(partitions)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        wanted = set(tps)
        if self.app.rebalancing:
            held = {tp for tp in wanted if tp.topic not in self.app.tables.changelog_topics}
            self._held |= held
            wanted -= held
        super().resume_partitions(wanted)

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        paused = set(tps)
        self._held -= paused
        super().pause_partitions(paused)

    def resume_flow(self) -> None:
        super().resume_flow()
        held, self._held = self._held & self.assignment(), set()
        super().resume_partitions(held)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self._held.clear()
        await super().on_partitions_revoked(revoked)


class Transport(aiokafka.Transport):
    """Chosen by the scheme of the broker's address that streams/app.py gives to Faust."""

    Consumer = Consumer
