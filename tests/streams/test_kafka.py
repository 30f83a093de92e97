"""Our Kafka consumer: what it fetches while Faust rebalances, without a broker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from faust.transport.drivers import aiokafka
from faust.types import TP

from streams.app import make_app
from streams.kafka import Consumer
from streams.settings import load_settings

INBOUND, CHANGELOG = TP("hl7.inbound", 0), TP("dripcode-facts-changelog", 0)


class Tables:
    changelog_topics = frozenset({CHANGELOG.topic})


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
        monkeypatch.setattr(type(app), "tables", Tables())
        monkeypatch.setattr(Consumer, "assignment", lambda _: {INBOUND, CHANGELOG})

        async def fetch(_: Any, active_partitions: set[TP], timeout: float) -> dict[TP, list[Any]]:
            self.log.append(f"fetch {sorted(tp.topic for tp in active_partitions)}")
            await self.may_return.wait()
            self.log.append(f"fetched {sorted(tp.topic for tp in active_partitions)}")
            return {}

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
