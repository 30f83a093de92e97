"""Writing what a batch causes: everything confirmed by the broker, then the batch is acknowledged.

Two writers with one meaning. On the embedded broker the records and the offsets of the batch are one transaction;
on Kafka the records are confirmed first, then the batch is acknowledged, so a crash in between writes the same
records again under the same ids.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import faust

from streams.embedded.partitioner import partition_for
from streams.embedded.records import Record
from streams.faust_private import aiokafka_producer
from streams.intake import Message, acknowledge

__all__ = ["BatchWriter", "EmbeddedWriter", "InTurn", "KafkaWriter", "Record"]

log = logging.getLogger("dripcode.writing")


# Called once a batch is confirmed, with the last offset of each (topic, partition) that it went to.
Then = Callable[[Mapping[tuple[str, int], int]], None]


def nothing(_offsets: Mapping[tuple[str, int], int]) -> None:
    """Nothing is to be done after the batch."""


class BatchWriter(Protocol):
    """Writes a batch's records, does what follows, and acknowledges its messages."""

    async def write(self, records: Sequence[Record], messages: Sequence[Message], then: Then = nothing) -> None: ...


class InTurn:
    """One batch is written while the next is worked out; written and acknowledged in order.

    A write that fails ends the worker, and nothing is written after it: what is not acknowledged is read again.
    """

    def __init__(self, app: faust.App, writer: BatchWriter, progressed: Callable[[Sequence[Message]], None]) -> None:
        self._app = app
        self._writer = writer
        self._progressed = progressed
        self._writing: asyncio.Future[None] | None = None

    async def write(self, records: Sequence[Record], messages: Sequence[Message], then: Then = nothing) -> None:
        """Return when what came before is written; without messages, when this is. Raises what a write raised."""
        if self._writing is not None:
            await self._writing
        self._writing = asyncio.ensure_future(self._write(records, messages, then))
        if not messages:
            await self._writing

    async def _write(self, records: Sequence[Record], messages: Sequence[Message], then: Then) -> None:
        try:
            await self._writer.write(records, messages, then)
        except Exception as wrong:
            log.error("a batch could not be written (%s); the worker ends, nothing of it is acknowledged", wrong)
            await self._app.crash(wrong)
            raise
        self._progressed(messages)


class EmbeddedWriter:
    """Records and offsets in one transaction of the broker file."""

    def __init__(self, app: faust.App) -> None:
        self.app = app

    async def write(self, records: Sequence[Record], messages: Sequence[Message], then: Then = nothing) -> None:
        producer: Any = self.app.producer
        consumer: Any = self.app.consumer
        positions = await producer.commit_batch(records, consumer.offsets_after_messages(messages))
        then({(r.topic, at.partition): at.offset for r, at in zip(records, positions, strict=True)})


class KafkaWriter:
    """Every record confirmed by the broker, then the messages acknowledged in order.

    Records go as record batches, one per partition: a record batch is appended whole or not at all, and costs a
    fraction of so many sends.
    """

    def __init__(self, app: faust.App, compacted: Sequence[str], partitions: int) -> None:
        self.app = app
        self.compacted = frozenset(compacted)
        self.partitions = range(partitions)

    async def write(self, records: Sequence[Record], messages: Sequence[Message], then: Then = nothing) -> None:
        # Facts before what follows from them: a claim line must never rest on a fact that was lost.
        offsets = await self._send([record for record in records if record.topic in self.compacted])
        await self._send([record for record in records if record.topic not in self.compacted])
        then(offsets)
        acknowledge(self.app, messages)

    async def _send(self, records: Sequence[Record]) -> dict[tuple[str, int], int]:
        """Send and wait for the confirmations; the last offset in each partition."""
        producer = aiokafka_producer(self.app)
        pending: list[tuple[int, asyncio.Future[Any]]] = []
        for (topic, partition), of_partition in self._by_partition(records).items():
            pending += await _send_batches(producer, topic, partition, of_partition)
        offsets = {}
        for number, future in pending:
            first = await future
            offsets[first.topic, first.partition] = first.offset + number - 1
        return offsets

    def _by_partition(self, records: Sequence[Record]) -> dict[tuple[str, int], list[Record]]:
        found: dict[tuple[str, int], list[Record]] = {}
        chosen: dict[bytes | None, int] = {}
        for record in records:
            partition = record.partition
            if partition is None:
                partition = chosen.get(record.key, -1)
                if partition < 0:
                    partition = chosen[record.key] = partition_for(record.key, self.partitions)
            found.setdefault((record.topic, partition), []).append(record)
        return found


async def _send_batches(
    producer: Any, topic: str, partition: int, records: Sequence[Record]
) -> list[tuple[int, asyncio.Future[Any]]]:
    """Records of one partition, in order: how many there are in each record batch, and its confirmation."""
    pending = []
    batch = producer.create_batch()
    for record in records:
        if _append(batch, record):
            continue
        if batch.record_count():
            pending.append(await _send_batch(producer, batch, topic, partition))
            batch = producer.create_batch()
        if not _append(batch, record):
            # Larger than a record batch may be: let the producer say so, or take it if its limit allows.
            sent = producer.send(topic, record.value, record.key, partition, headers=list(record.headers))
            pending.append((1, await sent))
            batch = producer.create_batch()
    if batch.record_count():
        pending.append(await _send_batch(producer, batch, topic, partition))
    return pending


async def _send_batch(producer: Any, batch: Any, topic: str, partition: int) -> tuple[int, asyncio.Future[Any]]:
    batch.close()
    return batch.record_count(), await producer.send_batch(batch, topic, partition=partition)


def _append(batch: Any, record: Record) -> bool:
    headers = list(record.headers)
    return batch.append(key=record.key, value=record.value, timestamp=None, headers=headers) is not None
