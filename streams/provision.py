"""Makes the topics: the same list on both brokers, with what each needs stated here."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from streams.embedded.options import broker_file
from streams.embedded.store import Store
from streams.settings import Settings, SettingsError
from streams.topics import topics_of

log = logging.getLogger("dripcode.provision")

_DAY_MS = 24 * 3600 * 1000
# Long enough to apply the rules anew to what was received, and to send a late claim again within a year.
RETENTION_MS = 400 * _DAY_MS
_MAX_MESSAGE = 16 * 1024 * 1024


def broker_path(settings: Settings) -> Path:
    """The file of the embedded broker."""
    return broker_file(settings.broker_url)


def open_store(settings: Settings) -> Store:
    """The embedded broker's file with every topic in it, made when it is not there."""
    path = broker_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    store = Store.open(path)
    topics = topics_of(settings)
    for name in topics.plain():
        store.create_topic(name, settings.partitions, retention_ms=RETENTION_MS)
    for name in topics.compacted():
        store.create_topic(name, settings.partitions, compacted=True)
    return store


def kafka_hosts(settings: Settings) -> list[str]:
    """HOST:PORT of each bootstrap broker."""
    return settings.broker_url.removeprefix("kafka://").split(",")


async def provision_kafka(settings: Settings, patience: float = 60.0) -> None:
    """Make every topic that is not there on Kafka, waiting up to `patience` seconds for a broker.

    Raises SettingsError when a topic is there with another number of partitions.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_hosts(settings))
    until = time.monotonic() + patience
    while True:
        try:
            await admin.start()
            break
        except KafkaError as wrong:
            await admin.close()
            if time.monotonic() > until:
                raise SettingsError(f"setting 'broker': no Kafka broker answers: {wrong}") from None
            await asyncio.sleep(0.5)
            admin = AIOKafkaAdminClient(bootstrap_servers=kafka_hosts(settings))
    try:
        await _create(admin, settings)
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    topics = topics_of(settings)
    plain = {"retention.ms": str(RETENTION_MS), "max.message.bytes": str(_MAX_MESSAGE)}
    compacted = {"cleanup.policy": "compact", "max.message.bytes": str(_MAX_MESSAGE)}
    in_sync = {"min.insync.replicas": str(max(1, settings.replication - 1))}
    wanted = [
        NewTopic(name, settings.partitions, settings.replication, topic_configs={**config, **in_sync})
        for names, config in ((topics.plain(), plain), (topics.compacted(), compacted))
        for name in names
    ]
    answer = await admin.create_topics(wanted)
    for name, code, *_ in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise SettingsError(f"topic {name} could not be made: {for_code(code).__name__}")
    described = await admin.describe_topics([topic.name for topic in wanted])
    for topic in described:
        if len(topic["partitions"]) not in (0, settings.partitions):
            raise SettingsError(
                f"topic {topic['topic']} has {len(topic['partitions'])} partitions, setting 'partitions' says "
                f"{settings.partitions}: they cannot change in place, set the number that is there"
            )
