"""The real processes: what each says of itself, and Redis killed under load."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from streams.claims import newest_sets
from streams.demo.hospital_day import hospital_day
from streams.demo.stage import Stage
from streams.read_model.notices import read_notices
from streams.read_model.opening import open_shelf
from streams.settings import Settings
from tests.servers.redis import RedisServer
from tests.streams.brokers import EmbeddedBroker
from tests.streams.play import Play

DAY = [message.text for message in hospital_day(5, 10, date(2026, 3, 2))]


async def line_ids(settings: Settings) -> set[str]:
    shelf = open_shelf(settings)
    found = {key for key, _ in await shelf.ranked("line", "recent", 100_000)}
    await shelf.close()
    return found


def standing(broker: EmbeddedBroker) -> set[str]:
    lines = [json.loads(value) for _, _, value in broker.read(broker.topics.claim_lines)]
    return {line["claim_line_id"] for of in newest_sets(lines).values() for line in of}


class Beside:
    """Starts the projector beside the others, and a while later does something, once."""

    def __init__(self, does: Callable[[], None], after: float) -> None:
        self.does = does
        self.after = after
        self.started = 0.0
        self.is_done = False

    def __call__(self, stage: Stage) -> None:
        if "projector" not in stage.processes:
            stage.start("projector", "project")
            self.started = time.monotonic()
        if not self.is_done and time.monotonic() - self.started > self.after:
            self.does()
            self.is_done = True


def test_each_process_says_how_it_is(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    seen: dict[str, set[str]] = {}

    def look() -> None:
        async def notices() -> None:
            shelf = open_shelf(broker.settings)
            for notice in read_notices(await shelf.notices()):
                seen[notice.role] = {name for name, _, _ in notice.samples}
            await shelf.close()

        asyncio.run(notices())

    Play(broker, DAY, rate=25, disturb=Beside(look, 5.0)).run()
    assert set(seen) == {"worker", "listener", "projector"}
    assert "dripcode_encounters_open" in seen["worker"]
    assert "dripcode_mllp_ack_seconds_bucket" in seen["listener"]


@pytest.mark.redis
def test_redis_killed_under_load_costs_nothing_but_a_while(tmp_path: Path) -> None:
    redis_folder = tmp_path / "redis"
    redis_folder.mkdir()
    with RedisServer(redis_folder) as server:
        broker = EmbeddedBroker(tmp_path)
        environment = {"DRIPCODE_REDIS": server.url}

        def restart() -> None:
            server.kill()
            time.sleep(1)
            server.start()

        play = Play(broker, DAY, rate=100, disturb=Beside(restart, 1.5), environment=environment)
        outcome = play.run()
        assert play.restarts == 0
        assert outcome.balance.received == len(DAY)
        settings = Settings(data_dir=broker.settings.data_dir, redis=server.url, partitions=broker.settings.partitions)
        stage = Stage(settings.data_dir, {**broker.environment, **environment})
        stage.start("projector", "project")  # the one beside the others may have been stopped in the middle
        try:
            until = time.monotonic() + 30
            while asyncio.run(line_ids(settings)) != standing(broker):
                stage.check("projector")
                assert time.monotonic() < until
                time.sleep(0.2)
        finally:
            stage.stop()
