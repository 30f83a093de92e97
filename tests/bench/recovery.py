"""How long a worker takes to be ready with 100,000 facts in its changelog, on both brokers."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count, islice
from pathlib import Path

from streams.apply import Applier, Inbound
from streams.demo.stage import is_well
from streams.embedded.partitioner import partition_for
from streams.embedded.records import Record
from streams.provision import open_store, provision_kafka
from streams.records import MERGE_KEY, TALLY_KEY
from streams.settings import Settings, load_settings
from streams.site import rules_of
from streams.topics import topics_of
from tests.bench.kafka import NOT_HERE, PARTITIONS, kafka_environment, put
from tests.bench.messages import day
from tests.bench.processes import cpu_seconds, folder, resident_megabytes, stage_in, wait_for
from tests.bench.tables import Spread, Table, ratios
from tests.servers.kafka import KafkaServer, missing_for_kafka

ROUNDS = 3
FACTS = 100_000


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a worker until it was ready."""

    seconds: float
    cpu: float
    megabytes: float


def run() -> list[Table]:
    lacking = missing_for_kafka()
    with folder() as place:
        rows = _rows("embedded", place, lambda name: {"DRIPCODE_TOPIC_PREFIX": name})
    if not lacking:
        with folder() as place, KafkaServer(place) as server:
            rows += _rows("Kafka", place, lambda name: kafka_environment(server, name, place / name))
    facts = facts_of_the_day()
    size = sum(len(key) + len(value) for key, value in facts) / len(facts)
    return [
        Table(
            "Recovering the facts",
            f"From the start of `dripcode run` until /readyz says ok, with {FACTS:,} facts in the changelog and with "
            f"none, in turn; {size:.0f} bytes each with the key, those of the demo's day under as many keys. "
            f"{PARTITIONS} partitions, {ROUNDS} rounds, each without local state, median (least - greatest)."
            + (f" {NOT_HERE}" if lacking else ""),
            ["what", "seconds until ready", "against none", "facts a second beyond that", "worker CPU s", "worker MB"],
            rows,
        )
    ]


def _rows(broker: str, place: Path, environment_of: Callable[[str], dict[str, str]]) -> list[list[object]]:
    """Two sets of topics on the broker, one empty and one full; a worker is started on each in turn."""
    starts: dict[str, list[Start]] = {"none-": [], "full-": []}
    environments = {}
    for name in starts:
        given = {"DRIPCODE_DATA_DIR": str(place / name), "DRIPCODE_PARTITIONS": str(PARTITIONS)}
        environments[name] = given | environment_of(name)
        (place / name).mkdir()
        _fill(load_settings(environment=environments[name])[0], FACTS if name == "full-" else 0)
    for _ in range(ROUNDS):
        for name, of_name in starts.items():
            shutil.rmtree(place / name / "state", ignore_errors=True)  # what is on the disk already is not recovered
            of_name.append(_start(place / name, environments[name]))
    none, full = ([start.seconds for start in of_name] for of_name in starts.values())
    return [
        [f"{broker}, none", Spread.of(none), "1", "", *_cost(starts["none-"])],
        [
            f"{broker}, {FACTS:,}",
            Spread.of(full),
            ratios(full, none),
            Spread.of(FACTS / (one - other) for one, other in zip(full, none, strict=True)),
            *_cost(starts["full-"]),
        ],
    ]


def _cost(starts: Sequence[Start]) -> tuple[Spread, Spread]:
    return Spread.of(start.cpu for start in starts), Spread.of(start.megabytes for start in starts)


def _start(place: Path, environment: dict[str, str]) -> Start:
    with stage_in(place, environment) as stage:
        began = time.monotonic()
        stage.start_worker()
        wait_for(lambda: is_well(stage.worker_port), "the worker is ready", 0.02)
        pid = stage.processes["worker"].pid
        return Start(time.monotonic() - began, cpu_seconds(pid), resident_megabytes(pid))


# -- what is recovered


@cache
def facts_of_the_day() -> list[tuple[bytes, bytes]]:
    """Key and value of every fact of an encounter that the demo's day makes."""
    settings = Settings()
    applier = Applier(topics_of(settings), rules_of(settings))
    inbound = [
        Inbound(applier.topics.inbound, 0, offset, b"", message.text, message.sent_at.timestamp())
        for offset, message in enumerate(day())
    ]
    out, _ = applier.apply(inbound, inbound[-1].received_at)
    made = [
        (record.key or b"", record.value or b"") for record in out if record.topic == applier.topics.facts_changelog
    ]
    return [(key, value) for key, value in made if not key.startswith((TALLY_KEY, MERGE_KEY))]


def _facts(topic: str, number: int) -> list[Record]:
    """So many facts of the day, each copy of the day under other patients."""
    copies = ((b"%d-" % copy + key, value) for copy in count() for key, value in facts_of_the_day())
    return [
        Record(topic, key, value, partition=partition_for(key.partition(b"\x1f")[0], range(PARTITIONS)))
        for key, value in islice(copies, number)
    ]


def _fill(settings: Settings, number: int) -> None:
    facts = _facts(topics_of(settings).facts_changelog, number)
    if settings.is_embedded:
        with open_store(settings) as store:
            store.append_many(facts)
        return
    asyncio.run(provision_kafka(settings))
    asyncio.run(put(settings.broker_url.removeprefix("kafka://"), facts))
