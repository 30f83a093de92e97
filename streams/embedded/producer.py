"""Faust's producer on the broker file: what is sent is written inline, in small transactions."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from faust.transport import base
from faust.types import TP, FutureMessage, HeadersArg, RecordMetadata
from mode import Seconds
from mode.utils.times import want_seconds

from streams import faust_private
from streams.faust_private import Outcome

from .errors import StoreFailed
from .records import Position, Record

if TYPE_CHECKING:
    from .transport import Transport

#: So many sends are written at once without waiting for more.
_PENDING_MAX = 200
#: So long, in seconds, are sends collected while more keep arriving.
_LINGER_MAX = 0.002

_Done = Callable[[Outcome], None]


class Producer(base.Producer):
    """Appends to the broker file on the event loop's thread; a thread of its own would be slower.

    Faust's single sends are collected while the loop is busy with more of them, for two milliseconds at most, and
    written in one transaction. `send_batch` and `commit_batch` write at once, in one transaction with what was
    collected before.

    When a write fails, the app crashes and nothing is written any more: `send`, `flush` and the batches raise
    StoreFailed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pending: list[tuple[Record, _Done]] = []
        self._watching = False
        self._write_by = 0.0
        self._crashing: asyncio.Future[None] | None = None

    async def on_start(self) -> None:
        """Open the broker file."""
        await super().on_start()
        self._transport.open(self)

    async def on_stop(self) -> None:
        """Write what is still collected, then let go of the broker file."""
        try:
            await super().on_stop()
            if self._transport.is_open and self._transport.store.failure is None:
                self._write([], {})
        finally:
            self._transport.close(self)

    @property
    def _transport(self) -> "Transport":
        return cast("Transport", self.transport)

    # -- batches: the public means of an agent that takes batches

    async def send_batch(self, records: Sequence[Record]) -> None:
        """Append all records in one transaction; they are written when this returns.

        Raises:
            StoreFailed: nothing of the batch was written, and nothing will be.
        """
        self._write(records, {})

    async def commit_batch(self, records: Sequence[Record], offsets: Mapping[TP, int]) -> list[Position]:
        """Append all records and commit the offsets of what they came from, in one transaction: exactly once.

        The events of the batch need no `ack()` afterwards; one does no harm. A topic that is committed this way must
        be read by one agent only.

        Args:
            offsets: the next offset to read, per partition; `Consumer.offsets_after` computes it from the events.

        Returns:
            Where each record was put.

        Raises:
            StoreFailed: neither records nor offsets were written, and nothing will be.
        """
        positions = self._write(records, offsets)
        if self._transport.consumer is not None:
            self._transport.consumer.on_batch_committed(offsets)
        return positions

    def _write(self, records: Sequence[Record], offsets: Mapping[TP, int]) -> list[Position]:
        """Write what was collected and then the records, with the offsets, in one transaction; where these went."""
        for record in records:
            self._transport.declare(record.topic)
        pending, self._pending = self._pending, []
        written = [*(record for record, _ in pending), *records]
        try:
            positions = self._transport.store.append_and_commit(written, self.app.conf.id, offsets)
        except StoreFailed as error:
            self._give_up(error)
            for _, done in pending:
                done(Outcome(None, error))
            raise
        except BaseException:
            self._pending[:0] = pending  # a bad record in the batch is not their fault: the next write takes them
            raise
        if self._transport.consumer is not None:
            appended = {TP(one.topic, position.partition) for one, position in zip(written, positions, strict=True)}
            self._transport.consumer.on_appended(appended)
        for (record, done), position in zip(pending, positions, strict=False):  # the batch's own come after these
            done(Outcome(_metadata(record, position)))
        return positions[len(pending) :]

    def _give_up(self, error: StoreFailed) -> None:
        """Crash the app, once; whoever wrote gets the error besides."""
        if self._crashing is None:
            self._crashing = asyncio.ensure_future(self.crash(error))

    # -- single sends, as Faust makes them

    async def send(  # noqa: PLR0913, PLR0917 - Faust's signature
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: HeadersArg | None,
        *,
        transactional_id: str | None = None,
    ) -> Awaitable[RecordMetadata]:
        """Collect a message; the future returned is done when it is written."""
        self.app.on_produce_message.send(
            key=key, value=value, partition=partition, timestamp=timestamp, headers=_pairs(headers)
        )
        future: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome) -> None:
            if not future.done():
                try:
                    future.set_result(outcome.result())
                except Exception as error:  # noqa: BLE001 - handed on to whoever awaits the future
                    future.set_exception(error)

        self._collect(self._placed(topic, key, value, partition, timestamp, headers), done)
        return future

    async def send_and_wait(  # noqa: PLR0913, PLR0917 - Faust's signature
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: HeadersArg | None,
        *,
        transactional_id: str | None = None,
    ) -> RecordMetadata:
        """Send a message and return once it is written."""
        return await (await self.send(topic, key, value, partition, timestamp, headers))

    def send_soon(self, fut: FutureMessage) -> None:
        """Collect a message of code that cannot wait, such as a table's changelog."""
        message = fut.message
        topic = message.channel.get_topic_name()
        key, value = cast(bytes | None, message.key), cast(bytes | None, message.value)
        record = self._placed(topic, key, value, message.partition, message.timestamp, message.headers)
        sensors = self.app.sensors
        state = sensors.on_send_initiated(self, topic, message, len(key or b""), len(value or b""))
        self._collect(record, lambda outcome: faust_private.publish_done(self.app, fut, outcome, self, state))

    def _placed(  # noqa: PLR0913, PLR0917 - Faust's signature
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
    ) -> Record:
        if partition is None:
            partition = self.key_partition(topic, cast(bytes, key)).partition
        else:
            self._transport.declare(topic)
        at_ms = None if timestamp is None else int(timestamp * 1000)
        record = Record(topic, key, value, tuple(_pairs(headers)), partition, at_ms)
        self._transport.store.check(record)
        return record

    def _collect(self, record: Record, done: _Done) -> None:
        failure = self._transport.store.failure
        if failure is not None:
            raise failure
        self._pending.append((record, done))
        if len(self._pending) >= _PENDING_MAX:
            self._write([], {})
        elif not self._watching:
            self._watching = True
            loop = asyncio.get_running_loop()
            self._write_by = loop.time() + _LINGER_MAX
            loop.call_soon(self._look_again, loop, len(self._pending))

    def _look_again(self, loop: asyncio.AbstractEventLoop, before: int) -> None:
        """Write what was collected, unless more has just come and there is time for more still."""
        if before < len(self._pending) and loop.time() < self._write_by:
            loop.call_soon(self._look_again, loop, len(self._pending))
            return
        self._watching = False
        if self._pending and self._transport.is_open:
            try:
                self._write([], {})
            except StoreFailed:
                self.log.error("what was sent last is not written")  # the app is crashing, with the reason

    async def flush(self) -> None:
        """Write what was collected.

        Raises:
            StoreFailed: it cannot be written, or an earlier write failed.
        """
        if self._transport.is_open:
            self._write([], {})

    # -- topics

    async def create_topic(  # noqa: PLR0913 - Faust's signature
        self,
        topic: str,
        partitions: int,
        replication: int,
        *,
        config: Mapping[str, Any] | None = None,
        timeout: Seconds = 1000.0,
        retention: Seconds | None = None,
        compacting: bool | None = None,
        deleting: bool | None = None,
        ensure_created: bool = False,
    ) -> None:
        """Create a topic; that it is there already with the same partition count is fine."""
        existing = self._transport.store.topic(topic)
        if compacting is None and existing is not None:
            compacting = existing.compacted
        self._transport.store.create_topic(
            topic,
            partitions,
            compacted=bool(compacting),
            retention_ms=int(want_seconds(retention) * 1000) if retention else None,
        )

    def key_partition(self, topic: str, key: bytes) -> TP:
        """Return the partition a key belongs to: the app's own partitioner decides, else Kafka's default one."""
        self._transport.declare(topic)
        store = self._transport.store
        if self.partitioner is None:
            return TP(topic, store.partition_for(topic, key))
        known = store.topic(topic)
        assert known is not None, "just declared"
        everywhere = list(range(known.partitions))
        return TP(topic, self.partitioner(key, everywhere, everywhere))

    def supports_headers(self) -> bool:
        """Headers are stored."""
        return True


def _pairs(headers: Any) -> list[tuple[str, bytes]]:
    if not headers:
        return []
    return list(headers.items() if isinstance(headers, Mapping) else headers)


def _metadata(record: Record, position: Position) -> RecordMetadata:
    tp = TP(record.topic, position.partition)
    at = None if record.timestamp_ms is None else record.timestamp_ms / 1000
    return RecordMetadata(tp.topic, tp.partition, tp, position.offset, at, 0)
