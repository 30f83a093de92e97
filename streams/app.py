"""The Faust app made from settings: its topics, tables, agents and timers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust
from yarl import URL

from streams.agents import Desk, install_agents
from streams.apply import Applier
from streams.claims import Issuer
from streams.kafka_access import check_access, kafka_hosts, kafka_password, tls_context
from streams.settings import Settings
from streams.shelf import Shelf
from streams.shelved_facts import LAYOUT, FactShelf
from streams.site import Coder, rules_of
from streams.tables import BatchTable
from streams.topics import CLAIM_SETS_TABLE, FACTS_TABLE, Topics, app_id, topics_of
from streams.worker_metrics import WorkerMetrics
from streams.writing import BatchWriter, EmbeddedWriter, KafkaWriter, nothing

log = logging.getLogger("dripcode.app")


@dataclass(frozen=True, slots=True)
class Worker:
    """The app and what a command, a test or a page may ask of it."""

    app: faust.App
    topics: Topics
    desk: Desk
    metrics: WorkerMetrics


def make_app(settings: Settings) -> faust.App:
    """The bare Faust app, with what of Faust's own is not ours switched off."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return faust.App(
        app_id(settings),
        broker=_faust_broker(settings),
        broker_credentials=_credentials(settings),
        datadir=Path(settings.data_dir) / "faust",
        store="memory://",
        # A copy of each table on a second worker would double the reading, and save the few seconds that another one
        # needs to read the changelog after the half minute in which a silent worker keeps its partitions.
        table_standby_replicas=0,
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication,
        topic_allow_declare=False,  # we make our topics ourselves, with what they need (streams/provision.py)
        topic_disable_leader=True,
        web_enabled=False,  # it would serve table contents
        key_serializer="raw",
        value_serializer="raw",
        stream_wait_empty=False,  # hangs a shutdown; what is not acknowledged is read again
        stream_buffer_maxsize=65536,  # recovery is three times as fast as with 4096
        TableManager="streams.faust_private:TableManager" if _is_own(settings) else "faust.tables:TableManager",
        broker_commit_interval=0.5,
        broker_max_poll_records=2000,
        broker_session_timeout=settings.kafka_session.total_seconds(),
        producer_acks=-1,
        producer_linger=0,
        producer_max_batch_size=1024 * 1024,  # a partition's share of a batch goes in one, not 16 KB at a time
        producer_max_request_size=16 * 1024 * 1024,
        consumer_max_fetch_size=16 * 1024 * 1024,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance or None,
    )


def make_worker(settings: Settings, coder: Coder) -> Worker:
    """Everything wired; nothing runs until Faust starts the app."""
    app = make_app(settings)
    topics = topics_of(settings)
    metrics = WorkerMetrics()
    applier = Applier(topics, rules_of(settings))
    issuer = Issuer(topics, coder.code_beside)
    metrics.watch(applier, issuer)
    shelved = FactShelf(applier, _shelf(settings)) if settings.store == "rocksdb" else None
    _add_table(app, FACTS_TABLE, settings, keeper=applier, on_ready=applier.index_due, shelved=shelved)
    _add_table(app, CLAIM_SETS_TABLE, settings, keeper=issuer)
    writer: BatchWriter = (
        EmbeddedWriter(app) if settings.is_embedded else KafkaWriter(app, topics.compacted(), settings.partitions)
    )
    after = shelved.after if shelved else lambda _: nothing
    desk = Desk(topics, applier, issuer, writer, metrics, after)
    install_agents(app, desk, settings)
    return Worker(app, topics, desk, metrics)


def _shelf(settings: Settings) -> Shelf:
    """The worker's local state; several workers on a machine have a data_dir or at least an instance of their own."""
    place = settings.data_dir / "state" / (settings.instance or "worker")
    return Shelf(place, f"{LAYOUT} {settings.broker_url} {app_id(settings)} {settings.partitions}")


def _add_table(app: faust.App, name: str, settings: Settings, **kept: Any) -> None:
    table = BatchTable(
        app,
        name=name,
        key_type=bytes,
        value_type=bytes,
        partitions=settings.partitions,
        **kept,
    )
    app.tables.add(table)


def _faust_broker(settings: Settings) -> Sequence[URL]:
    """Faust wants one URL per Kafka host."""
    if settings.is_embedded:
        return [URL(settings.broker_url)]
    transport = "dripkafka" if _is_own(settings) else "kafka"
    return [URL(f"{transport}://{host}") for host in kafka_hosts(settings)]


def _credentials(settings: Settings) -> faust.auth.Credentials | None:
    """What Faust's clients come in with. Raises SettingsError."""
    check_access(settings)
    if settings.kafka_security == "plaintext":
        return None
    context = tls_context(settings)
    if settings.kafka_security == "ssl":
        return faust.SSLCredentials(context)
    return faust.SASLCredentials(
        username=settings.kafka_user,
        password=kafka_password(settings),
        ssl_context=context,
        mechanism=settings.kafka_sasl_mechanism,
    )


def _is_own(settings: Settings) -> bool:
    """Whether the consumer is one of ours."""
    return settings.is_embedded or settings.kafka_transport == "own"
