"""How long a message is on its way at an even rate: from its answer to applied, from a closing to the claim lines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from hl7_parsers import peek
from streams import records
from streams.demo.stage import Stage
from streams.embedded.records import StoredRecord
from streams.mllp_client import MllpClient, lanes_of, percentile
from streams.provision import provision_kafka
from streams.reading import Reader, reader_of
from streams.records import MessageFact
from streams.settings import Settings, load_settings
from streams.topics import Topics, topics_of
from tests.bench.kafka import NOT_HERE, kafka_environment
from tests.bench.messages import day
from tests.bench.pipeline import AT_ONCE
from tests.bench.processes import cpu_seconds, folder, stage_in
from tests.bench.tables import Spread, Table
from tests.servers.kafka import KafkaServer, missing_for_kafka

ROUNDS = 3
RATE = 200.0
CONNECTIONS = 4
_SETTLES = 3.0  # seconds after the last answer until everything is written


def run() -> list[Table]:
    lacking = missing_for_kafka()
    rows: list[list[object]] = []
    embedded = []
    for _ in range(ROUNDS):
        with folder() as place:
            embedded.append(_round(place, {"DRIPCODE_DATA_DIR": str(place)}))
    rows += _rows("embedded", embedded)
    if not lacking:
        with folder() as place, KafkaServer(place) as server:
            kafka = []
            for number in range(ROUNDS):
                with folder() as data:
                    kafka.append(_round(data, kafka_environment(server, f"latency-{number}-", data)))
        rows += _rows("Kafka", kafka)
    return [
        Table(
            "Latency at an even rate",
            f"The demo's day, {len(day()):,} messages, at {RATE:.0f} a second over {CONNECTIONS} connections through "
            "`dripcode listen` and `dripcode run`, every discharged encounter closed at the timer's next look and "
            "coded meanwhile. Applied: from the answer at the sender to the fact on its changelog; 0 when it was there "
            "before the answer. Coded: from the close command to the encounter's claim lines. By the broker's clock, "
            f"which is this machine's, whole milliseconds. {ROUNDS} rounds, median (least - greatest)."
            + (f" {NOT_HERE}" if lacking else ""),
            ["broker", "of", "p50 ms", "p99 ms", "worker CPU µs a message"],
            rows,
        )
    ]


Figures = tuple[list[float], list[float], float]


def _rows(broker: str, rounds: Sequence[Figures]) -> list[list[object]]:
    cpu = Spread.of(one[2] for one in rounds)
    return [
        [
            broker,
            name,
            *(Spread.of(percentile(sorted(one[place]), share) for one in rounds) for share in (50, 99)),
            cpu if place == 0 else "",
        ]
        for place, name in enumerate(("answer to applied", "closing to claim lines"))
    ]


def _round(place: Path, environment: dict[str, str]) -> Figures:
    environment = environment | AT_ONCE
    settings = load_settings(environment=environment)[0]
    if not settings.is_embedded:
        asyncio.run(provision_kafka(settings))
        asyncio.run(_stamp_appends(settings))
    with stage_in(place, environment) as stage:
        stage.start_listener()
        stage.start_worker()
        stage.wait_ready()
        pid = stage.processes["worker"].pid
        before = cpu_seconds(pid)
        answered = asyncio.run(_send(stage, [message.text for message in day()]))
        cpu = 1e6 * (cpu_seconds(pid) - before) / len(day())
        time.sleep(_SETTLES)
        return asyncio.run(_delays(settings, answered, cpu))


async def _send(stage: Stage, messages: Sequence[bytes]) -> dict[str, float]:
    """Each message at its time; when it was answered, by control id, seconds since 1970."""
    answered: dict[str, float] = {}
    began = time.monotonic()

    async def send(lane: Sequence[int]) -> None:
        async with MllpClient("127.0.0.1", stage.mllp_port) as client:
            for position in lane:
                await asyncio.sleep(began + position / RATE - time.monotonic())
                await client.send(messages[position])
                answered.setdefault(peek(messages[position]).control_id, time.time())

    await asyncio.gather(*(send(lane) for lane in lanes_of(messages, CONNECTIONS)))
    return answered


async def _delays(settings: Settings, answered: Mapping[str, float], cpu: float) -> Figures:
    topics = topics_of(settings)
    async with reader_of(settings) as reader:
        return await _applied(reader, topics, answered), await _coded(reader, topics), cpu


async def _applied(reader: Reader, topics: Topics, answered: Mapping[str, float]) -> list[float]:
    delays = []
    for record in await reader.new(topics.facts_changelog):
        if not record.value or (record.key or b"").startswith((records.TALLY_KEY, records.MERGE_KEY)):
            continue
        fact = records.decode_fact(record.value)
        if isinstance(fact, MessageFact) and (at := answered.get(fact.message.header.control_id)):
            delays.append(max(0.0, record.timestamp_ms - 1000 * at))
    assert len(delays) > len(answered) / 2
    return delays


async def _coded(reader: Reader, topics: Topics) -> list[float]:
    closed: dict[str, StoredRecord] = {}
    for record in await reader.new(topics.commands):
        closed.setdefault(records.decode_command(record.value or b"").encounter_id, record)
    last: dict[str, int] = {}
    for record in await reader.new(topics.claim_lines):
        last.setdefault((record.key or b"").decode(), record.timestamp_ms)
    delays = [float(at - closed[name].timestamp_ms) for name, at in last.items() if name in closed]
    assert delays
    return delays


async def _stamp_appends(settings: Settings) -> None:
    """Have the broker write when a record was appended, not when the worker made it."""
    topics = topics_of(settings)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.broker_url.removeprefix("kafka://"))
    await admin.start()
    try:
        stamped = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(16 << 20)}
        compacted = stamped | {"cleanup.policy": "compact"}
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name, configs=compacted) for name in topics.compacted()]
            + [
                ConfigResource(ConfigResourceType.TOPIC, name, configs=stamped)
                for name in (topics.commands, topics.claim_lines)
            ]
        )
    finally:
        await admin.close()
