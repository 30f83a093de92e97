"""The two brokers behind one face: where the same suite runs on the embedded file and on Apache Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aiokafka import AIOKafkaProducer

from streams.embedded.records import Record
from streams.embedded.store import Store
from streams.kafka_access import client_options
from streams.provision import broker_path
from streams.reading import reader_of
from streams.settings import Settings, load_settings
from streams.topics import Topics, topics_of

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
class _Readable:
    """Reads through the project's own reader."""

    @property
    def environment(self) -> Mapping[str, str]:
        raise NotImplementedError

    @property
    def settings(self) -> Settings:
        return load_settings(environment=self.environment)[0]

    @property
    def topics(self) -> Topics:
        return topics_of(self.settings)

    def read(self, topic: str) -> list[tuple[int, bytes, bytes]]:
        async def read() -> list[tuple[int, bytes, bytes]]:
            async with reader_of(self.settings) as reader:
                return [(r.partition, r.key or b"", r.value or b"") for r in await reader.new(topic)]

        return asyncio.run(read())

    def lag(self) -> int:
        async def lag() -> int:
            async with reader_of(self.settings) as reader:
                return sum([(await reader.sizes(topic))[1] for topic in _worked(self.topics)])

        return asyncio.run(lag())


@dataclass(frozen=True)
class EmbeddedBroker(_Readable):
    folder: Path

    @property
    def environment(self) -> Mapping[str, str]:
        return {"DRIPCODE_DATA_DIR": str(self.folder), "DRIPCODE_PARTITIONS": str(PARTITIONS)}

    def put(self, record: Record) -> None:
        with Store.open(broker_path(self.settings)) as store:
            store.append_many([record])


@dataclass(frozen=True)
class KafkaBroker(_Readable):
    """A set of topics with a prefix of their own on a broker."""

    bootstrap: str
    prefix: str
    folder: Path
    transport: str = "own"
    through: str = ""  # the address that the processes under test are given, where it is another: a proxy's

    @property
    def settings(self) -> Settings:
        direct = {"DRIPCODE_BROKER": f"kafka://{self.bootstrap}"}
        return load_settings(environment={**self.environment, **direct})[0]

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "DRIPCODE_BROKER": f"kafka://{self.through or self.bootstrap}",
            "DRIPCODE_TOPIC_PREFIX": self.prefix,
            "DRIPCODE_KAFKA_TRANSPORT": self.transport,
            "DRIPCODE_DATA_DIR": str(self.folder),
            "DRIPCODE_PARTITIONS": str(PARTITIONS),
        }

    def put(self, record: Record) -> None:
        asyncio.run(_put(self.settings, record))


@dataclass(frozen=True)
class EnvironmentBroker(_Readable):
    """Kafka as these settings come in to it."""

    given: Mapping[str, str]

    @property
    def environment(self) -> Mapping[str, str]:
        return self.given

    def put(self, record: Record) -> None:
        asyncio.run(_put(self.settings, record))


async def _put(settings: Settings, record: Record) -> None:
    producer = AIOKafkaProducer(**client_options(settings), acks="all")
    await producer.start()
    try:
        headers = list(record.headers)
        await producer.send_and_wait(
            record.topic, record.value, key=record.key, partition=record.partition, headers=headers
        )
    finally:
        await producer.stop()


def _worked(topics: Topics) -> tuple[str, ...]:
    return topics.inbound, topics.commands, topics.closed
