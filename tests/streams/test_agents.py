"""The agents' work: nothing is acknowledged before it is written, nothing of a message escapes."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

import coding
from streams import agents
from streams.agents import Desk
from streams.app import make_app, make_worker
from streams.apply import Applier
from streams.claims import Issuer
from streams.demo.hospital_day import hospital_day
from streams.embedded.records import Record
from streams.provision import provision_kafka
from streams.records import ClosedEncounter, encode
from streams.settings import Settings, load_settings
from streams.site import coder_of, rules_of
from streams.topics import topics_of
from streams.worker_metrics import WorkerMetrics
from streams.writing import InTurn, KafkaWriter, Then, nothing
from tests.servers.kafka import KafkaServer
from tests.streams.brokers import KafkaBroker


@dataclass
class Message:
    """What an agent sees of a message of Faust's."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    log: list[str]
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    timestamp: float = 0.0

    @property
    def tp(self) -> TP:
        return TP(self.topic, self.partition)

    def ack(self, consumer: object) -> bool:
        self.log.append(f"ack {self.offset}")
        return True


@dataclass
class Writer:
    """Notes what is written; fails when told to."""

    log: list[str]
    fails: bool = False
    records: list[Record] = field(default_factory=list)

    async def write(self, records: Sequence[Record], messages: Sequence[Any], then: Then = nothing) -> None:
        if self.fails:
            raise OSError("the broker is gone")
        self.records += records
        self.log.append(f"written {len(records)}")
        for message in messages:
            message.ack(None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environment={"DRIPCODE_DATA_DIR": str(tmp_path), "DRIPCODE_PARTITIONS": "1"})[0]


def desk(settings: Settings, writer: Writer) -> Desk:
    topics = topics_of(settings)
    issuer = Issuer(topics, coder_of(settings).code_beside)
    return Desk(topics, Applier(topics, rules_of(settings)), issuer, writer, WorkerMetrics())


def test_messages_are_acknowledged_after_everything_they_caused_is_written(settings: Settings) -> None:
    log: list[str] = []
    work = desk(settings, Writer(log))
    day = [m for m in hospital_day(1, 5) if m.fate == "applied"][:3]
    messages = [Message(work.topics.inbound, 0, n, b"k", m.text, log) for n, m in enumerate(day)]
    asyncio.run(work.apply(messages))
    assert log == ["written 4", "ack 0", "ack 1", "ack 2"]


def test_an_encounter_that_cannot_be_coded_is_a_dead_letter_and_the_next_one_is_coded(settings: Settings) -> None:
    log: list[str] = []
    writer = Writer(log)
    work = desk(settings, writer)
    arrived = coding.Encounter(encounter_id="V1", patient_id="SYN1")
    values = [b"not an encounter", encode(ClosedEncounter(1, "discharge", arrived))]
    messages = [Message(work.topics.closed, 0, n, b"k", value, log) for n, value in enumerate(values)]
    asyncio.run(work.code(messages))
    dead, kept, progress = writer.records
    assert dead.topic == work.topics.dead_letter
    assert dead.value == b"not an encounter"
    assert dict(dead.headers)["offset"] == b"0"
    assert dict(dead.headers)["reason"].startswith(b"CODING_")
    assert kept.topic == progress.topic == work.topics.claim_sets_changelog
    assert log[-2:] == ["ack 0", "ack 1"]


class App:
    def __init__(self) -> None:
        self.crashes: list[BaseException] = []

    async def crash(self, reason: BaseException) -> None:
        self.crashes.append(reason)


def test_a_batch_that_cannot_be_written_ends_the_worker_and_acknowledges_nothing(settings: Settings) -> None:
    log: list[str] = []
    app: Any = App()
    work = replace(desk(settings, Writer(log)), writer=InTurn(app, Writer(log, fails=True), log.append))  # type: ignore[arg-type]
    messages = [Message(work.topics.inbound, 0, n, b"k", m.text, log) for n, m in enumerate(hospital_day(1, 5)[:2])]

    async def taken() -> AsyncIterator[list[Message]]:
        for message in messages:
            yield [message]
        raise AssertionError("the agent went on after a failed write")

    with pytest.raises(OSError, match="gone"):
        asyncio.run(agents._work(app, taken(), work.apply))
    assert app.crashes
    assert log == []


def test_the_next_batch_is_worked_out_while_one_is_written_and_acknowledged_after_it() -> None:
    log: list[str] = []

    class Slow(Writer):
        async def write(self, records: Sequence[Record], messages: Sequence[Any], then: Then = nothing) -> None:
            log.append("begins")
            await asyncio.sleep(0.01)
            await super().write(records, messages, then)

    def message(offset: int) -> Message:
        return Message("t", 0, offset, b"k", b"v", log)

    async def scene() -> None:
        writer = InTurn(App(), Slow(log), lambda done: log.append(f"progressed {len(done)}"))  # type: ignore[arg-type]
        await writer.write([], [message(1)])
        log.append("worked out")
        await writer.write([], [message(2)])
        await writer.write([Record("t", b"k", b"v")], [])

    asyncio.run(scene())
    first = ["worked out", "begins", "written 0", "ack 1", "progressed 1"]
    assert log == [*first, "begins", "written 0", "ack 2", "progressed 1", "begins", "written 1", "progressed 0"]


def test_each_agent_has_one_actor_a_worker(settings: Settings) -> None:
    app = make_worker(settings, coder_of(settings)).app
    assert {agent.concurrency for agent in app.agents.values()} == {1}
    assert {name.rpartition(".")[2] for name in app.agents} == {"assemble", "code"}
    assert app.conf.web_enabled is False
    assert app.conf.topic_allow_declare is False


def test_inbound_messages_and_commands_have_one_reader(settings: Settings) -> None:
    worker = make_worker(settings, coder_of(settings))
    (assemble,) = [agent for name, agent in worker.app.agents.items() if name.endswith("assemble")]
    assert set(assemble.channel.topics) == {worker.topics.inbound, worker.topics.commands}


def test_on_kafka_a_large_batch_is_confirmed_whole_facts_first(
    kafka: KafkaServer, topic_prefix: str, tmp_path: Path
) -> None:
    broker = KafkaBroker(kafka.address, topic_prefix, tmp_path)
    settings, topics = broker.settings, broker.topics
    asyncio.run(provision_kafka(settings))
    facts = [
        Record(
            topics.facts_changelog, b"fact %d" % n, json.dumps({"n": n, "pad": "x" * 9000}).encode(), partition=n % 2
        )
        for n in range(400)
    ]
    huge = Record(topics.facts_changelog, b"huge", b"y" * 3_000_000, partition=0)
    lines = [Record(topics.claim_lines, b"V%d" % n, b"line", headers=(("version", b"1"),)) for n in range(50)]
    log: list[str] = []
    messages = [Message(topics.inbound, 0, n, b"k", b"v", log) for n in range(3)]

    async def write() -> None:
        app = make_app(replace(settings, kafka_transport="stock"))  # whose messages are acknowledged one by one
        producer = app.producer
        await producer.start()
        try:
            await KafkaWriter(app, topics.compacted(), settings.partitions).write([*lines, *facts, huge], messages)
        finally:
            await producer.stop()
            app.consumer._thread.thread_loop.close()  # type: ignore[attr-defined] # made by asking for it

    asyncio.run(write())
    kept = broker.read(topics.facts_changelog)
    assert sorted(key for _, key, _ in kept) == sorted([*(record.key or b"" for record in facts), b"huge"])
    assert all(partition == int(key.split()[1]) % 2 for partition, key, _ in kept if key != b"huge")
    assert len(broker.read(topics.claim_lines)) == 50
    assert log == ["ack 0", "ack 1", "ack 2"]
