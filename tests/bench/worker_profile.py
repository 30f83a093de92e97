"""Where the worker's time goes on a large day, on the broker file and on Kafka."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streams.embedded.records import Record
from streams.provision import open_store, provision_kafka
from streams.settings import load_settings
from streams.topics import topics_of
from tests.bench.kafka import Offsets, kafka_environment, put
from tests.bench.messages import LARGE_DAY, day, records
from tests.bench.pipeline import AT_ONCE, Watched, closing_encounters, settings_in
from tests.bench.processes import folder, python, wait_for
from tests.bench.sampled_worker import OTHER
from tests.bench.tables import Table
from tests.servers.kafka import KafkaServer, missing_for_kafka

FUNCTIONS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Looks:
    """How often the worker was seen where, and the processor time it used meanwhile, seconds."""

    cpu: float
    parts: dict[str, int]
    functions: dict[str, int]

    def share(self, counted: int) -> str:
        return f"{counted / sum(self.parts.values()):.0%}"

    def micro(self, counted: int) -> float:
        """Microseconds of each message of the day."""
        return 1e6 * self.cpu * counted / sum(self.parts.values()) / len(day(LARGE_DAY))


def run() -> list[Table]:
    looks = {"embedded": _embedded()}
    if not missing_for_kafka():
        looks["Kafka"] = _on_kafka()
    return [_parts(looks), *(_functions(broker, one) for broker, one in looks.items())]


def _looked_at(place: Path, environment: dict[str, str], is_done: Callable[[], bool]) -> Looks:
    kept = place / "looks.json"
    arguments = ["-m", "tests.bench.sampled_worker", str(kept)]
    with python("worker", arguments, place, {**environment, "DRIPCODE_DATA_DIR": str(place)}):
        wait_for(is_done, "the day is coded", 0.2)
    return Looks(**json.loads(kept.read_text()))


def _embedded() -> Looks:
    with folder() as place:
        settings = settings_in(place, AT_ONCE)
        with open_store(settings) as store:
            watched = Watched(store, settings)
            store.append_many(_inbound(watched.topics.inbound))
            return _looked_at(place, AT_ONCE, lambda: watched.is_coded(closing_encounters(LARGE_DAY)))


def _on_kafka() -> Looks:
    with folder() as place, KafkaServer(place) as server:
        environment = kafka_environment(server, "profile-", place) | AT_ONCE
        settings = load_settings(environment=environment)[0]
        topics = topics_of(settings)
        wanted = {topics.inbound: len(day(LARGE_DAY)), topics.closed: closing_encounters(LARGE_DAY)}
        asyncio.run(provision_kafka(settings))
        asyncio.run(put(server.address, _inbound(topics.inbound)))
        with Offsets(server, settings) as offsets:
            return _looked_at(
                place, environment, lambda: all(offsets.committed(topic) >= n for topic, n in wanted.items())
            )


def _inbound(topic: str) -> list[Record]:
    return records([message.text for message in day(LARGE_DAY)], topic)


def _parts(looks: dict[str, Looks]) -> Table:
    names = dict.fromkeys(name for one in looks.values() for name in one.parts if name != OTHER)
    first = next(iter(looks.values()))
    ordered = [*sorted(names, key=lambda name: -first.parts.get(name, 0)), OTHER]
    return Table(
        "Where the worker's time goes",
        f"{len(day(LARGE_DAY)):,} messages of the larger day, every discharged encounter closed and coded; the worker "
        "looked at every 2 ms of its processor time, from its first to its last. "
        + ", ".join(f"{broker}: {sum(one.parts.values()):,} looks" for broker, one in looks.items())
        + ".",
        ["part", *(f"{broker}, {what}" for broker in looks for what in ("share", "µs a message"))],
        [[name, *(cell for one in looks.values() for cell in _cells(one, one.parts.get(name, 0)))] for name in ordered],
    )


def _cells(looks: Looks, counted: int) -> tuple[str, float]:
    return looks.share(counted), looks.micro(counted)


def _functions(broker: str, looks: Looks) -> Table:
    dearest = sorted(looks.functions.items(), key=lambda item: -item[1])[:FUNCTIONS_SHOWN]
    return Table(
        f"Dearest functions of the worker, {broker}",
        "By looks at the function itself, what it calls in C included.",
        ["function", "share", "µs a message"],
        [[f"`{name}`", *_cells(looks, counted)] for name, counted in dearest],
    )
