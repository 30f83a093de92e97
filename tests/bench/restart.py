"""A worker that starts with very many open encounters: by which store, how long, how much memory."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

import msgspec
from aiokafka import AIOKafkaProducer

from streams import records
from streams.demo.stage import is_well
from streams.embedded.partitioner import partition_for
from streams.embedded.records import Record
from streams.provision import open_store, provision_kafka
from streams.records import MessageFact
from streams.settings import Settings, load_settings
from streams.topics import topics_of
from streams.writing import KafkaWriter
from tests.bench.kafka import NOT_HERE, PARTITIONS, kafka_environment
from tests.bench.kafka_loop import Producing
from tests.bench.processes import cpu_seconds, folder, resident_megabytes, stage_in, wait_for
from tests.bench.recovery import facts_of_the_day
from tests.bench.tables import Table
from tests.servers.kafka import KafkaServer, missing_for_kafka

OPEN = 100_000
EACH = 20
_AT_ONCE = 5000


def run() -> list[Table]:
    lacking = missing_for_kafka()
    with folder() as place:
        rows = _rows("embedded", place, {})
    if not lacking:
        with folder() as place, KafkaServer(place) as server:
            rows += _rows("Kafka", place, kafka_environment(server, "restart-", place))
    return [
        Table(
            "Starting with many open encounters",
            f"From the start of `dripcode run` until /readyz says ok, with {OPEN:,} open encounters of {EACH} facts "
            f"in the changelog; {PARTITIONS} partitions, once each. The first start by a store on the disk reads the "
            "changelog and makes the local state, the next reads the standings from it. Memory an encounter is beyond "
            "that of a worker without any." + (f" {NOT_HERE}" if lacking else ""),
            ["broker, store", "seconds until ready", "worker CPU s", "worker MB", "KB an open encounter"],
            rows,
        )
    ]


def _rows(broker: str, place: Path, environment: dict[str, str]) -> list[list[object]]:
    data = place / "data"
    environment = {**environment, "DRIPCODE_PARTITIONS": str(PARTITIONS), "DRIPCODE_DATA_DIR": str(data)}
    settings = load_settings(environment=environment)[0]
    data.mkdir(exist_ok=True)
    _fill(settings, ())
    none = _start(place, environment)
    shutil.rmtree(data / "state", ignore_errors=True)
    _fill(settings, _open_encounters(settings))
    rows = [[f"{broker}, no encounters", *none, ""]]
    for name, store in (
        ("all in memory", "memory"),
        ("on disk, first start", "rocksdb"),
        ("on disk, next start", "rocksdb"),
    ):
        seconds, cpu, megabytes = _start(place, environment | {"DRIPCODE_STORE": store})
        rows.append([f"{broker}, {name}", seconds, cpu, megabytes, 1024 * (megabytes - none[2]) / OPEN])
    return rows


def _start(place: Path, environment: dict[str, str]) -> tuple[float, float, float]:
    with stage_in(place, environment) as stage:
        began = time.monotonic()
        stage.start_worker()
        wait_for(lambda: is_well(stage.worker_port), "the worker is ready", 0.02)
        pid = stage.processes["worker"].pid
        return time.monotonic() - began, cpu_seconds(pid), resident_megabytes(pid)


# -- what is there


def _open_encounters(settings: Settings) -> Iterator[Record]:
    """Facts of the day's administrations, received now, each encounter with some of them."""
    topic = topics_of(settings).facts_changelog
    values = _administrations()
    for number in range(OPEN):
        patient, encounter = b"SYNTH|SYN%07d" % number, b"V%07d" % number
        partition = partition_for(patient, range(PARTITIONS))
        for place in range(EACH):
            key = b"%s\x1f%s\x1f%024x" % (patient, encounter, place)
            yield Record(topic, key, values[(number * 7 + place) % len(values)], partition=partition)


def _administrations() -> list[bytes]:
    now = time.time()
    found = []
    for _, value in facts_of_the_day():
        fact = records.decode_fact(value)
        if isinstance(fact, MessageFact) and fact.message.header.kind.startswith("RAS"):
            found.append(records.encode(msgspec.structs.replace(fact, received_at=now)))
    return found


def _fill(settings: Settings, facts: Sequence[Record] | Iterator[Record]) -> None:
    facts = iter(facts)
    if settings.is_embedded:
        with open_store(settings) as store:
            while some := list(islice(facts, _AT_ONCE)):
                store.append_many(some)
        return
    asyncio.run(provision_kafka(settings))
    asyncio.run(_put(settings, facts))


async def _put(settings: Settings, facts: Iterator[Record]) -> None:
    """Whole record batches, as the worker writes them."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.broker_url.removeprefix("kafka://"), acks="all", max_batch_size=1 << 20,
        max_request_size=16 << 20,
    )  # fmt: skip
    await producer.start()
    try:
        writer = KafkaWriter(cast(Any, Producing(producer)), topics_of(settings).compacted(), PARTITIONS)
        while some := list(islice(facts, _AT_ONCE)):
            await writer.write(some, [])
    finally:
        await producer.stop()
