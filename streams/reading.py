"""Reading topics from outside the worker, on either broker: what the commands, the demo and the tests look at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.embedded.records import StoredRecord
from streams.embedded.store import Store
from streams.kafka_access import client_options, connected
from streams.provision import broker_path, check_broker
from streams.settings import Settings, SettingsError
from streams.topics import app_id

_FETCH_WAIT_MS = 50


class Reader(Protocol):
    """Reads on from where it was, topic by topic."""

    async def new(self, topic: str) -> list[StoredRecord]:
        """Everything new since the last call, partition after partition, in order of offset."""
        ...

    async def sizes(self, topic: str) -> tuple[int, int]:
        """How many records the topic got in all, and how many the worker has not acknowledged."""
        ...

    async def committed(self, topic: str) -> dict[int, int]:
        """The next offset that the worker has to do, by partition; 0 where it did nothing yet."""
        ...


@asynccontextmanager
async def reader_of(settings: Settings) -> AsyncIterator[Reader]:
    """A reader of the configured broker. Raises SettingsError when there is none."""
    if settings.is_embedded:
        check_broker(settings)
        with Store.open(broker_path(settings)) as store:
            yield EmbeddedReader(store, app_id(settings))
        return
    options = client_options(settings)
    # A broker answers a connection's questions one after another: they wait as long as a fetch that finds nothing.
    consumer = AIOKafkaConsumer(
        **options, group_id=app_id(settings), enable_auto_commit=False, fetch_max_wait_ms=_FETCH_WAIT_MS
    )
    async with connected(consumer, settings):
        yield KafkaReader(consumer, settings.partitions)


@dataclass
class EmbeddedReader:
    store: Store
    group: str
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)

    async def new(self, topic: str) -> list[StoredRecord]:
        return self.fresh(topic)

    async def sizes(self, topic: str) -> tuple[int, int]:
        highwaters = [self.store.highwater(topic, n) for n in range(self._partitions(topic))]
        return sum(highwaters), sum(self.store.lag(self.group, topic).values())

    async def committed(self, topic: str) -> dict[int, int]:
        numbers = range(self._partitions(topic))
        return {number: self.store.committed(self.group, (topic, number)) or 0 for number in numbers}

    def fresh(self, topic: str) -> list[StoredRecord]:
        """What `new` gives, for callers without a loop."""
        found: list[StoredRecord] = []
        for partition in range(self._partitions(topic)):
            while fresh := self.store.read(topic, partition, self.offsets.get((topic, partition), 0), 1000):
                found += fresh
                self.offsets[topic, partition] = fresh[-1].offset + 1
        return found

    def _partitions(self, topic: str) -> int:
        known = self.store.topic(topic)
        if known is None:
            raise SettingsError(f"there is no topic {topic} on this broker")
        return known.partitions


@dataclass
class KafkaReader:
    consumer: AIOKafkaConsumer
    partitions: int
    offsets: dict[TopicPartition, int] = field(default_factory=dict)

    async def new(self, topic: str) -> list[StoredRecord]:
        consumer = self.consumer
        tps = [TopicPartition(topic, number) for number in range(self.partitions)]
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(tps)
        starts = await consumer.beginning_offsets(tps)
        begins = {tp: max(self.offsets.get(tp, 0), starts[tp]) for tp in tps}
        behind = [tp for tp in tps if begins[tp] < ends[tp]]
        if not behind:
            return []
        consumer.assign(behind)
        for tp in behind:
            consumer.seek(tp, begins[tp])
        found: dict[TopicPartition, list[StoredRecord]] = {tp: [] for tp in behind}
        while late := [tp for tp in behind if await consumer.position(tp) < ends[tp]]:
            for tp, records in (await consumer.getmany(*late, timeout_ms=1000)).items():
                found[tp] += [stored(record) for record in records]
        for tp in behind:
            self.offsets[tp] = await consumer.position(tp)
        consumer.pause(*behind)  # whatever is asked next would wait behind the fetches
        return [record for tp in behind for record in found[tp]]

    async def sizes(self, topic: str) -> tuple[int, int]:
        tps = [TopicPartition(topic, number) for number in range(self.partitions)]
        ends = await self.consumer.end_offsets(tps)
        starts = await self.consumer.beginning_offsets(tps)
        done = [await self.consumer.committed(tp) for tp in tps]
        waiting = sum(ends[tp] - (starts[tp] if at is None else at) for tp, at in zip(tps, done, strict=True))
        return sum(ends.values()), waiting

    async def committed(self, topic: str) -> dict[int, int]:
        tps = [TopicPartition(topic, number) for number in range(self.partitions)]
        return {tp.partition: await self.consumer.committed(tp) or 0 for tp in tps}


def stored(record: Any) -> StoredRecord:
    return StoredRecord(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
    )
