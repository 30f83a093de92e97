"""The worker's work without Faust: aiokafka's consumer, the same desk, the same writer, a commit every half second.

python -m tests.bench.kafka_loop      # settings from the environment; runs until it is told to stop
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import ConsumerRecord

from streams.agents import Desk
from streams.apply import Applier
from streams.claims import Issuer
from streams.intake import GATHER_SECONDS
from streams.kafka_access import kafka_hosts
from streams.settings import Settings, load_settings
from streams.site import coder_of, rules_of
from streams.topics import app_id, topics_of
from streams.worker_metrics import WorkerMetrics
from streams.writing import KafkaWriter

COMMIT_SECONDS = 0.5  # as the worker's app has it
_REQUEST_MAX = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """A record with the names and the clock (seconds) that Faust gives it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: float

    def ack(self, _consumer: object) -> None:
        """The loop commits instead."""


@dataclass(frozen=True, slots=True)
class Producing:
    """Stands where the writer looks for an app with a producer."""

    client: AIOKafkaProducer
    consumer: None = None

    @property
    def producer(self) -> Producing:
        return self

    def _ensure_producer(self) -> AIOKafkaProducer:
        return self.client


def _message(record: ConsumerRecord) -> Any:
    return Message(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        record.headers,
        record.timestamp / 1000,
    )


async def work(settings: Settings) -> None:
    """Until it is told to stop."""
    topics = topics_of(settings)
    hosts = kafka_hosts(settings)
    producer = AIOKafkaProducer(
        bootstrap_servers=hosts, acks="all", max_request_size=_REQUEST_MAX, max_batch_size=1 << 20
    )
    consumer = AIOKafkaConsumer(
        topics.inbound,
        topics.commands,
        topics.closed,
        bootstrap_servers=hosts,
        group_id=app_id(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_bytes=_REQUEST_MAX,
        max_poll_records=settings.batch_size,
    )
    await producer.start()
    await consumer.start()
    writer = KafkaWriter(cast(Any, Producing(producer)), topics.compacted(), settings.partitions)
    desk = Desk(
        topics,
        Applier(topics, rules_of(settings)),
        Issuer(topics, coder_of(settings).code_beside),
        writer,
        WorkerMetrics(),
    )
    try:
        await _loop(consumer, desk, settings)
    finally:
        await consumer.stop()
        await producer.stop()


async def _loop(consumer: AIOKafkaConsumer, desk: Desk, settings: Settings) -> None:
    done: dict[TopicPartition, int] = {}
    committed = looked = time.monotonic()
    while True:
        found = await consumer.getmany(timeout_ms=int(1000 * GATHER_SECONDS), max_records=settings.batch_size)
        to_apply = [_message(r) for tp, some in found.items() if tp.topic != desk.topics.closed for r in some]
        to_code = [_message(r) for tp, some in found.items() if tp.topic == desk.topics.closed for r in some]
        if to_apply:
            await desk.apply(to_apply)
        if to_code:
            await desk.code(to_code)
        done.update({tp: some[-1].offset + 1 for tp, some in found.items()})
        now = time.monotonic()
        if done and now - committed > COMMIT_SECONDS:
            await consumer.commit(done)
            done, committed = {}, now
        if now - looked > settings.close_check_every.total_seconds():
            looked = now
            if commands := desk.due_commands():
                await desk.writer.write(commands, [])


if __name__ == "__main__":
    asyncio.run(work(load_settings()[0]))
