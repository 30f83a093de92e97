"""The listener's broker going away and coming back: silence while it is gone, storing again afterwards."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from streams.mllp import frame
from streams.reading import reader_of
from streams.settings import Settings, load_settings
from streams.topics import topics_of
from tests.servers.kafka import KafkaServer
from tests.streams.gateway import Gateway, gateway, message, msa


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
    async with asyncio.timeout(60):
        while True:
            try:
                async with running.peer() as peer:
                    assert msa(await peer.tell(text)) == b"AA|" + text.split(b"|")[9]
                    return
            except (asyncio.IncompleteReadError, ConnectionError):
                await asyncio.sleep(0.2)


@pytest.mark.slow
@pytest.mark.parametrize("outage", ["killed", "hanging"])
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


def away(server: KafkaServer, outage: str) -> None:
    if outage == "killed":
        server.kill()
    else:
        os.kill(_pid(server), signal.SIGSTOP)


def back(server: KafkaServer, outage: str) -> None:
    if outage == "killed":
        server.start()
    else:
        os.kill(_pid(server), signal.SIGCONT)


def _pid(server: KafkaServer) -> int:
    assert server.pid is not None
    return server.pid
