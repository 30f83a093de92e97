"""On one real Kafka broker in one run: our worker against a Faust agent that does nothing and a loop without Faust."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from streams.embedded.records import Record
from streams.provision import provision_kafka
from streams.settings import Settings, load_settings
from streams.topics import app_id, topics_of
from tests.bench.messages import LARGE_DAY, day, records
from tests.bench.pipeline import AT_ONCE, closing_encounters
from tests.bench.processes import Pace, folder, follow, pace, python, stage_in, wait_for
from tests.bench.tables import Spread, Table, ratios
from tests.servers.kafka import KafkaServer, missing_for_kafka

ROUNDS = 5
PARTITIONS = 4
NOT_HERE = "Kafka was not measured: its jars or Java are not here, `make servers` brings them."


def run() -> list[Table]:
    if missing_for_kafka():
        return [Table("Faust's share, on Kafka", NOT_HERE, ["what"], [])]
    with folder() as place, KafkaServer(place) as server:
        return [_table(server)]


# -- what is compared


@contextmanager
def _ours(place: Path, environment: dict[str, str]) -> Iterator[int]:
    with stage_in(place, environment) as stage:
        stage.start_worker()
        yield stage.processes["worker"].pid


def _stock(place: Path, environment: dict[str, str]) -> AbstractContextManager[int]:
    return _ours(place, environment | {"DRIPCODE_KAFKA_TRANSPORT": "stock"})


def _nothing(place: Path, environment: dict[str, str]) -> AbstractContextManager[int]:
    return python("nothing", ["-m", "tests.bench.kafka_noop"], place, environment)


def _loop(place: Path, environment: dict[str, str]) -> AbstractContextManager[int]:
    return python("loop", ["-m", "tests.bench.kafka_loop"], place, environment)


Start = Callable[[Path, dict[str, str]], AbstractContextManager[int]]
NOTHING, OURS, STOCK, LOOP = (
    "a Faust agent that does nothing, Faust's consumer",
    "our worker (`dripcode run`)",
    "our worker with Faust's consumer (`kafka_transport = stock`)",
    "our work in a loop without Faust",
)
CONTESTANTS: dict[str, Start] = {NOTHING: _nothing, OURS: _ours, STOCK: _stock, LOOP: _loop}


def _table(server: KafkaServer) -> Table:
    messages = [message.text for message in day(LARGE_DAY)]
    paces: dict[str, list[Pace]] = {name: [] for name in CONTESTANTS}
    order = list(CONTESTANTS)
    for number in range(ROUNDS):
        for name in order[number % len(order) :] + order[: number % len(order)]:
            paces[name].append(_one(server, CONTESTANTS[name], messages, is_working=name != NOTHING))
    per_second = {name: [one.per_second for one in some] for name, some in paces.items()}
    cpu = {name: [one.cpu_micro for one in some] for name, some in paces.items()}
    return Table(
        "Faust's share, on Kafka",
        f"One broker, {len(messages):,} messages of the demo's larger day, read anew by each process in each of "
        f"{ROUNDS} rounds, in another order each time; {PARTITIONS} partitions, a commit every 0.5 s. Messages a "
        "second between the first commit and the last but one. Our worker and the loop do the same with the same code: "
        "read, keep as facts, close what is discharged, code it, every output confirmed. Median (least - greatest); "
        "ratios within a round. What else runs on the machine moves the rates far more than the processor time.",
        [
            "what",
            "messages a second",
            "against the agent",
            "against the loop",
            "CPU µs a message",
            "CPU against the agent",
            "CPU against the loop",
        ],
        [
            [
                name,
                Spread.of(per_second[name]),
                ratios(per_second[name], per_second[NOTHING]),
                ratios(per_second[name], per_second[LOOP]),
                Spread.of(cpu[name]),
                ratios(cpu[name], cpu[NOTHING]),
                ratios(cpu[name], cpu[LOOP]),
            ]
            for name in CONTESTANTS
        ],
    )


_numbers = iter(range(1_000_000))


def _one(server: KafkaServer, start: Start, messages: Sequence[bytes], *, is_working: bool) -> Pace:
    """One process on topics of its own, which are gone afterwards."""
    with folder() as place:
        environment = kafka_environment(server, f"bench-{next(_numbers)}-", place) | AT_ONCE
        settings = load_settings(environment=environment)[0]
        asyncio.run(provision_kafka(settings))
        topics = topics_of(settings)
        asyncio.run(put(server.address, records(messages, topics.inbound)))
        with Offsets(server, settings) as offsets, start(place, environment) as pid:
            looks = follow(lambda: offsets.committed(topics.inbound), len(messages), pid, 0.02)
            if is_working:
                coded = closing_encounters(LARGE_DAY)
                wait_for(lambda: offsets.committed(topics.closed) >= coded, f"{coded} encounters coded", 0.1)
        asyncio.run(forget(server.address, settings))
        return pace(looks, is_timed=True)


def kafka_environment(server: KafkaServer, prefix: str, place: Path) -> dict[str, str]:
    """Settings of the processes: this broker, topics of their own."""
    return {
        "DRIPCODE_BROKER": server.broker,
        "DRIPCODE_TOPIC_PREFIX": prefix,
        "DRIPCODE_DATA_DIR": str(place),
        "DRIPCODE_PARTITIONS": str(PARTITIONS),
    }


async def put(address: str, found: Sequence[Record]) -> None:
    """Append the records, confirmed."""
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all", linger_ms=20, max_batch_size=1 << 20)
    await producer.start()
    try:
        pending = [
            await producer.send(r.topic, r.value, key=r.key, partition=r.partition, headers=list(r.headers))
            for r in found
        ]
        await asyncio.gather(*pending)
    finally:
        await producer.stop()


async def forget(address: str, settings: Settings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        topics = topics_of(settings)
        await admin.delete_topics([*topics.plain(), *topics.compacted()])
    finally:
        await admin.close()


class Offsets:
    """What a consumer group has committed, asked over one connection."""

    def __init__(self, server: KafkaServer, settings: Settings) -> None:
        self.group = app_id(settings)
        self._address = server.address
        self._loop = asyncio.new_event_loop()
        self._admin: AIOKafkaAdminClient | None = None

    def __enter__(self) -> Offsets:
        async def start() -> None:
            self._admin = AIOKafkaAdminClient(bootstrap_servers=self._address)
            await self._admin.start()

        self._loop.run_until_complete(start())
        return self

    def __exit__(self, *what: object) -> None:
        assert self._admin is not None
        self._loop.run_until_complete(self._admin.close())
        self._loop.close()

    def committed(self, topic: str) -> int:
        """The sum over the topic's partitions, 0 where nothing was committed."""
        assert self._admin is not None
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        asking = self._admin.list_consumer_group_offsets(self.group, partitions=partitions)
        try:
            found = self._loop.run_until_complete(asking)
        except GroupCoordinatorNotAvailableError:  # until the broker has made its topic of offsets
            return 0
        return sum(max(0, offset.offset) for offset in found.values())
