"""Our Kafka consumer: what it fetches while Faust rebalances, without a broker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from faust.transport.drivers import aiokafka
from faust.types import TP

from streams import kafka
from streams.app import make_app
from streams.intake import Delivered
from streams.kafka import Consumer
from streams.settings import load_settings

INBOUND, CHANGELOG = TP("hl7.inbound", 0), TP("dripcode-facts-changelog", 0)


class Recovery:
    def __init__(self) -> None:
        self.told: list[tuple[TP, int]] = []

    def restored(self, tp: TP, offset: int) -> None:
        self.told.append((tp, offset))


class Tables:
    changelog_topics = frozenset({CHANGELOG.topic})

    def __init__(self) -> None:
        self.recovery = Recovery()
        self.changes: list[Any] = []

    def table_of(self, tp: TP) -> "Tables":
        return self

    def restore(self, changes: list[Any]) -> None:
        self.changes += changes


class Record:
    """One of aiokafka's."""

    timestamp, headers, key, value = 1500, (), b"k", b"v"

    def __init__(self, offset: int) -> None:
        self.offset = offset


class Bench:
    """A consumer whose fetches and seeks are noted instead of made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
        self.log: list[str] = []
        self.may_return = asyncio.Event()
        environment = {"DRIPCODE_BROKER": "kafka://127.0.0.1:1", "DRIPCODE_DATA_DIR": str(tmp_path)}
        app = make_app(load_settings(environment=environment)[0])

        async def nobody(*_: Any) -> None:
            raise AssertionError("nothing is delivered here")

        self.consumer = Consumer(
            app.transport, callback=nobody, on_partitions_revoked=nobody, on_partitions_assigned=nobody
        )
        self.app: Any = app
        self.tables = Tables()
        monkeypatch.setattr(type(app), "tables", self.tables)
        monkeypatch.setattr(Consumer, "assignment", lambda _: {INBOUND, CHANGELOG})
        monkeypatch.setattr(Consumer, "highwater", lambda *_: 9)

        self.records: dict[TP, list[Any]] = {}

        async def fetch(_: Any, active_partitions: set[TP], timeout: float) -> dict[TP, list[Any]]:
            self.log.append(f"fetch {sorted(tp.topic for tp in active_partitions)}")
            await self.may_return.wait()
            self.log.append(f"fetched {sorted(tp.topic for tp in active_partitions)}")
            return {tp: found for tp, found in self.records.items() if tp in active_partitions}

        async def seek(_: Any) -> None:
            self.log.append("seek")

        monkeypatch.setattr(aiokafka.Consumer, "_getmany", fetch)
        monkeypatch.setattr(aiokafka.Consumer, "perform_seek", seek)

    @property
    def active(self) -> set[TP]:
        return set(self.consumer._get_active_partitions())


def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        bench = Bench(monkeypatch, tmp_path)
        try:
            await scene(bench)
        finally:
            bench.consumer._thread.thread_loop.close()  # made with the consumer, and nobody starts it here

    asyncio.run(run())


def test_nothing_is_fetched_when_no_partition_is_wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    async def scene(bench: Bench) -> None:
        assert await bench.consumer._getmany(set(), 1.0) == {}
        assert bench.log == []

    play(monkeypatch, tmp_path, scene)


def test_a_fetch_keeps_to_the_partitions_it_began_with_and_a_seek_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    async def scene(bench: Bench) -> None:
        live = {CHANGELOG}
        fetch = asyncio.create_task(bench.consumer._getmany(live, 1.0))
        await asyncio.sleep(0)
        live.clear()  # recovery pauses its last partition while the fetch is in flight
        seek = asyncio.create_task(bench.consumer.perform_seek())
        await asyncio.sleep(0.01)
        assert bench.log == [f"fetch ['{CHANGELOG.topic}']"]
        bench.may_return.set()
        await asyncio.gather(fetch, seek)
        assert bench.log[1:] == [f"fetched ['{CHANGELOG.topic}']", "seek"]

    play(monkeypatch, tmp_path, scene)


def test_a_partition_without_a_commit_is_sought_to_its_beginning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Else it goes on behind what was fetched and dropped since it was assigned."""
    never, begun = TP(INBOUND.topic, 1), TP(INBOUND.topic, 2)
    sought: list[TP] = []

    async def seek_to_committed(_: Any) -> dict[TP, int | None]:
        return {INBOUND: 7, never: None, begun: 0, CHANGELOG: None}

    async def seek_to_beginning(*partitions: TP) -> None:
        sought.extend(partitions)

    async def scene(bench: Bench) -> None:
        monkeypatch.setattr(aiokafka.Consumer, "seek_to_committed", seek_to_committed)
        monkeypatch.setattr(bench.consumer._thread, "seek_to_beginning", seek_to_beginning)
        assert await bench.consumer.seek_to_committed() == await seek_to_committed(None)
        assert sought == [never, begun]

    play(monkeypatch, tmp_path, scene)


def test_streams_wait_until_the_flow_resumes_and_tables_do_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    async def scene(bench: Bench) -> None:
        bench.consumer._set_active_tps(set())
        bench.app.rebalancing = True
        bench.consumer.resume_partitions({INBOUND, CHANGELOG})
        assert bench.active == {CHANGELOG}
        bench.consumer.resume_flow()
        assert bench.active == {CHANGELOG, INBOUND}

    play(monkeypatch, tmp_path, scene)


def test_a_partition_that_is_lost_in_between_is_not_resumed(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    async def scene(bench: Bench) -> None:
        bench.consumer._set_active_tps(set())
        bench.app.rebalancing = True
        bench.consumer.resume_partitions({INBOUND})
        bench.consumer.pause_partitions({INBOUND})
        bench.consumer.resume_flow()
        assert bench.active == set()

    play(monkeypatch, tmp_path, scene)


def test_what_is_fetched_goes_whole_to_the_inbox_and_the_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    async def scene(bench: Bench) -> None:
        inbox = bench.consumer.inbox([INBOUND.topic])
        bench.consumer._set_active_tps({INBOUND, CHANGELOG})
        bench.records = {INBOUND: [Record(4), Record(6)], CHANGELOG: [Record(1), Record(2)]}
        bench.may_return.set()
        await bench.consumer._deliver_round()
        messages = await inbox.take(10)
        assert [(m.tp, m.offset, m.timestamp) for m in messages] == [(INBOUND, 4, 1.5), (INBOUND, 6, 1.5)]
        assert [change.offset for change in bench.tables.changes] == [1, 2]
        assert bench.tables.recovery.told == [(CHANGELOG, 2)]

    play(monkeypatch, tmp_path, scene)


def test_what_is_fetched_while_the_flow_stops_is_dropped(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    async def scene(bench: Bench) -> None:
        inbox = bench.consumer.inbox([INBOUND.topic])
        bench.consumer._set_active_tps({INBOUND})
        bench.records = {INBOUND: [Record(4)]}
        round_ = asyncio.create_task(bench.consumer._deliver_round())
        await asyncio.sleep(0)
        bench.consumer.stop_flow()
        bench.consumer.resume_flow()  # as after a seek: what was fetched before it is old
        bench.may_return.set()
        await round_
        inbox.put([])
        assert not inbox.is_full
        assert bench.consumer.acknowledged() == {}
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(inbox.take(1), 0.01)

    play(monkeypatch, tmp_path, scene)


def test_a_partition_whose_inbox_is_full_is_left_alone_until_there_is_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(kafka, "_INBOX_SIZE", 2)

    async def scene(bench: Bench) -> None:
        inbox = bench.consumer.inbox([INBOUND.topic])
        bench.consumer._set_active_tps({INBOUND, CHANGELOG})
        bench.records = {INBOUND: [Record(1), Record(2)]}
        bench.may_return.set()
        await bench.consumer._deliver_round()
        await bench.consumer._deliver_round()
        assert bench.log[2:] == [f"fetch ['{CHANGELOG.topic}']", f"fetched ['{CHANGELOG.topic}']"]
        await inbox.take(1)
        await bench.consumer._deliver_round()
        assert bench.log[4] == f"fetch ['{CHANGELOG.topic}', '{INBOUND.topic}']"

    play(monkeypatch, tmp_path, scene)


def test_the_commit_follows_what_is_acknowledged_under_the_present_assignment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    async def scene(bench: Bench) -> None:
        bench.app.consumer_generation_id = 2
        messages = [Delivered(*INBOUND, offset, 0.0, (), b"k", b"v", INBOUND, 2) for offset in (5, 6)]
        bench.consumer.acknowledge([Delivered(*INBOUND, 9, 0.0, (), b"k", b"v", INBOUND, 1)])
        assert not list(bench.consumer._filter_tps_with_pending_acks())
        bench.consumer.acknowledge(messages)
        assert list(bench.consumer._filter_tps_with_pending_acks()) == [INBOUND]
        assert bench.consumer._new_offset(INBOUND) == 7
        assert bench.consumer._new_offset(INBOUND) is None

    play(monkeypatch, tmp_path, scene)
