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
from faust.types import EventT

from streams.embedded.records import Record

__all__ = ["BatchWriter", "EmbeddedWriter", "KafkaWriter", "Record"]


class BatchWriter(Protocol):
    """Writes a batch's records and acknowledges its events."""

    async def write(self, records: Sequence[Record], events: Sequence[EventT[Any]]) -> None: ...


class EmbeddedWriter:
    """Records and offsets in one transaction of the broker file."""

    def __init__(self, app: faust.App) -> None:
        self.app = app

    async def write(self, records: Sequence[Record], events: Sequence[EventT[Any]]) -> None:
        producer: Any = self.app.producer
        consumer: Any = self.app.consumer
        await producer.commit_batch(records, consumer.offsets_after(events))


class KafkaWriter:
    """Every record confirmed by the broker, then the events acknowledged in order.

    Records of a compacted topic go as record batches, one per partition: a record batch is appended whole or not at
    all, and costs a fraction of so many sends.
    """

    def __init__(self, app: faust.App, compacted: Sequence[str]) -> None:
        self.app = app
        self.compacted = frozenset(compacted)

    async def write(self, records: Sequence[Record], events: Sequence[EventT[Any]]) -> None:
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
        for event in events:
            event.ack()


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


def aiokafka_producer(app: faust.App) -> Any:
    """The aiokafka producer inside Faust's: the one private name of Faust that the Kafka side relies on."""
    return app.producer._ensure_producer()  # type: ignore[attr-defined]
