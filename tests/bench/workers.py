"""Two workers against one, on Kafka."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack

from streams.demo.stage import is_well
from streams.provision import provision_kafka
from streams.settings import load_settings
from streams.topics import topics_of
from tests.bench.kafka import NOT_HERE, Offsets, forget, kafka_environment, put
from tests.bench.messages import LARGE_DAY, day, records
from tests.bench.pipeline import AT_ONCE, closing_encounters
from tests.bench.processes import cpu_seconds, folder, stage_in, wait_for
from tests.bench.tables import Spread, Table, ratios
from tests.servers.kafka import KafkaServer, missing_for_kafka

ROUNDS = 3


def run() -> list[Table]:
    if missing_for_kafka():
        return [Table("Two workers", NOT_HERE, ["what"], [])]
    taken: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    with folder() as place, KafkaServer(place) as server:
        for number in range(ROUNDS):
            for workers, rounds in taken.items():
                rounds.append(_round(server, f"workers-{number}-{workers}-", workers))
    one = [seconds for seconds, _ in taken[1]]
    return [
        Table(
            "Two workers",
            f"{len(day(LARGE_DAY)):,} messages of the larger day, put on Kafka once the workers have shared the "
            "partitions; until all are applied and every discharged encounter is coded. The broker runs on the same "
            f"cores, so this shows what sharing costs rather than what it brings. {ROUNDS} rounds, median (least - "
            "greatest), ratios within a round.",
            ["workers", "seconds", "messages a second", "against one", "CPU µs a message, all workers"],
            [
                [
                    str(workers),
                    Spread.of(seconds for seconds, _ in rounds),
                    Spread.of(len(day(LARGE_DAY)) / seconds for seconds, _ in rounds),
                    ratios(one, [seconds for seconds, _ in rounds]),
                    Spread.of(cpu for _, cpu in rounds),
                ]
                for workers, rounds in taken.items()
            ],
        )
    ]


def _round(server: KafkaServer, prefix: str, workers: int) -> tuple[float, float]:
    """Seconds until everything is done, and the workers' processor time a message in microseconds."""
    messages = [message.text for message in day(LARGE_DAY)]
    with folder() as place, ExitStack() as stack:
        environment = kafka_environment(server, prefix, place) | AT_ONCE
        settings = load_settings(environment=environment)[0]
        topics = topics_of(settings)
        asyncio.run(provision_kafka(settings))
        stages = []
        for number in range(workers):
            own = place / f"worker-{number}"
            own.mkdir()
            named = {"DRIPCODE_INSTANCE": f"bench-{number}", "DRIPCODE_DATA_DIR": str(own)}
            stages.append(stack.enter_context(stage_in(own, environment | named)))
            stages[-1].start_worker()
        wait_for(lambda: all(is_well(stage.worker_port) for stage in stages), "the workers are ready", 0.1)
        time.sleep(3.0)  # the second one's coming has the partitions shared anew
        wait_for(lambda: all(is_well(stage.worker_port) for stage in stages), "the workers are ready", 0.1)
        pids = [stage.processes["worker"].pid for stage in stages]
        before = sum(map(cpu_seconds, pids))
        asyncio.run(put(server.address, records(messages, topics.inbound)))
        began = time.monotonic()
        wanted = {topics.inbound: len(messages), topics.closed: closing_encounters(LARGE_DAY)}
        with Offsets(server, settings) as offsets:
            wait_for(lambda: all(offsets.committed(topic) >= n for topic, n in wanted.items()), "all is coded", 0.05)
        seconds = time.monotonic() - began
        cpu = 1e6 * (sum(map(cpu_seconds, pids)) - before) / len(messages)
        asyncio.run(forget(server.address, settings))
        return seconds, cpu
