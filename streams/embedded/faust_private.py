"""Every touch of Faust's private names, and the check at start that they are there.

The transport's own classes speak only the names defined here. Faust is pinned to a minor version; when a later one
renames something, `require_faust` says which name and who used it, before a message is read.
"""

from collections.abc import Mapping
from typing import Any, cast

import faust
from faust.app.base import App
from faust.topics import Topic as FaustTopic
from faust.transport.conductor import Conductor as FaustConductor
from faust.transport.consumer import Consumer as FaustConsumer
from faust.transport.consumer import Fetcher
from faust.types import TP, AppT, ConsumerMessage, FutureMessage, ProducerT, RecordMetadata
from mode import Service

from .errors import FaustChanged

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
)
CONSUMER_NAMES = (
    "_acked", "_acked_index", "_committed_offset", "_unacked_messages", "_buffered_partitions", "_n_acked",
    "_commit_every", "_stopped",
)  # fmt: skip
_CONDUCTOR_NAMES = ("_tp_index",)


def require_faust() -> None:
    """Raise FaustChanged, naming what is missing, unless Faust's classes have every private name we use."""
    for owner, name, reason in _CLASS_NAMES:
        if not hasattr(owner, name):
            raise _changed(f"{owner.__module__}.{owner.__qualname__}.{name}", reason)


def require_instances(consumer: FaustConsumer, conductor: object) -> None:
    """Raise FaustChanged unless the instances have the private attributes we read."""
    for owner, names in ((consumer, CONSUMER_NAMES), (conductor, _CONDUCTOR_NAMES)):
        for name in names:
            if not hasattr(owner, name):
                raise _changed(f"{type(owner).__name__}.{name}", "the transport reads it")


def _changed(name: str, reason: str) -> FaustChanged:
    return FaustChanged(
        f"faust-streaming {faust.__version__} has no {name} ({reason}). "
        "Install the version the project is pinned to, or use a kafka:// broker."
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
