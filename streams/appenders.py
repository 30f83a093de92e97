"""How the listener stores: one append on the broker file, or confirmed sends to Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from streams.embedded.errors import StoreFailed
from streams.embedded.records import Record
from streams.embedded.store import Store
from streams.provision import kafka_hosts, open_store, provision_kafka
from streams.settings import Settings


class EmbeddedAppender:
    """Appends to the broker file, flushed to disk before it returns. Inline: a thread would cost more than it frees."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store: Store | None = None

    async def start(self) -> None:
        self._store = open_store(self._settings)

    async def append(self, records: Sequence[Record]) -> None:
        if self._store is None:
            self._store = open_store(self._settings)
        try:
            self._store.append_many(records)
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
    """Sends with acks from all in-sync replicas and waits for each confirmation."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        await provision_kafka(self._settings)
        self._producer = AIOKafkaProducer(
            bootstrap_servers=kafka_hosts(self._settings),
            acks="all",
            enable_idempotence=True,
            max_request_size=self._settings.mllp_max_message + 65536,
        )
        await self._producer.start()

    async def append(self, records: Sequence[Record]) -> None:
        assert self._producer is not None
        producer = self._producer
        confirmations = [
            await producer.send(r.topic, r.value, key=r.key, headers=list(r.headers), partition=r.partition)
            for r in records
        ]
        await asyncio.gather(*confirmations)

    async def stop(self) -> None:
        if self._producer is not None:
            await self._producer.stop()


def appender_of(settings: Settings) -> EmbeddedAppender | KafkaAppender:
    """The appender for the configured broker."""
    return EmbeddedAppender(settings) if settings.is_embedded else KafkaAppender(settings)
