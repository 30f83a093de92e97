"""Faust's producer on a broker file, without a worker: what is sent is written, in order, or the sender is told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.types import TP

from streams.embedded import (
    BadBrokerUrl,
    BadRecord,
    Record,
    Store,
    StoreFailed,
    TopicMismatch,
    UnknownTopic,
    broker_url,
)
from tests.waiting import PATIENCE


@asynccontextmanager
async def producer_of(folder: Path, **settings: Any) -> AsyncIterator[Any]:
    app = faust.App(
        "sender",
        broker=broker_url(folder / "broker.db"),
        datadir=folder,
        store="memory://",
        topic_partitions=3,
        **settings,
    )
    producer: Any = app.producer
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


def values(folder: Path, topic: str, partitions: int = 3) -> list[bytes | None]:
    with Store.open(folder / "broker.db") as store:
        return [one.value for partition in range(partitions) for one in store.read(topic, partition, 0)]


def test_sends_and_batches_keep_their_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with producer_of(tmp_path) as producer:
            for number in range(3):
                await producer.send("out", b"k", b"%d" % number, 0, None, None)
            await producer.send_batch([Record("out", b"k", b"3", partition=0), Record("out", b"k", b"4", partition=0)])
            metadata = await producer.send_and_wait("out", b"k", b"5", 0, 1_709_540_000.5, {"h": b"1"})
            assert metadata.topic_partition == TP("out", 0)
            assert metadata.offset == 5
            await producer.send("out", b"k", b"6", 0, None, None)  # the stop that follows writes it

    asyncio.run(scenario())
    assert values(tmp_path, "out") == [b"%d" % number for number in range(7)]
    with Store.open(tmp_path / "broker.db") as store:
        (timed,) = store.read("out", 0, 5, limit=1)
    assert (timed.timestamp_ms, timed.headers) == (1_709_540_000_500, (("h", b"1"),))


def test_a_lone_send_is_written_without_waiting_for_more(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with producer_of(tmp_path) as producer:
            written = await producer.send("out", b"k", b"v", None, None, None)
            metadata = await asyncio.wait_for(written, PATIENCE)
            with Store.open(tmp_path / "broker.db") as store:
                assert store.highwater("out", metadata.partition) == 1

    asyncio.run(scenario())


def test_flush_writes_what_was_collected(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with producer_of(tmp_path) as producer:
            futures = [await producer.send("out", b"%d" % number, b"v", None, None, None) for number in range(50)]
            await producer.flush()
            assert all(future.done() for future in futures)

    asyncio.run(scenario())
    assert len(values(tmp_path, "out")) == 50


def test_a_batch_commits_records_and_offsets_together(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with producer_of(tmp_path) as producer:
            await producer.commit_batch([Record("out", b"k", b"v")], {TP("in", 0): 7})
            with pytest.raises(BadRecord):
                await producer.commit_batch([Record("out", b"k", b"v", partition=9)], {TP("in", 0): 8})

    asyncio.run(scenario())
    with Store.open(tmp_path / "broker.db") as store:
        assert store.committed("sender", ("in", 0)) == 7
    assert values(tmp_path, "out") == [b"v"]


def test_a_bad_batch_takes_nothing_else_with_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with producer_of(tmp_path) as producer:
            collected = await producer.send("out", b"k", b"good", 0, None, None)
            with pytest.raises(BadRecord):
                await producer.send_batch([Record("out", b"k", b"bad", partition=9)])
            await producer.send_batch([Record("out", b"k", b"better", partition=0)])
            assert collected.done()

    asyncio.run(scenario())
    assert values(tmp_path, "out") == [b"good", b"better"]


def test_after_a_failed_write_every_send_and_flush_fails_and_the_app_crashes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with producer_of(tmp_path) as producer:
            await producer.send_and_wait("out", b"k", b"before", 0, None, None)
            store: Store = producer.transport.store
            store.connection.pragma("max_page_count", store.total_pages())
            collected = await producer.send("out", b"k", bytes(50_000), 0, None, None)
            with pytest.raises(StoreFailed, match="cannot be written"):
                await producer.flush()
            with pytest.raises(StoreFailed):
                await collected
            store.connection.pragma("max_page_count", 100_000)  # room again, too late
            with pytest.raises(StoreFailed):
                await producer.send("out", b"k", b"after", 0, None, None)
            with pytest.raises(StoreFailed):
                await producer.send_batch([Record("out", b"k", b"after", partition=0)])
            with pytest.raises(StoreFailed):
                await producer.flush()
            await asyncio.sleep(0)
            assert producer.crashed
            assert isinstance(producer.crash_reason, StoreFailed)

    asyncio.run(scenario())
    assert values(tmp_path, "out") == [b"before"]


def test_topics_are_made_as_the_app_describes_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with producer_of(tmp_path) as producer:
            await producer.create_topic("facts", 2, 1, compacting=True)
            await producer.create_topic("facts", 2, 1)
            await producer.send_and_wait("undeclared", b"k", b"v", None, None, None)
            with pytest.raises(TopicMismatch):
                await producer.create_topic("undeclared", 4, 1)
            with pytest.raises(BadRecord, match="need a key"):
                await producer.send("facts", None, b"v", None, None, None)

    asyncio.run(scenario())
    with Store.open(tmp_path / "broker.db") as store:
        assert [(one.name, one.partitions, one.compacted) for one in store.topics()] == [
            ("facts", 2, True),
            ("undeclared", 3, False),
        ]


def test_a_topic_is_not_made_when_the_app_does_not_allow_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with producer_of(tmp_path, topic_allow_declare=False) as producer:
            with pytest.raises(UnknownTopic, match="topic_allow_declare is off"):
                await producer.send("out", b"k", b"v", None, None, None)

    asyncio.run(scenario())


def test_the_apps_own_partitioner_is_asked(tmp_path: Path) -> None:
    def always_last(key: bytes | None, everywhere: Sequence[int], available: Sequence[int]) -> int:
        return everywhere[-1]

    async def scenario() -> None:
        async with producer_of(tmp_path, producer_partitioner=always_last) as producer:
            metadata = await producer.send_and_wait("out", b"k", b"v", None, None, None)
            assert metadata.partition == 2

    asyncio.run(scenario())


def test_an_address_without_a_path_is_refused_when_the_app_is_made(tmp_path: Path) -> None:
    app = faust.App("sender", broker="sqlite://broker.db", datadir=tmp_path, store="memory://")
    with pytest.raises(BadBrokerUrl, match="three slashes"):
        _ = app.producer
