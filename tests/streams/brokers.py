"""The two brokers behind one face: where the same suite runs on the embedded file and on Apache Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.embedded.records import Record
from streams.embedded.store import Store
from streams.settings import Settings, load_settings
from streams.topics import Topics, app_id, topics_of

PARTITIONS = 4


class Broker(Protocol):
    """What the suite needs of a broker."""

    settings: Settings
    topics: Topics

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings of the processes under test."""
        ...

    def read(self, topic: str) -> list[tuple[int, bytes, bytes]]:
        """Partition, key and value of every record, partition after partition, in order of offset."""
        ...

    def lag(self) -> int:
        """Messages, commands and closed encounters that the worker has not acknowledged."""
        ...

    def put(self, record: Record) -> None:
        """Append one record, confirmed."""
        ...


@dataclass(frozen=True)
class EmbeddedBroker:
    folder: Path

    @property
    def environment(self) -> Mapping[str, str]:
        return {"DRIPCODE_DATA_DIR": str(self.folder), "DRIPCODE_PARTITIONS": str(PARTITIONS)}

    @property
    def settings(self) -> Settings:
        return load_settings(environment=self.environment)[0]

    @property
    def topics(self) -> Topics:
        return topics_of(self.settings)

    @property
    def path(self) -> Path:
        return self.folder.absolute() / "broker.db"

    def read(self, topic: str) -> list[tuple[int, bytes, bytes]]:
        with Store.open(self.path) as store:
            return [
                (partition, record.key or b"", record.value or b"")
                for partition in range(PARTITIONS)
                for record in store.read(topic, partition, 0, 1_000_000)
            ]

    def lag(self) -> int:
        with Store.open(self.path) as store:
            return sum(sum(store.lag(app_id(self.settings), topic).values()) for topic in _worked(self.topics))

    def put(self, record: Record) -> None:
        with Store.open(self.path) as store:
            store.append_many([record])


@dataclass(frozen=True)
class KafkaBroker:
    """A set of topics with a prefix of their own on the shared broker."""

    bootstrap: str
    prefix: str
    folder: Path

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "DRIPCODE_BROKER": f"kafka://{self.bootstrap}",
            "DRIPCODE_TOPIC_PREFIX": self.prefix,
            "DRIPCODE_DATA_DIR": str(self.folder),
            "DRIPCODE_PARTITIONS": str(PARTITIONS),
        }

    @property
    def settings(self) -> Settings:
        return load_settings(environment=self.environment)[0]

    @property
    def topics(self) -> Topics:
        return topics_of(self.settings)

    def read(self, topic: str) -> list[tuple[int, bytes, bytes]]:
        return asyncio.run(self._read(topic))

    async def _read(self, topic: str) -> list[tuple[int, bytes, bytes]]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            found = []
            for tp in partitions:
                while await consumer.position(tp) < ends[tp]:
                    for records in (await consumer.getmany(tp, timeout_ms=1000)).values():
                        found += [(tp.partition, record.key or b"", record.value or b"") for record in records]
            return found
        finally:
            await consumer.stop()

    def lag(self) -> int:
        return asyncio.run(self._lag())

    async def _lag(self) -> int:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, group_id=app_id(self.settings), enable_auto_commit=False
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(name, n) for name in _worked(self.topics) for n in range(PARTITIONS)]
            ends = await consumer.end_offsets(partitions)
            return sum([ends[tp] - (await consumer.committed(tp) or 0) for tp in partitions])
        finally:
            await consumer.stop()

    def put(self, record: Record) -> None:
        asyncio.run(self._put(record))

    async def _put(self, record: Record) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all")
        await producer.start()
        try:
            await producer.send_and_wait(record.topic, record.value, key=record.key, partition=record.partition)
        finally:
            await producer.stop()


def _worked(topics: Topics) -> tuple[str, ...]:
    return topics.inbound, topics.commands, topics.closed
