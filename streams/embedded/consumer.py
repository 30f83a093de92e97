"""Faust's consumer on the broker file: read, deliver, commit."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

from faust.exceptions import ConsumerNotStarted, ImproperlyConfigured
from faust.types import TP, ConsumerMessage, EventT
from mode import Service

from streams import faust_private
from streams.intake import Delivered, Inbox

from . import retention
from .assignment import assign
from .deliveries import Deliveries
from .errors import BatchOutOfOrder
from .handover import Handover
from .lock import WorkerLock
from .lookups import Lookups
from .news import News
from .records import StoredRecord

#: So many records are read of a partition before the next partition has its turn.
_READ_MAX = 100
#: So many of a changelog, or for an agent with an inbox: they are handed over whole.
_READ_MANY = 500
#: Seconds between two looks at whether Faust has finished its rebalance, which tells nobody.
_REBALANCE_LOOK = 0.005
#: Seconds between two looks for records that may be deleted.
_TRIM_EVERY = 10.0
#: Seconds between two rounds of deleting while there is more to delete.
_TRIM_PAUSE = 0.05


class Consumer(Lookups):
    """Reads every partition of the subscribed topics; there is one worker, so nothing is ever taken away from it.

    Faust's rebalance runs once, when the worker starts. Topics that are subscribed to later are added while the
    streams go on, so no event is read a second time in the life of a worker.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._subscription: set[str] = set()
        self._assigned: set[TP] | None = None
        self._positions: dict[TP, int] = {}
        self._unread: set[TP] = set()  # partitions that may have records past our position
        self._deliveries = Deliveries()
        self._epoch = 0  # rises with every seek: records read before it are dropped
        self._news: News | None = None
        self._lock: WorkerLock | None = None
        self._crashing: asyncio.Future[None] | None = None
        super().__init__(*args, **kwargs)
        self._handover = Handover(self.app, self._deliveries, self._tell)

    async def on_start(self) -> None:
        """Take the worker's lock and open the broker file."""
        if self.in_transaction:
            raise ImproperlyConfigured("processing_guarantee=exactly_once is Kafka's; here use Producer.commit_batch")
        faust_private.require_instances(self, self.app.topics)
        options = self._transport.options
        if not self.app.client_only:
            lock = WorkerLock(options.path, self.app.conf.id)
            lock.acquire()
            self._lock = lock
        self._news = News(self._transport.open(self), options.poll_ms / 1000)

    async def on_stop(self) -> None:
        """Commit what is done, then let go of the broker file and the lock."""
        try:
            if self._transport.is_open and self._transport.store.failure is None:
                await super().on_stop()
        finally:
            if self._news is not None:
                self._news.close()
            self._transport.close(self)
            if self._lock is not None:
                self._lock.release()

    # -- what is read

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Read these topics from now on; those that do not exist are created."""
        self._subscription = set(topics)
        for topic in sorted(self._subscription):
            self._transport.declare(topic)
        if self.app.client_only:
            self._take({TP(name, 0) for name in self._subscription})
        elif self._assigned is None:
            self.add_future(self._start_reading())  # Faust waits in it for this method to return
        else:
            await self._read_more()

    async def _start_reading(self) -> None:
        """Run Faust's rebalance, in the order it expects."""
        self.app.on_rebalance_start()
        await self.on_partitions_revoked(set())
        generation = self.app.consumer_generation_id + 1
        self.app.consumer_generation_id = generation
        assigned = assign(self.app, self._subscription, self._transport.store)
        self._take(assigned)
        await self.on_partitions_assigned(set(assigned), generation)

    async def _read_more(self) -> None:
        """Add and drop partitions while the others go on; a rebalance would read events in progress again."""
        assigned = assign(self.app, self._subscription, self._transport.store)
        gone, new = faust_private.update_assignment(self.app, set(assigned))
        self._take(assigned)
        await self.app.agents.on_rebalance(gone, new)
        await self.app.topics.on_partitions_assigned(set(assigned))
        self.pause_partitions(gone)
        if self.flow_active and not self.app.in_recovery:
            self.resume_partitions(new)
        else:
            self.pause_partitions(new)
        await self.app.on_partitions_assigned.send(set(assigned))

    def _take(self, assigned: set[TP]) -> None:
        before = self._assigned or set()
        self._assigned = assigned
        for tp in before - assigned:
            self._positions.pop(tp, None)
            self._deliveries.forget(tp)
        for tp in assigned - before:
            self.move_to(tp, self._start_of(tp))

    def _start_of(self, tp: TP) -> int:
        """Where a partition is read from: the committed offset, else where the app's settings say."""
        store = self._transport.store
        if self.app.client_only:
            return store.highwater(*tp)
        if self.is_changelog(tp):
            return store.earliest(*tp)
        committed = store.committed(self.app.conf.id, tp)
        if committed is None:
            latest = self.app.conf.consumer_auto_offset_reset == "latest"
            committed = store.highwater(*tp) if latest else store.earliest(*tp)
        return committed

    def assignment(self) -> set[TP]:
        """Return the partitions that are read."""
        if not self._transport.is_open:
            raise ConsumerNotStarted("the consumer has not been started")
        return self._assigned or set()

    async def position(self, tp: TP) -> int | None:
        """Return the next offset to deliver."""
        return self._positions.get(tp)

    def move_to(self, tp: TP, offset: int) -> None:
        """Read the partition from that offset on; what was read and not yet delivered is dropped."""
        self._epoch += 1
        self._positions[tp] = offset
        self._deliveries.forget(tp)
        self._unread.add(tp)
        self._tell()

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek to these offsets."""
        for tp, offset in partitions.items():
            await self.seek(TP(*tp), offset)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every partition but the changelogs to its committed offset; return the committed ones."""
        committed: dict[TP, Any] = {}
        for tp in self.assignment():
            if not self.is_changelog(tp):
                self.move_to(tp, self._start_of(tp))
                committed[tp] = self._transport.store.committed(self.app.conf.id, tp)
        return committed

    # -- the reading loop

    async def drain(self, fetcher: Service) -> None:
        """Read and deliver until the consumer or the fetcher stops; wait while there is nothing to read."""
        try:
            while not self.stops(fetcher):
                if not self.flow_active:
                    await self.wait(cast(Any, self.can_resume_flow))
                elif not await self._deliver_round():
                    await (asyncio.sleep(_REBALANCE_LOOK) if self.app.rebalancing else self._heard().wait())
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _deliver_round(self) -> bool:
        """Give each partition a turn; return whether any had something."""
        news = self._heard()
        news.begin_look()
        if news.others_have_written():
            self._unread.update(self.assignment())
        active = self.active_partitions() if not self.app.client_only else self.assignment()
        found = False
        for tp in sorted(self._unread & active):
            if not self._may_deliver(tp):  # a delivery of this round may have filled its stream
                continue
            most = _READ_MANY if self._handover.takes(tp) else _READ_MAX
            records = self._transport.store.read(*tp, self._positions[tp], most)
            if len(records) < most:
                self._unread.discard(tp)
            if not records:
                continue
            found = True
            self.app.monitor.track_tp_end_offset(tp, records[-1].offset + 1)
            if not await self._deliver(tp, records, self._epoch):
                self._unread.add(tp)
                break
            if self.commit_is_due():
                await self.commit()
            await asyncio.sleep(0)
        return found

    async def _deliver(self, tp: TP, records: list[StoredRecord], epoch: int) -> bool:
        """Hand the records of one partition to its streams; return False when there was a seek or the flow stopped."""
        if self._handover.takes(tp):
            self._handover.deliver(tp, records)
            self._positions[tp] = records[-1].offset + 1
            return True
        tracked = self.app.topics.acks_enabled_for(tp.topic)
        for record in records:
            if self._epoch != epoch or not self.flow_active:
                return False
            if not self._may_deliver(tp):
                self._unread.add(tp)
                return True
            if tracked:
                self._deliveries.add(tp, record.offset)
            handed_over = await self._hand_over(self._message(tp, record))
            if self._epoch != epoch:
                return False
            if not handed_over:
                if tracked:
                    self._deliveries.take_back(tp)
                return False
            self._positions[tp] = record.offset + 1
        return True

    def _may_deliver(self, tp: TP) -> bool:
        if self.app.client_only:
            return True
        if self.app.rebalancing and not self.is_changelog(tp):
            # Faust lets the streams' partitions go before it seeks and before it empties their queues: what came
            # through in between would be delivered twice, or thrown away.
            return False
        if self._handover.is_full(tp):
            return False
        return tp in self.active_partitions() or tp in self.buffered_partitions()

    def inbox(self, topics: Collection[str]) -> Inbox:
        """Deliver messages of these topics to one inbox; its reader commits with `Producer.commit_batch`."""
        return self._handover.inbox(topics)

    def acknowledge(self, messages: Sequence[Delivered]) -> None:
        """What an inbox delivers is committed together with what it causes, and needs no acknowledgement."""

    async def _hand_over(self, message: ConsumerMessage) -> bool:
        """Deliver one message; return False when the flow was stopped before a full stream had taken it."""
        if self.app.client_only or faust_private.streams_have_room(self.app, message.tp):
            await self.callback(message)
            return True
        delivery = asyncio.ensure_future(cast(Any, self.callback(message)))
        stopped = asyncio.ensure_future(self.suspend_flow.wait())
        try:
            await asyncio.wait({delivery, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not delivery.done():
                return False
            delivery.result()
            return True
        finally:
            delivery.cancel()
            stopped.cancel()

    def _message(self, tp: TP, record: StoredRecord) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            record.offset,
            record.timestamp_ms / 1000,
            0,
            list(record.headers),
            record.key,
            record.value,
            None,
            None,
            None,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    # -- waiting

    def _heard(self) -> News:
        assert self._news is not None, "the consumer has not been started"
        return self._news

    def _tell(self) -> None:
        if self._news is not None:
            self._news.tell()

    def on_appended(self, tps: Iterable[TP]) -> None:
        """The producer of this worker has appended to these partitions."""
        self._unread.update(set(tps) & (self._assigned or set()))
        self._tell()

    def on_buffer_drop(self, tp: TP) -> None:
        """Read on: the stream has room again."""
        super().on_buffer_drop(tp)
        self._tell()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Read these partitions again."""
        super().resume_partitions(tps)
        self._unread.update(tps)
        self._tell()

    def stop_flow(self) -> None:
        """Deliver nothing more until the flow is resumed."""
        super().stop_flow()
        self._tell()

    # -- commits

    def committable_offset(self, tp: TP) -> int | None:
        """Return the offset after the acknowledged ones at the head of what was delivered, or None.

        Faust's own version takes a gap in the acknowledgements for a gap in the log.
        """
        return self._deliveries.pop_committable(tp, self.acked_offsets(tp))

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Write the group's offsets; one that is lower than what is there changes nothing."""
        self._transport.store.commit(self.app.conf.id, offsets)
        return True

    def offsets_after(self, events: Iterable[EventT[Any]]) -> dict[TP, int]:
        """Return the offsets to commit with a batch of events, per partition: the next to read after them.

        Raises:
            BatchOutOfOrder: an event delivered before them is neither among them nor committed; the app crashes, as
                only reading again from the last commit brings it back.
        """
        return self.offsets_after_messages([event.message for event in events])

    def offsets_after_messages(self, messages: Iterable[Any]) -> dict[TP, int]:
        """The same for messages, as an inbox delivers them."""
        taken = [(message.tp, message.offset) for message in messages]
        acked: dict[tuple[str, int], set[int]] = {tp: self.acked_offsets(tp) for tp in {tp for tp, _ in taken}}
        try:
            following = self._deliveries.offsets_after(taken, acked)
        except BatchOutOfOrder as error:
            self._crashing = asyncio.ensure_future(self.crash(error))
            raise
        return {TP(*tp): offset for tp, offset in following.items()}

    def on_batch_committed(self, offsets: Mapping[TP, int]) -> None:
        """Take note of offsets the producer has committed together with a batch."""
        self._deliveries.pop_below(offsets.items())
        self.forget_below(offsets)
        self.app.monitor.on_tp_commit(dict(offsets))

    # -- housekeeping

    @Service.task
    async def _trim(self) -> None:
        """Delete what retention allows, a little at a time."""
        async for _ in self.itertimer(_TRIM_EVERY, name="trim"):
            while await self._trim_once():
                await self.sleep(_TRIM_PAUSE)

    async def _trim_once(self) -> bool:
        """Give each partition a turn; return whether one has more to go."""
        store, options = self._transport.store, self._transport.options
        has_more = False
        for partition_has_more in retention.trim_all(store, options.retention_ms, options.bytes_max):
            has_more |= partition_has_more
            await asyncio.sleep(0)
            if self.should_stop:  # the store may be closed by now
                return False
        return has_more
