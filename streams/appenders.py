"""How the listener stores: one append on the broker file, or confirmed sends to Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from streams.append_queue import RecordTooLarge
from streams.embedded.errors import StoreFailed
from streams.embedded.records import Position, Record
from streams.embedded.store import Store
from streams.kafka_access import client_options
from streams.provision import open_store, provision_kafka
from streams.settings import Settings


class EmbeddedAppender:
    """Appends to the broker file, flushed to disk before it returns. Inline: a thread would cost more than it frees."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store: Store | None = None

    async def start(self) -> None:
        self._store = open_store(self._settings)

    async def append(self, records: Sequence[Record]) -> list[Position | Exception]:
        """All of them in one transaction, or none."""
        if self._store is None:
            self._store = open_store(self._settings)
        try:
            return [*self._store.append_many(records)]
        except StoreFailed:
            # Nothing of it was stored. The failed store takes nothing any more; the next append opens the file anew,
            # by when the disk may have room again.
            self._store.close()
            self._store = None
            raise

    async def stop(self) -> None:
        if self._store is not None:
            self._store.close()


class KafkaAppender:
    """Sends with acks from all in-sync replicas and waits for each confirmation.

    A batch that fails leaves a gap in the numbers by which the broker knows an idempotent producer's batches, though
    it may never have been sent (aiokafka numbers it when it gives it up); all later ones would be refused as out of
    order, for ever. So after a failure the next append begins with a new producer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        await provision_kafka(self._settings)
        self._producer = await self._started()

    async def _started(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **client_options(self._settings),
            acks="all",
            enable_idempotence=True,
            # Its sender is told after this time that the message is not stored.
            request_timeout_ms=max(1000, int(self._settings.mllp_store_timeout.total_seconds() * 1000)),
            max_request_size=self._settings.mllp_max_message + 65536,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def append(self, records: Sequence[Record]) -> list[Position | Exception]:
        """Each for itself: one that the broker refuses, as too large perhaps, must not take the others with it."""
        if self._producer is None:
            self._producer = await self._started()
        producer = self._producer
        confirmations = [await _send(producer, record) for record in records]
        found = await asyncio.gather(*confirmations, return_exceptions=True)
        if any(isinstance(each, Exception) for each in found):
            self._producer = None
            await producer.stop()
        return [_result(each) for each in found]

    async def stop(self) -> None:
        if self._producer is not None:
            await self._producer.stop()


async def _send(producer: AIOKafkaProducer, record: Record) -> asyncio.Future[Any]:
    """The confirmation that will come, or the error that came at once."""
    headers = list(record.headers)
    try:
        sent: asyncio.Future[Any] = await producer.send(
            record.topic, record.value, key=record.key, headers=headers, partition=record.partition
        )
    except KafkaError as wrong:
        sent = asyncio.get_running_loop().create_future()
        sent.set_exception(wrong)
    return sent


def _result(confirmed: Any) -> Position | Exception:
    if isinstance(confirmed, MessageSizeTooLargeError):
        return RecordTooLarge(str(confirmed))
    return confirmed if isinstance(confirmed, Exception) else Position(confirmed.partition, confirmed.offset)


def appender_of(settings: Settings) -> EmbeddedAppender | KafkaAppender:
    """The appender for the configured broker."""
    return EmbeddedAppender(settings) if settings.is_embedded else KafkaAppender(settings)
