"""Writing what a batch causes: everything confirmed by the broker, then the batch is acknowledged.

Two writers with one meaning. On the embedded broker the records and the offsets of the batch are one transaction;
on Kafka the records are confirmed first, then the batch is acknowledged, so a crash in between writes the same
records again under the same ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import faust

from streams.embedded.records import Record
from streams.faust_private import aiokafka_producer
from streams.intake import Message, acknowledge

__all__ = ["BatchWriter", "EmbeddedWriter", "KafkaWriter", "Record"]


class BatchWriter(Protocol):
    """Writes a batch's records and acknowledges its messages."""

    async def write(self, records: Sequence[Record], messages: Sequence[Message]) -> None: ...


class EmbeddedWriter:
    """Records and offsets in one transaction of the broker file."""

    def __init__(self, app: faust.App) -> None:
        self.app = app

    async def write(self, records: Sequence[Record], messages: Sequence[Message]) -> None:
        producer: Any = self.app.producer
        consumer: Any = self.app.consumer
        await producer.commit_batch(records, consumer.offsets_after_messages(messages))


class KafkaWriter:
    """Every record confirmed by the broker, then the messages acknowledged in order.

    Records of a compacted topic go as record batches, one per partition: a record batch is appended whole or not at
    all, and costs a fraction of so many sends.
    """

    def __init__(self, app: faust.App, compacted: Sequence[str]) -> None:
        self.app = app
        self.compacted = frozenset(compacted)

    async def write(self, records: Sequence[Record], messages: Sequence[Message]) -> None:
        producer = aiokafka_producer(self.app)
        pending: list[asyncio.Future[Any]] = []
        batches: dict[tuple[str, int], list[Record]] = {}
        for record in records:
            if record.topic in self.compacted and record.partition is not None:
                batches.setdefault((record.topic, record.partition), []).append(record)
        # Facts before what follows from them: a claim line must never rest on a fact that was lost.
        for (topic, partition), of_partition in batches.items():
            pending += await _send_batches(producer, topic, partition, of_partition)
        await _confirmed(pending)
        pending = [
            await producer.send(r.topic, r.value, key=r.key, partition=r.partition, headers=list(r.headers))
            for r in records
            if r.topic not in self.compacted
        ]
        await _confirmed(pending)
        acknowledge(self.app, messages)


async def _send_batches(
    producer: Any, topic: str, partition: int, records: Sequence[Record]
) -> list[asyncio.Future[Any]]:
    pending = []
    batch = producer.create_batch()
    for record in records:
        if batch.append(key=record.key, value=record.value, timestamp=None) is None:
            batch.close()
            pending.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            if batch.append(key=record.key, value=record.value, timestamp=None) is None:
                # Larger than a record batch may be: let the producer say so, or take it if its limit allows.
                pending.append(await producer.send(topic, record.value, key=record.key, partition=partition))
    if batch.record_count():
        batch.close()
        pending.append(await producer.send_batch(batch, topic, partition=partition))
    return pending


async def _confirmed(pending: Sequence[asyncio.Future[Any]]) -> None:
    for future in pending:
        await future
