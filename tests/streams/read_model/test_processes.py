"""The real processes: what each says of itself, and Redis killed under load."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from pathlib import Path
from random import Random

import pytest

from streams.claims import newest_sets
from streams.demo.hospital_day import hospital_day
from streams.demo.stage import Stage, is_well
from streams.read_model.notices import read_notices
from streams.read_model.opening import open_shelf
from streams.settings import Settings
from tests.faults.fault import Fault
from tests.servers.redis import RedisServer
from tests.streams.brokers import EmbeddedBroker
from tests.streams.play import Play
from tests.waiting import wait_for

DAY = [message.text for message in hospital_day(5, 10, date(2026, 3, 2))]


async def line_ids(settings: Settings) -> set[str]:
    shelf = open_shelf(settings)
    found = {key for key, _ in await shelf.ranked("line", "recent", 100_000)}
    await shelf.close()
    return found


def standing(broker: EmbeddedBroker) -> set[str]:
    lines = [json.loads(value) for _, _, value in broker.read(broker.topics.claim_lines)]
    return {line["claim_line_id"] for of in newest_sets(lines).values() for line in of}


async def samples(settings: Settings) -> dict[str, set[str]]:
    """Per role the names of the figures in its newest notice."""
    shelf = open_shelf(settings)
    found = {notice.role: {name for name, _, _ in notice.samples} for notice in read_notices(await shelf.notices())}
    await shelf.close()
    return found


def test_each_process_says_how_it_is(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    expected = {
        ("worker", "dripcode_encounters_open"),
        ("listener", "dripcode_mllp_ack_seconds_bucket"),
        ("projector", "dripcode_projection_behind_records"),
    }

    def wait_for_all(stage: Stage) -> None:
        stage.start("projector", "project")

        def all_said() -> bool:
            stage.check()
            said = asyncio.run(samples(broker.settings))
            return all(name in said.get(role, set()) for role, name in expected)

        wait_for(all_said, "each process says its own")

    Play(broker, DAY, at_end=wait_for_all).run()


class RedisKilled(Fault):
    """The server of the read model is killed and started again a second later, empty."""

    name = "redis"
    lasts = (1.0, 1.0)
    pause = (0.2, 0.2)

    def __init__(self, server: RedisServer) -> None:
        super().__init__(Random(1), times=2)
        self.server = server

    def begin(self, stage: Stage) -> None:
        stage.start("projector", "project")
        wait_for(lambda: is_well(stage.projector_port), "the projector is ready")

    def strike(self, stage: Stage) -> None:
        self.server.kill()

    def mend(self, stage: Stage) -> None:
        self.server.start()


@pytest.mark.redis
def test_redis_killed_under_load_costs_nothing_but_a_while(tmp_path: Path) -> None:
    redis_folder = tmp_path / "redis"
    redis_folder.mkdir()
    with RedisServer(redis_folder) as server:
        broker = EmbeddedBroker(tmp_path)
        settings = Settings(data_dir=broker.settings.data_dir, redis=server.url, partitions=broker.settings.partitions)

        def wait_for_lines(stage: Stage) -> None:
            wait_for(lambda: asyncio.run(line_ids(settings)) == standing(broker), "the read model has all lines")
            stage.check()

        play = Play(
            broker,
            DAY,
            rate=60,
            faults=[RedisKilled(server)],
            environment={"DRIPCODE_REDIS": server.url},
            at_end=wait_for_lines,
        )
        outcome = play.run()
        assert play.restarts == 0
        assert outcome.balance.received == len(DAY)
        assert outcome.lines
