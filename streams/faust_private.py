"""Every touch of Faust's private names, and the check at start that they are there.

The classes of our transports (streams/kafka.py, streams/embedded) speak only the names defined here. Faust is pinned
to a minor version; when a later one renames something, `require_faust` says which name and who used it, before a
message is read.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import faust
from faust.app.base import App
from faust.tables.manager import TableManager as FaustTableManager
from faust.tables.recovery import Recovery as FaustRecovery
from faust.topics import Topic as FaustTopic
from faust.transport.conductor import Conductor as FaustConductor
from faust.transport.consumer import Consumer as FaustConsumer
from faust.transport.consumer import Fetcher
from faust.transport.drivers import aiokafka as faust_kafka
from faust.types import TP, AppT, ConsumerMessage, ConsumerT, FutureMessage, ProducerT, RecordMetadata
from mode import Service

from streams.embedded.errors import FaustChanged

#: (owner, private name, what breaks without it)
_CLASS_NAMES: tuple[tuple[type, str, str], ...] = (
    (FaustConsumer, "_drain_messages", "the consumer's reading loop is ours"),
    (FaustConsumer, "_new_offset", "the offset that may be committed is ours"),
    (FaustConsumer, "_commit", "commits go to the broker file"),
    (FaustConsumer, "_seek", "seeking moves our positions"),
    (FaustConsumer, "_getmany", "declared abstract; replaced with the reading loop"),
    (FaustConsumer, "_to_message", "declared abstract"),
    (FaustConsumer, "_new_topicpartition", "declared abstract"),
    (FaustConsumer, "_get_active_partitions", "which partitions may be read now"),
    (FaustConsumer, "_is_changelog_tp", "which partitions are changelogs"),
    (FaustConductor, "_resubscribe_sleep_lock_seconds", "how soon a new subscription is read"),
    (FaustTopic, "_on_published", "a sent message's future, callback and sensors"),
    (App, "_update_assignment", "partitions that are added while the worker runs"),
    (Fetcher, "_fetcher", "runs the consumer's reading loop"),
    (FaustConsumer, "_filter_tps_with_pending_acks", "which partitions have something to commit"),
    (FaustConsumer, "_add_gap", "offsets that do not exist, in what Faust acknowledges itself"),
    (FaustConsumer, "verify_event_path", "Faust's look at its own streams, which messages pass by"),
    (FaustRecovery, "_slurp_changelogs", "changelogs are read without Faust's queue"),
    (FaustRecovery, "_build_highwaters", "local state of a changelog that is no more"),
    (FaustRecovery, "_set_recovery_started", "when a recovery begins"),
    (FaustRecovery, "_set_recovery_ended", "when a recovery ends"),
    (FaustTableManager, "recovery", "the recovery is ours"),
    (faust_kafka.Consumer, "_new_consumer_thread", "the thread is ours"),
    (faust_kafka.AIOKafkaConsumerThread, "_create_consumer", "how long a fetch waits"),
    (faust_kafka.Consumer, "_to_message", "a record of aiokafka as a message of Faust"),
    (faust_kafka.Producer, "_ensure_producer", "record batches go to aiokafka's producer"),
)
CONSUMER_NAMES = (
    "_acked", "_acked_index", "_committed_offset", "_unacked_messages", "_buffered_partitions", "_n_acked",
    "_commit_every", "_stopped",
)  # fmt: skip
KAFKA_NAMES = (*CONSUMER_NAMES, "_read_offset", "_thread")
RECOVERY_NAMES = ("active_tps", "standby_tps", "active_offsets", "standby_offsets", "tp_to_table", "in_recovery")
_CONDUCTOR_NAMES = ("_tp_index",)


def require_faust() -> None:
    """Raise FaustChanged, naming what is missing, unless Faust's classes have every private name we use."""
    for owner, name, reason in _CLASS_NAMES:
        if not hasattr(owner, name):
            raise _changed(f"{owner.__module__}.{owner.__qualname__}.{name}", reason)


def require_instances(consumer: FaustConsumer, conductor: object, names: tuple[str, ...] = CONSUMER_NAMES) -> None:
    """Raise FaustChanged unless the instances have the private attributes we read."""
    require_names(consumer, names)
    require_names(conductor, _CONDUCTOR_NAMES)


def require_names(owner: object, names: tuple[str, ...]) -> None:
    """Raise FaustChanged unless the object has these attributes."""
    for name in names:
        if not hasattr(owner, name):
            raise _changed(f"{type(owner).__name__}.{name}", "the transport reads it")


def _changed(name: str, reason: str) -> FaustChanged:
    return FaustChanged(
        f"faust-streaming {faust.__version__} has no {name} ({reason}). "
        "Install the version the project is pinned to, or use Kafka with the setting kafka_transport = stock."
    )


class Conductor(FaustConductor):
    """Delivers messages to channels; a topic that is subscribed to late is read after 4 seconds, not 45.

    Not sooner: `ask` names its reply topic first and listens to it three seconds later.
    """

    _resubscribe_sleep_lock_seconds = 4.0


class Consumer(FaustConsumer):
    """Faust's consumer, its private hooks handed to methods of ours with public names."""

    async def drain(self, fetcher: Service) -> None:
        """Read and deliver until the consumer or the fetcher stops."""
        raise NotImplementedError

    def committable_offset(self, tp: TP) -> int | None:
        """Return the next offset to commit for the partition, or None when it has not moved."""
        raise NotImplementedError

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Write offsets to the broker."""
        raise NotImplementedError

    def move_to(self, tp: TP, offset: int) -> None:
        """Read the partition from that offset on."""
        raise NotImplementedError

    async def _drain_messages(self, fetcher: Any) -> None:
        await self.drain(fetcher)

    def _new_offset(self, tp: TP) -> int | None:
        return self.committable_offset(tp)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return await self.commit_offsets(offsets)

    async def _seek(self, partition: TP, offset: int) -> None:
        self.move_to(partition, offset)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        raise NotImplementedError("drain reads the broker file itself")

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        raise NotImplementedError("drain makes the messages itself")

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    # -- what drain and the commits need to see

    def active_partitions(self) -> set[TP]:
        """The partitions that may be read now; the set changes under the reader."""
        return self._get_active_partitions()

    def buffered_partitions(self) -> set[TP]:
        """The partitions whose stream has enough for now, but still takes what was read already."""
        return self._buffered_partitions

    def is_changelog(self, tp: TP) -> bool:
        """Whether a table is recovered from the partition."""
        return self._is_changelog_tp(tp)

    def stops(self, fetcher: Service) -> bool:
        """Whether the consumer or its fetcher was told to stop."""
        return self._stopped.is_set() or fetcher._stopped.is_set()

    def acked_offsets(self, tp: TP) -> set[int]:
        """The offsets acknowledged and not yet committed; empty Faust's second list of the same."""
        self._acked[tp].clear()
        return self._acked_index[tp]

    def commit_is_due(self) -> bool:
        """Whether `broker_commit_every` messages have been acknowledged since the last time this was True."""
        if self._commit_every is None or self._n_acked < self._commit_every:
            return False
        self._n_acked = 0
        return True

    def forget_below(self, offsets: Mapping[TP, int]) -> None:
        """Note offsets that were committed without Faust, so that it neither waits for them nor commits lower ones."""
        for tp, offset in offsets.items():
            self._committed_offset[tp] = max(offset, self._committed_offset[tp] or 0)
            acked = self.acked_offsets(tp)
            acked.difference_update([one for one in acked if one < offset])
        for message in list(self._unacked_messages):
            if message.offset < offsets.get(message.tp, 0):
                self._unacked_messages.discard(message)


class KafkaThread(faust_kafka.AIOKafkaConsumerThread):
    """The thread that aiokafka's consumer has in Faust, with a fetch that does not hold up the next one.

    The broker answers a fetch when it has something, or after this time. A partition whose records were still waiting
    here when the fetch went out is not in it, and the next fetch goes out after the answer: Faust's 1.5 s are too long.
    """

    fetch_wait = 0.05  # seconds

    def _create_consumer(self, loop: Any) -> Any:
        consumer = super()._create_consumer(loop)
        require_names(consumer, ("_fetch_max_wait_ms",))
        cast(Any, consumer)._fetch_max_wait_ms = int(self.fetch_wait * 1000)
        return consumer


class KafkaConsumer(faust_kafka.Consumer):
    """Faust's Kafka consumer, its reading loop and what it commits handed to methods of ours with public names."""

    async def drain(self, fetcher: Service) -> None:
        """Read and deliver until the consumer or the fetcher stops."""
        raise NotImplementedError

    def acknowledged(self) -> dict[TP, int]:
        """The next offset to read, of each partition that moved since the last commit; taken out by the commit."""
        raise NotImplementedError

    async def seek_to_beginning(self, partitions: Sequence[TP]) -> None:
        """Read these partitions from the first message that is still there. They are aiokafka's own keys."""
        if partitions:
            await self._thread.seek_to_beginning(*partitions)

    def _new_consumer_thread(self) -> KafkaThread:
        return KafkaThread(self, loop=self.loop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: Any) -> None:
        await self.drain(fetcher)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        chosen = [tp for tp in self.acknowledged() if topics is None or tp in topics or tp.topic in topics]
        return iter({*super()._filter_tps_with_pending_acks(topics), *chosen})

    def _new_offset(self, tp: TP) -> int | None:
        ours = self.acknowledged().pop(tp, None)
        return super()._new_offset(tp) if ours is None else ours

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust looks whether its streams get messages; ours pass them by, and streams/watchdog.py looks."""

    def active_partitions(self) -> set[TP]:
        """The partitions that may be read now; the set changes under the reader."""
        return self._get_active_partitions()

    def stops(self, fetcher: Service) -> bool:
        """Whether the consumer or its fetcher was told to stop."""
        return self._stopped.is_set() or fetcher._stopped.is_set()

    def wants(self, tp: TP) -> bool:
        """Whether a record that was fetched of this partition is still to be delivered."""
        return tp in self._get_active_partitions() or tp in self._buffered_partitions

    async def hand_to_streams(self, tp: TP, record: Any) -> None:
        """Deliver one record by Faust's own way: to a topic that none of our agents reads."""
        last = self._read_offset[tp]
        if last is not None and record.offset < last:
            return
        if last and record.offset > last + 1 and self.app.topics.acks_enabled_for(tp.topic):
            await self._add_gap(tp, last + 1, record.offset)
        message = self._to_message(tp, record)
        if streams_have_room(self.app, tp):
            await self.callback(message)
        else:
            await self.wait_first(cast(Any, self.callback(message)), self.suspend_flow.wait())
        self._read_offset[tp] = record.offset


class Recovery(FaustRecovery):
    """Faust's recovery, told of whole fetches instead of reading a queue of single events."""

    def restored(self, tp: TP, offset: int) -> None:
        """The table has everything up to this offset; ends the recovery when it was the last."""
        is_active = tp in self.active_tps
        offsets = self.active_offsets if is_active else self.standby_offsets
        seen = offsets.get(tp)
        if seen is None or offset > seen:
            offsets[tp] = offset
        if self.in_recovery and not self.need_recovery():
            self._set_recovery_ended()
            self.signal_recovery_end.set()
        if not is_active and not self.tables.standbys_ready and not self.standby_remaining_total():
            self.tables.on_standbys_ready()

    async def _build_highwaters(self, consumer: Any, tps: Any, destination: Any, title: str) -> None:
        await super()._build_highwaters(consumer, tps, destination, title)
        for offsets in (self.active_offsets, self.standby_offsets):
            for tp in tps:
                if (offsets.get(tp) or -1) > destination[tp]:
                    cast(Any, self.tp_to_table[tp]).start_anew(tp)
                    cast(Any, offsets)[tp] = None

    def _set_recovery_started(self) -> None:
        self.signal_recovery_end.clear()
        super()._set_recovery_started()

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Nothing arrives in Faust's queue."""


class TableManager(FaustTableManager):
    """Faust's tables with our recovery."""

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
            require_names(self._recovery, RECOVERY_NAMES)
        return cast(Recovery, self._recovery)

    def table_of(self, tp: TP) -> Any:
        """The table that is recovered from this changelog partition."""
        return self._changelogs[tp.topic]


def aiokafka_producer(app: AppT) -> Any:
    """The aiokafka producer inside Faust's."""
    return cast(Any, app.producer)._ensure_producer()


def committed(consumer: ConsumerT, tp: TP) -> int:
    """The next offset to read by the last commit that the consumer made or was told of; 0 when there is none."""
    return cast(FaustConsumer, consumer)._committed_offset.get(tp) or 0


def read_back(app: AppT) -> tuple[int, int]:
    """How far the reading of the tables came, own and standby: the sums of their offsets."""
    recovery = cast(FaustTableManager, app.tables).recovery
    return sum(recovery.active_offsets.values()), sum(recovery.standby_offsets.values())


def streams_have_room(app: AppT, tp: TP) -> bool:
    """Whether delivering a message of the partition cannot block: the flow is on and no channel's queue is full."""
    channels = cast(FaustConductor, app.topics)._tp_index.get(tp, ())
    return app.flow_control.is_active() and not any(cast(Any, channel).queue.full() for channel in channels)


def update_assignment(app: AppT, assigned: set[TP]) -> tuple[set[TP], set[TP]]:
    """Tell the app what it is assigned; return what was revoked and what is new."""
    return cast(App, app)._update_assignment(assigned)


def publish_done(app: AppT, sent: FutureMessage, outcome: "Outcome", producer: ProducerT, state: Any) -> None:
    """Complete a message's future with what became of it, with its callback and Faust's sensors."""
    cast(FaustTopic, sent.message.channel)._on_published(cast(Any, outcome), sent, producer, state)


class Outcome:
    """Looks like the finished future Faust expects: metadata, or the error."""

    __slots__ = ("_error", "_metadata")

    def __init__(self, metadata: RecordMetadata | None, error: BaseException | None = None) -> None:
        self._metadata = metadata
        self._error = error

    def result(self) -> RecordMetadata:
        """Return the metadata or raise the error."""
        if self._error is not None:
            raise self._error
        assert self._metadata is not None
        return self._metadata
