"""Reads the topics of the read model on from given positions, so many records at a time, on either broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.embedded.records import StoredRecord
from streams.embedded.store import Store
from streams.kafka_access import client_options, connected
from streams.provision import check_broker, open_store
from streams.reading import stored
from streams.settings import Settings
from streams.strangers import is_ours
from streams.topics import topics_of

_AT_ONCE = 2000  # records

Positions = Mapping[tuple[str, int], int]


class Follower(Protocol):
    """Reads on; in order within a partition."""

    async def take(self, limit: int) -> list[StoredRecord]:
        """At most about so many new records; none when there are none now."""
        ...

    async def go_to(self, positions: Positions) -> None:
        """Read on from these offsets, from the first one there where none is given."""
        ...

    async def behind(self) -> int:
        """How many offsets are still to be read."""
        ...


@asynccontextmanager
async def follower_of(
    settings: Settings, topics: tuple[str, ...], partitions: Iterable[int] | None = None
) -> AsyncIterator[Follower]:
    """A follower of the configured broker; it makes the embedded one's file, and waits for no worker.

    `partitions`: of these alone.
    """
    numbers = list(range(settings.partitions) if partitions is None else partitions)
    pairs = [(topic, number) for topic in topics for number in numbers]
    if settings.is_embedded:
        with open_store(settings) as store:
            yield EmbeddedFollower(store, pairs)
        return
    consumer = AIOKafkaConsumer(
        **client_options(settings), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    async with connected(consumer, settings):
        yield KafkaFollower(consumer, pairs)


async def each_record(
    settings: Settings,
    *topics: str,
    partitions: Iterable[int] | None = None,
    strange: Callable[[StoredRecord], object] = lambda record: None,
) -> AsyncIterator[StoredRecord]:
    """Everything of ours that lies on the topics now, in order within a partition.

    `strange` is told of each record that no process of ours wrote.

    Raises:
        SettingsError: there is no broker.
    """
    check_broker(settings)
    names = topics_of(settings)
    async with follower_of(settings, topics, partitions) as follower:
        await follower.go_to({})
        while await follower.behind() > 0:
            for record in await follower.take(_AT_ONCE):
                if is_ours(record, names):
                    yield record
                else:
                    strange(record)


@dataclass
class EmbeddedFollower:
    store: Store
    pairs: list[tuple[str, int]]
    next: dict[tuple[str, int], int] = field(default_factory=dict)

    async def go_to(self, positions: Positions) -> None:
        self.next = dict(positions)

    async def take(self, limit: int) -> list[StoredRecord]:
        found: list[StoredRecord] = []
        for topic, number in self.pairs:
            if len(found) >= limit:
                break
            fresh = self.store.read(topic, number, self.next.get((topic, number), 0), limit - len(found))
            if fresh:
                self.next[topic, number] = fresh[-1].offset + 1
                found += fresh
        return found

    async def behind(self) -> int:
        return sum(self.store.highwater(*pair) - self.next.get(pair, 0) for pair in self.pairs)


@dataclass
class KafkaFollower:
    consumer: AIOKafkaConsumer
    pairs: list[tuple[str, int]]

    async def go_to(self, positions: Positions) -> None:
        tps = [TopicPartition(*pair) for pair in self.pairs]
        self.consumer.assign(tps)
        starts = await self.consumer.beginning_offsets(tps)
        for tp in tps:
            self.consumer.seek(tp, max(positions.get((tp.topic, tp.partition), 0), starts[tp]))

    async def take(self, limit: int) -> list[StoredRecord]:
        found = await self.consumer.getmany(timeout_ms=50, max_records=limit)
        return [stored(record) for records in found.values() for record in records]

    async def behind(self) -> int:
        ends = await self.consumer.end_offsets([TopicPartition(*pair) for pair in self.pairs])
        return sum([max(0, end - await self.consumer.position(tp)) for tp, end in ends.items()])
