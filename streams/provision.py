"""Makes the topics of topics.toml on either broker, and says where what is there differs from it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from streams.embedded.options import broker_file
from streams.embedded.store import Store
from streams.kafka_access import client_options, no_answer
from streams.settings import Settings, SettingsError
from streams.topic_list import WantedTopic, wanted_topics

log = logging.getLogger("dripcode.provision")


def broker_path(settings: Settings) -> Path:
    """The file of the embedded broker."""
    return broker_file(settings.broker_url)


def check_broker(settings: Settings) -> None:
    """Raises SettingsError where the embedded broker's file is to be read and is not there."""
    if settings.is_embedded and not broker_path(settings).exists():
        raise SettingsError(
            f"setting 'broker': there is no broker file {broker_path(settings)}; `dripcode run` makes it"
        )


def open_store(settings: Settings) -> Store:
    """The embedded broker's file with every topic in it, made when it is not there."""
    path = broker_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    store = Store.open(path)
    for topic in wanted_topics(settings):
        if topic.retention_ms is None:
            store.create_topic(topic.name, settings.partitions, compacted=True)
        else:
            store.create_topic(topic.name, settings.partitions, retention_ms=topic.retention_ms)
    return store


async def provision_kafka(settings: Settings, patience: float = 60.0) -> list[str]:
    """Make every topic that is not there on Kafka, waiting up to `patience` seconds for a broker; their names.

    Where all are there already nothing but their description is asked for, so that a user who may not make topics will
    do. Raises SettingsError when one has another number of partitions, or could not be made.
    """
    async with _admin(settings, patience) as admin:
        wanted = wanted_topics(settings)
        missing = await _missing(admin, wanted, settings)
        if missing:
            await _create(admin, missing, settings)
            await _missing(admin, wanted, settings)  # somebody else may have made one otherwise meanwhile
        return [topic.name for topic in missing]


async def differences(settings: Settings) -> list[str]:
    """Where topics on Kafka are set otherwise than topics.toml says, one sentence each."""
    found = []
    async with _admin(settings, patience=10.0) as admin:
        for topic in wanted_topics(settings):
            there = await _configuration(admin, topic.name)
            for name, value in topic.configuration(settings.replication).items():
                if there.get(name) != value:
                    found.append(f"{topic.name}: {name} is {there.get(name)}, topics.toml says {value}")
    return found


@asynccontextmanager
async def _admin(settings: Settings, patience: float) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_options(settings))
    until = time.monotonic() + patience
    while True:
        try:
            await admin.start()
            break
        except KafkaError as wrong:
            await admin.close()
            if time.monotonic() > until:
                raise no_answer(settings, wrong) from None
            await asyncio.sleep(0.5)
            admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        yield admin
    finally:
        await admin.close()


async def _missing(admin: AIOKafkaAdminClient, wanted: Sequence[WantedTopic], settings: Settings) -> list[WantedTopic]:
    """Those that are not there. Raises SettingsError when one that is has another number of partitions."""
    described = await admin.describe_topics([topic.name for topic in wanted])
    there = {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}
    for name, partitions in there.items():
        if partitions not in (0, settings.partitions):
            raise SettingsError(
                f"topic {name} has {partitions} partitions, setting 'partitions' says "
                f"{settings.partitions}: they cannot change in place, set the number that is there"
            )
    return [topic for topic in wanted if topic.name not in there]


async def _create(admin: AIOKafkaAdminClient, missing: Sequence[WantedTopic], settings: Settings) -> None:
    new = [
        NewTopic(
            topic.name,
            settings.partitions,
            settings.replication,
            topic_configs=dict(topic.configuration(settings.replication)),
        )
        for topic in missing
    ]
    answer = await admin.create_topics(new)
    for name, code, *_ in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise SettingsError(f"topic {name} could not be made: {for_code(code).__name__}")


async def _configuration(admin: AIOKafkaAdminClient, name: str) -> dict[str, Any]:
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    return {entry[0]: entry[1] for answer in answers for _, _, _, _, entries in answer.resources for entry in entries}
