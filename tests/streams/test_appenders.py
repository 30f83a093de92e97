"""The listener's broker going away and coming back: silence while it is gone, storing again afterwards."""

import asyncio
import dataclasses
import os
import signal
from pathlib import Path

import pytest

from streams.appenders import KafkaAppender
from streams.embedded.records import Record
from streams.mllp import frame
from streams.reading import reader_of
from streams.settings import Settings, load_settings
from streams.topics import topics_of
from tests.servers.kafka import KafkaServer
from tests.streams.gateway import Gateway, gateway, message, msa
from tests.waiting import PATIENCE


def settings_on(server: KafkaServer, folder: Path) -> Settings:
    given = {
        "DRIPCODE_BROKER": f"kafka://{server.address}",
        "DRIPCODE_TOPIC_PREFIX": "outage-",
        "DRIPCODE_DATA_DIR": str(folder),
        "DRIPCODE_PARTITIONS": "4",
        "DRIPCODE_MLLP_STORE_TIMEOUT": "2s",
    }
    return load_settings(environment=given)[0]


async def inbound(settings: Settings) -> list[bytes]:
    async with reader_of(settings) as reader:
        return [record.value or b"" for record in await reader.new(topics_of(settings).inbound)]


async def is_turned_away(running: Gateway, text: bytes) -> bool:
    async with running.peer() as peer:
        peer.write(frame(text))
        return await peer.is_closed()


async def is_stored_at_last(running: Gateway, text: bytes) -> None:
    """Send again, as an engine does, until the message is acknowledged."""
    async with asyncio.timeout(2 * PATIENCE):
        while True:
            try:
                async with running.peer() as peer:
                    assert msa(await peer.tell(text)) == b"AA|" + text.split(b"|")[9]
                    return
            except (asyncio.IncompleteReadError, ConnectionError):
                await asyncio.sleep(0.2)


@pytest.mark.slow
@pytest.mark.parametrize("outage", ["killed", "stopped", "hanging"])
def test_while_kafka_is_away_nothing_is_acknowledged_and_when_it_is_back_all_is_stored(
    private_kafka: KafkaServer, tmp_path: Path, outage: str
) -> None:
    settings = settings_on(private_kafka, tmp_path)

    async def run() -> list[bytes]:
        async with gateway(settings) as running:
            await is_stored_at_last(running, message(0))
            await asyncio.to_thread(away, private_kafka, outage)
            for number in range(1, 4):
                assert await is_turned_away(running, message(number))
            assert running.listener.trouble
            await asyncio.sleep(5)  # longer than the producer keeps a batch
            await asyncio.to_thread(back, private_kafka, outage)
            for number in range(1, 6):
                await is_stored_at_last(running, message(number))
            assert running.listener.trouble == ""
        return await inbound(settings)

    found = asyncio.run(run())
    assert set(found) == {message(number) for number in range(6)}


@pytest.mark.kafka
def test_a_record_that_the_broker_refuses_takes_no_later_one_with_it(
    kafka: KafkaServer, topic_prefix: str, tmp_path: Path
) -> None:
    """The broker numbers each producer's batches, and one that it refused leaves a gap in the numbers."""
    settings = dataclasses.replace(settings_on(kafka, tmp_path), topic_prefix=topic_prefix)
    topic = topics_of(settings).inbound
    kafka.create_topics([topic], partitions=4, max_message_bytes="20000")

    def record(size: int) -> Record:
        return Record(topic, b"key", b"x" * size)

    async def run() -> list[bool]:
        appender = KafkaAppender(settings)
        await appender.start()
        try:
            found = [await appender.append([record(size)]) for size in (1, 30_000, 2, 3)]
        finally:
            await appender.stop()
        return [isinstance(each, Exception) for (each,) in found]

    assert asyncio.run(run()) == [False, True, False, False]


def away(server: KafkaServer, outage: str) -> None:
    if outage == "killed":
        server.kill()
    elif outage == "stopped":
        server.stop()
    else:
        os.kill(_pid(server), signal.SIGSTOP)


def back(server: KafkaServer, outage: str) -> None:
    if outage in ("killed", "stopped"):
        server.start()
    else:
        os.kill(_pid(server), signal.SIGCONT)


def _pid(server: KafkaServer) -> int:
    assert server.pid is not None
    return server.pid
