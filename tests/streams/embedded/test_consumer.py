"""The consumer's reading loop, driven by hand: what it delivers, in which order, and what it holds back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.types import TP
from mode import Service

from streams.embedded import BatchOutOfOrder, Record, broker_url
from streams.embedded.consumer import Consumer
from streams.embedded.store import Store
from tests.waiting import PATIENCE, wait_beside

A, B = TP("in", 0), TP("in", 1)


class Reader:
    """A consumer whose deliveries are collected instead of being handed to streams."""

    def __init__(self, folder: Path) -> None:
        self.app = faust.App(
            "reader", broker=broker_url(folder / "broker.db"), datadir=folder, store="memory://", topic_partitions=2
        )
        self.delivered: list[tuple[TP, int]] = []
        self.messages: list[Any] = []
        self.on_delivery: Callable[[Any], Coroutine[Any, Any, None]] | None = None
        self.consumer: Any = None
        self.fetcher = Service()
        self.tasks: list[asyncio.Future[None]] = []

    @property
    def store(self) -> Store:
        store: Store = self.consumer.transport.store
        return store

    async def start(self) -> None:
        async def nothing(*_: Any) -> None:
            return None

        self.consumer = self.app.transport.create_consumer(  # type: ignore[attr-defined]
            callback=self.take, on_partitions_revoked=nothing, on_partitions_assigned=nothing
        )
        self.app.consumer = self.consumer
        await self.app.producer.start()
        await self.consumer.start()
        assert isinstance(self.consumer, Consumer)

    async def take(self, message: Any) -> None:
        self.delivered.append((message.tp, message.offset))
        self.messages.append(message)
        if self.on_delivery is not None:
            await self.on_delivery(message)

    async def subscribe(self, *topics: str) -> None:
        self.app.topics.acking_topics.update(topics)
        await self.consumer.subscribe(topics)
        await asyncio.sleep(0.01)

    def finish_rebalance(self) -> None:
        self.app.flow_control.resume()
        self.consumer.resume_partitions(self.consumer.assignment())
        self.consumer.resume_flow()
        self.app.on_rebalance_end()

    def read(self) -> None:
        self.tasks.append(asyncio.ensure_future(self.consumer.drain(self.fetcher)))

    async def until(self, count: int) -> None:
        await wait_beside(lambda: len(self.delivered) >= count, f"{count} messages are delivered")
        await asyncio.sleep(0.02)  # and nothing more than that
        assert len(self.delivered) == count

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.consumer.stop()
        await self.app.producer.stop()


@asynccontextmanager
async def reader_of(folder: Path) -> AsyncIterator[Reader]:
    reader = Reader(folder)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


def put(reader: Reader, topic: str, partition: int, count: int) -> None:
    with Store.open(reader.store.path, synchronous="NORMAL") as other:
        other.append_many([Record(topic, b"k", b"v", partition=partition)] * count)


def test_nothing_of_a_stream_is_delivered_before_faust_has_finished_its_rebalance(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with reader_of(tmp_path) as reader:
            await reader.subscribe("in")
            put(reader, "in", 0, 3)
            assert reader.app.rebalancing
            reader.app.flow_control.resume()
            reader.consumer.resume_partitions({A, B})
            reader.consumer.resume_flow()
            reader.read()
            await reader.until(0)
            await reader.consumer.perform_seek()
            reader.app.on_rebalance_end()
            await reader.until(3)
            assert reader.delivered == [(A, 0), (A, 1), (A, 2)]

    asyncio.run(scenario())


def test_partitions_take_turns_and_each_keeps_its_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with reader_of(tmp_path) as reader:
            await reader.subscribe("in")
            put(reader, "in", 0, 250)
            put(reader, "in", 1, 120)
            reader.finish_rebalance()
            reader.read()
            await reader.until(370)
            for tp, count in ((A, 250), (B, 120)):
                assert [offset for one, offset in reader.delivered if one == tp] == list(range(count))
            assert reader.delivered.index((B, 0)) == 100, "a long partition does not keep the other one waiting"

    asyncio.run(scenario())


def test_records_read_before_a_seek_are_dropped(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with reader_of(tmp_path) as reader:
            await reader.subscribe("in")
            put(reader, "in", 0, 20)

            async def seek_back(message: Any) -> None:
                if len(reader.delivered) == 5:
                    await reader.consumer.seek_wait({A: 2})

            reader.on_delivery = seek_back
            reader.finish_rebalance()
            reader.read()
            await reader.until(5 + 18)
            assert [offset for _, offset in reader.delivered] == [0, 1, 2, 3, 4, *range(2, 20)]

    asyncio.run(scenario())


def test_a_record_that_a_stopped_flow_kept_from_a_full_stream_is_delivered_later(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with reader_of(tmp_path) as reader:
            await reader.subscribe("in")
            put(reader, "in", 0, 3)
            stuck = asyncio.Event()

            async def full(message: Any) -> None:
                if message.offset == 1 and not stuck.is_set():
                    reader.delivered.pop()
                    stuck.set()
                    await asyncio.sleep(3600)

            reader.on_delivery = full
            reader.finish_rebalance()
            reader.app.flow_control.suspend()  # the stream may have no room, so each delivery is watched
            reader.read()
            await asyncio.wait_for(stuck.wait(), PATIENCE)
            reader.consumer.stop_flow()
            await asyncio.sleep(0.02)
            assert reader.delivered == [(A, 0)]
            reader.consumer.resume_flow()
            await reader.until(3)
            assert reader.delivered == [(A, 0), (A, 1), (A, 2)]
            for message in [reader.messages[0], *reader.messages[-2:]]:
                reader.consumer.ack(message)
            await reader.consumer.commit()
            assert reader.store.committed("reader", A) == 3

    asyncio.run(scenario())


def test_a_paused_partition_is_read_on_from_where_it_was_paused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with reader_of(tmp_path) as reader:
            await reader.subscribe("in")
            put(reader, "in", 0, 10)

            async def pause(message: Any) -> None:
                if message.offset == 3:
                    reader.consumer.pause_partitions({A})

            reader.on_delivery = pause
            reader.finish_rebalance()
            reader.read()
            await reader.until(4)
            reader.consumer.resume_partitions({A})
            await reader.until(10)
            assert [offset for _, offset in reader.delivered] == list(range(10))

    asyncio.run(scenario())


def test_a_topic_subscribed_to_later_is_read_without_reading_the_others_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with reader_of(tmp_path) as reader:
            await reader.subscribe("in")
            put(reader, "in", 0, 3)
            reader.finish_rebalance()
            reader.read()
            await reader.until(3)
            generation = reader.app.consumer_generation_id
            await reader.subscribe("in", "late")
            put(reader, "late", 1, 2)
            put(reader, "in", 0, 1)
            await reader.until(6)
            assert set(reader.delivered[3:]) == {(TP("late", 1), 0), (TP("late", 1), 1), (A, 3)}
            assert reader.app.consumer_generation_id == generation, "streams would drop what they hold"
            await reader.subscribe("late")
            put(reader, "in", 0, 1)
            await reader.until(6)

    asyncio.run(scenario())


def test_only_what_is_acknowledged_without_a_gap_is_committed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with reader_of(tmp_path) as reader:
            await reader.subscribe("in")
            put(reader, "in", 0, 5)
            reader.finish_rebalance()
            reader.read()
            await reader.until(5)
            for position in (1, 2, 4):
                reader.consumer.ack(reader.messages[position])
            await reader.consumer.commit()
            assert reader.store.committed("reader", A) is None, "the first one is not done"
            reader.consumer.ack(reader.messages[0])
            await reader.consumer.commit()
            assert reader.store.committed("reader", A) == 3
            reader.consumer.ack(reader.messages[3])
            await reader.consumer.commit()
            assert reader.store.committed("reader", A) == 5

    asyncio.run(scenario())


def test_after_a_committed_batch_faust_commits_nothing_lower(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with reader_of(tmp_path) as reader:
            await reader.subscribe("in")
            put(reader, "in", 0, 6)
            reader.finish_rebalance()
            reader.read()
            await reader.until(6)
            for message in reader.messages:
                reader.consumer.track_message(message)
            reader.consumer.ack(reader.messages[1])
            events = [type("Event", (), {"message": message}) for message in reader.messages[:4]]
            offsets = reader.consumer.offsets_after([events[0], *events[2:]])
            assert offsets == {A: 4}, "what is acknowledged already needs no batch"
            producer: Any = reader.app.producer
            await producer.commit_batch([Record("out", b"k", b"v")], offsets)
            assert reader.store.committed("reader", A) == 4
            assert set(reader.consumer.unacked) == set(reader.messages[4:]), "a shutdown does not wait for the others"
            for message in reader.messages[:3]:
                reader.consumer.ack(message)
            await reader.consumer.commit()
            assert reader.store.committed("reader", A) == 4
            for message in reader.messages[4:]:
                reader.consumer.ack(message)
            await reader.consumer.commit()
            assert reader.store.committed("reader", A) == 6

    asyncio.run(scenario())


def test_a_batch_that_leaves_an_event_out_crashes_the_app(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with reader_of(tmp_path) as reader:
            await reader.subscribe("in")
            put(reader, "in", 0, 3)
            reader.finish_rebalance()
            reader.read()
            await reader.until(3)
            events = [type("Event", (), {"message": message}) for message in reader.messages]
            with pytest.raises(BatchOutOfOrder, match="offset 1 where 0 is due"):
                reader.consumer.offsets_after(events[1:])
            await asyncio.sleep(0)
            assert reader.consumer.crashed

    asyncio.run(scenario())


def test_what_was_read_and_is_old_is_deleted_while_the_worker_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.embedded.consumer._TRIM_EVERY", 0.5)

    async def scenario() -> None:
        async with reader_of(tmp_path) as reader:
            reader.store.create_topic("in", 2, retention_ms=1)
            await reader.subscribe("in")
            put(reader, "in", 0, 3500)
            put(reader, "in", 1, 5)
            reader.finish_rebalance()
            reader.read()
            await reader.until(3505)
            producer: Any = reader.app.producer
            await producer.commit_batch([], {A: 3200, B: 5})
            await wait_beside(lambda: reader.store.earliest(*A) >= 3200, "what is committed goes")
            assert reader.store.earliest(*A) == 3200, "what is not committed stays"
            assert reader.store.earliest(*B) == 4, "the last one stays"
            put(reader, "in", 0, 1)
            await reader.until(3506)

    asyncio.run(scenario())


def test_reading_starts_where_the_settings_say_when_nothing_is_committed(tmp_path: Path) -> None:
    async def scenario(reset: str, expected: list[int]) -> None:
        folder = tmp_path / reset
        async with reader_of(folder) as reader:
            reader.app.conf.consumer_auto_offset_reset = reset
            reader.store.create_topic("in", 2)
            put(reader, "in", 0, 2)
            await reader.subscribe("in")
            put(reader, "in", 0, 1)
            reader.finish_rebalance()
            reader.read()
            await reader.until(len(expected))
            assert [offset for _, offset in reader.delivered] == expected

    asyncio.run(scenario("earliest", [0, 1, 2]))
    asyncio.run(scenario("latest", [2]))
