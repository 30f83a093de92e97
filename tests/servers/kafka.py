"""A one-node Apache Kafka broker (KRaft), in one JVM."""

import asyncio
import os
import re
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import which
from types import TracebackType
from typing import Any, Self, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from tests.servers.certificates import Authority
from tests.servers.ports import free_ports
from tests.servers.process import ServerFailed, ServerProcess

CHECKOUT = Path(__file__).resolve().parents[2]
# Where the broker's jars are; deploy/fetch_jars.sh fills the checkout's cache.
LIBS = Path(os.environ.get("DRIPCODE_KAFKA_LIBS") or CHECKOUT / ".cache/kafka/libs")
JAVA_MAJOR_MIN = 17
Result = TypeVar("Result")
JVM_OPTIONS = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC")


class KafkaServer:
    """A broker of its own ports, folder and JVM.

    Ports and data outlive `stop` and `kill`: `start` after them is a restart. As a context manager it starts and stops.
    """

    def __init__(
        self,
        folder: Path,
        *,
        advertised_port: int | None = None,
        settings: Mapping[str, str] | None = None,
        users: Mapping[str, str] | None = None,
    ) -> None:
        """
        Args:
            folder: where data, settings and log (`kafka.log`) go; it must exist.
            advertised_port: the port that clients are sent to when it is not the broker's own, such as a proxy's.
            settings: broker settings that differ from those below.
            users: passwords of SCRAM users, by name; `secured` gives the settings that ask for one.
        """
        self.folder = folder
        self.port, self._direct_port, self._controller_port = free_ports(3)
        self._advertised_port = advertised_port or self.port
        self._users = dict(users or {})
        self._settings = folder / "server.properties"
        self._settings.write_text(self._properties(settings or {}))
        self._process = ServerProcess("Kafka", [*_java(), "kafka.Kafka", str(self._settings)], folder / "kafka.log")

    @property
    def address(self) -> str:
        """`HOST:PORT`, as aiokafka takes it."""
        return f"127.0.0.1:{self._advertised_port}"

    @property
    def broker(self) -> str:
        """The address as the setting `broker` takes it."""
        return f"kafka://{self.address}"

    @property
    def direct_address(self) -> str:
        """Where the broker is its own advertised address, whatever stands between it and its clients."""
        return f"127.0.0.1:{self._direct_port}"

    @property
    def pid(self) -> int | None:
        """The JVM's process id while it runs, else None."""
        return self._process.pid

    def start(self) -> None:
        """Format the data folder if that was not done, start, and return when the broker answers."""
        if not (self.folder / "data").exists():
            self._format()
        self._process.start(self._answers)

    def stop(self) -> None:
        """Stop in order (SIGTERM)."""
        self._process.stop()

    def kill(self) -> None:
        """Stop as a crash would (SIGKILL)."""
        self._process.kill()

    def restart(self) -> None:
        """Stop in order if it runs, and start again on the same ports and data."""
        self.stop()
        self.start()

    def create_topics(self, names: Iterable[str], partitions: int = 1, **settings: str) -> None:
        """Create topics, each with so many partitions; settings are the topic's, with `_` for `.` (cleanup_policy=…).

        Raises:
            KafkaError: one of them exists, or its name or a setting is not valid.
        """
        configuration = {name.replace("_", "."): value for name, value in settings.items()}
        _run(_create_topics(self.direct_address, list(names), partitions, configuration))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _answers(self) -> bool:
        return _run(_has_broker(self.direct_address))

    def _format(self) -> None:
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # One word, since one id in 64 begins with a hyphen.
        command = [*_java(), "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(self._settings)]
        for name, password in self._users.items():
            command += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode != 0:
            raise ServerFailed(f"Kafka's data folder could not be formatted\n{done.stdout}{done.stderr}")

    def _properties(self, overrides: Mapping[str, str]) -> str:
        controller = f"127.0.0.1:{self._controller_port}"
        values = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"CLIENTS://127.0.0.1:{self.port},DIRECT://{self.direct_address},CONTROLLER://{controller}",
            "advertised.listeners": f"CLIENTS://{self.address},DIRECT://{self.direct_address}",
            "inter.broker.listener.name": "DIRECT",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CLIENTS:PLAINTEXT,DIRECT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self.folder / "data"),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            # One node: nothing to replicate to. Few partitions: each costs files and time at every start.
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            # After a crash the broker waits until its former self is taken for dead (9 s as it comes).
            "broker.session.timeout.ms": "4000",
            "broker.heartbeat.interval.ms": "500",
            # The stock 128 MB is a quarter of this heap.
            "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
            **overrides,
        }
        return "".join(f"{name}={value}\n" for name, value in values.items())


def secured(authority: Authority, *, asks_certificate: bool = False) -> dict[str, str]:
    """Settings of a broker whose clients come by TLS and SCRAM, or by TLS with a certificate of the same authority."""
    identity = authority.issue("broker", ["127.0.0.1", "localhost"])
    keystore = Path(identity.certificate).with_name("broker.pem")
    keystore.write_text(Path(identity.key).read_text() + Path(identity.certificate).read_text())
    protocol = "SSL" if asks_certificate else "SASL_SSL"
    of_clients = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keystore),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": authority.file,
        "ssl.client.auth": "required" if asks_certificate else "none",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    }
    return {
        "listener.security.protocol.map": f"CLIENTS:{protocol},DIRECT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        **{f"listener.name.clients.{name}": value for name, value in of_clients.items()},
    }


def missing_for_kafka() -> str | None:
    """Return what this machine lacks for a broker, or None when it has it all."""
    lacking = [] if any(LIBS.glob("kafka_*.jar")) else [f"no Kafka jars in {LIBS}"]
    if _java_major() < JAVA_MAJOR_MIN:
        lacking.append(f"no Java {JAVA_MAJOR_MIN} or newer under JAVA_HOME or on the PATH")
    return ", ".join(lacking) or None


def _java_major() -> int:
    """Return the major version of the java that would be run, 0 when there is none."""
    java = which(_java_command())
    if java is None:
        return 0
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', shown)
    return int(found[1]) if found else 0


def _java_command() -> str:
    home = os.environ.get("JAVA_HOME")
    return str(Path(home, "bin/java")) if home else "java"


def _java() -> list[str]:
    log_settings = CHECKOUT / "deploy/kafka/log4j2.xml"
    return [_java_command(), *JVM_OPTIONS, f"-Dlog4j2.configurationFile={log_settings}", "-cp", f"{LIBS}/*"]


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end in a thread: the caller may have an event loop of its own (which waits meanwhile)."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _has_broker(address: str) -> bool:
    """Return whether the broker takes requests; it does so only once the controller has let it in."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=2000)
    try:
        await admin.start()
        return bool((await admin.describe_cluster())["brokers"])
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()


async def _create_topics(address: str, names: list[str], partitions: int, configuration: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        wanted = [NewTopic(name, partitions, 1, topic_configs=configuration) for name in names]
        for name, code, text in (await admin.create_topics(wanted)).topic_errors:
            if code:
                raise for_code(code)(f"topic {name}: {text}")
    finally:
        await admin.close()
