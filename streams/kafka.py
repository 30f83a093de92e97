"""Faust's Kafka transport with a reading loop of ours: no message skipped in a rebalance, few steps for each.

Faust's own makes about four tasks a message and has three holes, all found by killing and freezing workers, all lost
messages for good (what follows is acknowledged, and the commit passes them):

1. A fetch in flight is given the live set of active partitions. When recovery pauses the last of them the set is
   empty, which aiokafka takes for "all": it hands over records of stream partitions, which nobody wants yet, and they
   are dropped, after the seek to the last commit. Here a fetch works on a copy, never on an empty set, and a seek
   waits for the fetch that is in flight.
2. Stream partitions are resumed before they are sought and before the streams' queues are emptied; what arrives in
   between is thrown away. Here they stay paused until the queues have been emptied (`resume_flow` follows that
   without a pause in between).
3. The seek to the last commit leaves a partition that has none where it is: behind what was fetched and dropped since
   it was assigned. Here it is sought to its beginning.

What is fetched goes whole to where it belongs, without a pause: records of a changelog to their table, messages to
the inbox of the agent that reads the topic. A partition whose inbox is full is not fetched until there is room.

The setting `kafka_transport = "stock"` takes Faust's own; `streams/progress.py` watches over both.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers import aiokafka
from faust.types import TP
from mode import Service

from streams import faust_private
from streams.intake import Delivered, Inbox

# A seek waits for the fetch in flight, so that one is kept short, seconds.
_LONGEST_FETCH = 0.25
_NOTHING_TO_FETCH = 0.05
# So many messages may wait for an agent before its partitions are left alone: some batches.
_INBOX_SIZE = 2000


class Consumer(faust_private.KafkaConsumer):
    """A consumer that delivers each message after the last commit, and none of a stream before it is wanted."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._held: set[TP] = set()
        self._fetching = asyncio.Lock()
        self._inboxes: dict[str, Inbox] = {}
        self._room = asyncio.Event()
        self._done: dict[TP, int] = {}
        self._stops = 0  # of the flow: what was fetched before one is dropped

    async def on_start(self) -> None:
        faust_private.require_instances(self, self.app.topics, faust_private.KAFKA_NAMES)
        await super().on_start()

    # -- for the agents

    def inbox(self, topics: Collection[str]) -> Inbox:
        inbox = Inbox(_INBOX_SIZE, self._room.set)
        self.app.flow_control.manage_queue(inbox)  # type: ignore[arg-type]
        self._inboxes.update(dict.fromkeys(topics, inbox))
        return inbox

    def acknowledge(self, messages: Sequence[Delivered]) -> None:
        """Let the commit follow these; those of an earlier assignment are read again."""
        generation = self.app.consumer_generation_id
        self._done.update({m.tp: m.offset + 1 for m in messages if m.generation == generation})

    def acknowledged(self) -> dict[TP, int]:
        return self._done

    # -- the reading loop

    async def drain(self, fetcher: Service) -> None:
        try:
            while not self.stops(fetcher):
                if self.flow_active:
                    await self._deliver_round()
                else:
                    await self.wait(self.can_resume_flow)  # type: ignore[arg-type]
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.app.should_stop:
                raise

    async def _deliver_round(self) -> None:
        """Fetch once and deliver. A fetch that comes when the flow was stopped is dropped: a seek follows."""
        stops = self._stops
        active = self.active_partitions()
        roomy = {tp for tp in active if (inbox := self._inboxes.get(tp.topic)) is None or not inbox.is_full}
        if len(roomy) == len(active):
            fetched = await self._getmany(roomy, _LONGEST_FETCH)
        else:
            self._room.clear()
            fetched = await self._getmany(roomy, 0.0) if roomy else {}
            if not fetched:
                await self._wait_for_room()
        for tp, found in fetched.items():
            if self._stops != stops or not self.flow_active:
                return
            await self._deliver(TP(tp.topic, tp.partition), found)

    async def _wait_for_room(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._room.wait(), _NOTHING_TO_FETCH)

    async def _deliver(self, tp: TP, found: Sequence[Any]) -> None:
        if not self.wants(tp):
            return
        self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
        tables: Any = self.app.tables
        if tp.topic in tables.changelog_topics:
            tables.table_of(tp).restore(found)
            tables.recovery.restored(tp, found[-1].offset)
            await asyncio.sleep(0)
        elif (inbox := self._inboxes.get(tp.topic)) is not None:
            inbox.put(self._delivered(tp, found))
        else:
            for record in found:
                if not self.flow_active:
                    return
                await self.hand_to_streams(tp, record)

    def _delivered(self, tp: TP, found: Sequence[Any]) -> list[Delivered]:
        topic, partition = tp
        generation = self.app.consumer_generation_id
        return [
            Delivered(topic, partition, r.offset, r.timestamp / 1000, r.headers, r.key, r.value, tp, generation)
            for r in found
        ]

    # -- fetching and seeking

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

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek the streams' partitions to the last commit, or to their beginning where there is none."""
        committed = await super().seek_to_committed()
        changelogs = self.app.tables.changelog_topics  # recovery seeks those
        await self.seek_to_beginning([tp for tp, at in committed.items() if not at and tp.topic not in changelogs])
        return committed

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        async with self._fetching:
            await super().seek_wait(partitions)

    # -- rebalances

    def stop_flow(self) -> None:
        self._stops += 1
        super().stop_flow()

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
        for tp in revoked:
            self._done.pop(tp, None)
        await super().on_partitions_revoked(revoked)


class Transport(aiokafka.Transport):
    """Chosen by the scheme of the broker's address that streams/app.py gives to Faust."""

    Consumer = Consumer

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        faust_private.require_faust()
