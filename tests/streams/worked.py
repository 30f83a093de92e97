"""A broker with a day on it, as listener and worker leave it: received, applied, closed, coded; without processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from hl7_parsers import peek
from streams import records
from streams.appenders import appender_of
from streams.apply import Applier, Inbound
from streams.claims import Issuer
from streams.delivery import record_of
from streams.embedded.partitioner import partition_for
from streams.embedded.records import Record
from streams.embedded.store import Store
from streams.provision import broker_path
from streams.records import Command
from streams.settings import load_settings
from streams.site import coder_of, rules_of
from streams.topics import app_id
from tests.streams.brokers import Broker
from tests.streams.play import accounts


def put(broker: Broker, found: Sequence[Record]) -> None:
    """Append records through the project's own appender, which makes the topics."""

    async def append() -> None:
        appender = appender_of(broker.settings)
        await appender.start()
        try:
            assert not [one for one in await appender.append(found) if isinstance(one, Exception)]
        finally:
            await appender.stop()

    asyncio.run(append())


class Day:
    """The messages of a day worked through in memory; `put` what came of it on a broker."""

    def __init__(self, broker: Broker, messages: Sequence[bytes], **settings: str) -> None:
        environment = {**broker.environment, **{f"DRIPCODE_{name.upper()}": value for name, value in settings.items()}}
        self.broker, self.messages = broker, messages
        self.settings = load_settings(environment=environment)[0]
        self.topics = broker.topics
        self.applier = Applier(self.topics, rules_of(self.settings))
        self.issuer = Issuer(self.topics, coder_of(self.settings).code_beside)
        self.ends: dict[tuple[str, int], int] = {}
        self.out: list[Record] = []

    def work(self, late: int = 0) -> Day:
        """Receive and apply every message, close every encounter, code what closed; the last so many come late."""
        inbound = [record_of(peek(message), message, self.topics.inbound, time.time()) for message in self.messages]
        in_time = len(inbound) - late
        self._go_through(inbound[:in_time])
        self._close()
        self._go_through(inbound[in_time:])
        self._close()
        return self

    def _close(self) -> None:
        closing = [Command("close", *account, at=time.time()) for account in accounts(self.messages, self.settings)]
        self._go_through([Record(self.topics.commands, one.patient.encode(), records.encode(one)) for one in closing])

    def put(self, keep: Callable[[Record], bool] = lambda _: True) -> None:
        """Put the records that are to be kept, and acknowledge what was worked on."""
        put(self.broker, [record for record in self.out if keep(record)])
        worked = (self.topics.inbound, self.topics.commands, self.topics.closed)
        self.commit({tp: end for tp, end in self.ends.items() if tp[0] in worked})

    def commit(self, ends: Mapping[tuple[str, int], int]) -> None:
        """As the worker's group."""
        group = app_id(self.settings)
        if self.settings.is_embedded:
            with Store.open(broker_path(self.settings)) as store:
                store.commit(group, ends)
            return

        async def commit() -> None:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self.settings.broker_url.removeprefix("kafka://"), group_id=group,
                enable_auto_commit=False,
            )  # fmt: skip
            await consumer.start()
            try:
                consumer.assign([TopicPartition(*tp) for tp in ends])
                await consumer.commit({TopicPartition(*tp): end for tp, end in ends.items()})
            finally:
                await consumer.stop()

        asyncio.run(commit())

    def _go_through(self, found: Sequence[Record]) -> None:
        """Records, and all that follows from them, one after the other."""
        waiting = list(found)
        while waiting:
            record = waiting.pop(0)
            number = record.partition
            if number is None:
                number = partition_for(record.key, range(self.settings.partitions))
            offset = self.ends.get((record.topic, number), 0)
            self.ends[record.topic, number] = offset + 1
            self.out.append(Record(record.topic, record.key, record.value, record.headers, number))
            if record.topic in (self.topics.inbound, self.topics.commands):
                received = Inbound(record.topic, number, offset, record.key or b"", record.value or b"", time.time())
                waiting += self.applier.apply([received], time.time())[0]
            elif record.topic == self.topics.closed:
                now = datetime.now(UTC).isoformat(timespec="milliseconds")
                waiting += self.issuer.issue(number, record.value or b"", now)[0]
