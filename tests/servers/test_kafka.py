"""The broker that the tests start: it keeps what it confirmed, also through a crash."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import TopicAlreadyExistsError

from tests.servers.kafka import KafkaServer
from tests.servers.ports import free_port
from tests.servers.process import ServerFailed


async def append(address: str, topic: str, values: list[bytes]) -> list[int]:
    """Send with acks=all; return the offsets that the broker confirmed."""
    async with AIOKafkaProducer(bootstrap_servers=address, acks="all") as producer:
        return [(await producer.send_and_wait(topic, value, partition=0)).offset for value in values]


async def read(address: str, topic: str, count: int) -> list[bytes]:
    """Return the first values of the topic's first partition."""
    async with AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        values: list[bytes] = []
        while len(values) < count:
            fetched = await asyncio.wait_for(consumer.getmany(timeout_ms=1000), 30)
            values += [record.value for records in fetched.values() for record in records]
        return values


async def advertised_ports(port: int) -> list[int]:
    """Return the ports that a client which asks at this one is sent to."""
    client = AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{port}")
    await client.bootstrap()
    try:
        return [broker.port for broker in client.cluster.brokers()]
    finally:
        await client.close()


def test_what_is_appended_can_be_read(kafka: KafkaServer, topic_prefix: str) -> None:
    topic = f"{topic_prefix}inbound"
    kafka.create_topics([topic], partitions=3)
    assert asyncio.run(append(kafka.address, topic, [b"one", b"two"])) == [0, 1]
    assert asyncio.run(read(kafka.address, topic, 2)) == [b"one", b"two"]


def test_a_topic_is_created_once(kafka: KafkaServer, topic_prefix: str) -> None:
    kafka.create_topics([f"{topic_prefix}inbound"], cleanup_policy="compact")
    with pytest.raises(TopicAlreadyExistsError, match="inbound"):
        kafka.create_topics([f"{topic_prefix}inbound"])


def test_confirmed_records_outlive_a_kill(private_kafka: KafkaServer) -> None:
    private_kafka.create_topics(["inbound"])
    before, address = private_kafka.pid, private_kafka.address
    asyncio.run(append(address, "inbound", [b"%d" % number for number in range(200)]))
    private_kafka.kill()
    assert private_kafka.pid is None
    private_kafka.start()
    assert private_kafka.pid != before
    assert private_kafka.address == address
    assert asyncio.run(append(address, "inbound", [b"after"])) == [200]
    assert asyncio.run(read(address, "inbound", 201)) == [*(b"%d" % number for number in range(200)), b"after"]


@pytest.mark.kafka
def test_a_broker_behind_a_proxy_sends_its_clients_to_the_proxy(tmp_path: Path) -> None:
    proxy_port = free_port()
    with KafkaServer(tmp_path, advertised_port=proxy_port) as server:
        server.create_topics(["inbound"])
        assert asyncio.run(advertised_ports(server.port)) == [proxy_port]
    assert server.pid is None


@pytest.mark.kafka
def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    broken = KafkaServer(tmp_path, settings={"broker.session.timeout.ms": "none"})
    with pytest.raises(ServerFailed, match=r"broker\.session\.timeout\.ms"):
        broken.start()
    assert broken.pid is None
