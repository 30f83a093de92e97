"""What the faults of one run break, made when a fault asks for it: a Kafka behind a proxy, Redis, a small disk."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.faults.disk import SmallDisk
from tests.faults.proxy import Proxy
from tests.servers.kafka import KafkaServer
from tests.servers.redis import RedisServer


@dataclass
class ProxiedKafka:
    """A broker that sends its clients to the proxy's port; `server.direct_address` goes past it."""

    proxy: Proxy
    server: KafkaServer


class KafkaLot:
    """One Kafka for some runs in a row, then a new one: with each run's topics a restart takes longer."""

    def __init__(self, folder: Path, runs: int = 8) -> None:
        self._folder = folder
        self._runs = runs
        self._used = 0
        self._made = 0
        self._open = ExitStack()
        self._kafka: ProxiedKafka | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    def one(self) -> ProxiedKafka:
        """A running broker for one more run."""
        if self._kafka is None or self._used >= self._runs or self._kafka.server.pid is None:
            self._open.close()
            self._made += 1
            self._used = 0
            folder = self._folder / f"kafka-{self._made}"
            folder.mkdir()
            proxy = self._open.enter_context(Proxy())
            server = self._open.enter_context(KafkaServer(folder, advertised_port=proxy.port))
            proxy.target = server.port
            self._kafka = ProxiedKafka(proxy, server)
        self._used += 1
        return self._kafka


@dataclass
class Field:
    """Of one run. As a context manager it ends what was made."""

    folder: Path
    kafkas: KafkaLot
    _open: ExitStack = field(default_factory=ExitStack)
    _kafka: ProxiedKafka | None = None
    _disk: SmallDisk | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    def kafka(self) -> ProxiedKafka:
        """The run's broker."""
        if self._kafka is None:
            self._kafka = self.kafkas.one()
        return self._kafka

    def redis(self) -> RedisServer:
        return self._open.enter_context(RedisServer(self.folder))

    def proxy(self) -> Proxy:
        return self._open.enter_context(Proxy())

    @property
    def data(self) -> Path:
        """The run's data_dir; on the small disk when there is one."""
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        return data

    def disk(self) -> SmallDisk:
        """A small disk in place of data_dir's; asked for before anything is in it."""
        if self._disk is None:
            self._disk = self._open.enter_context(SmallDisk(self.data))
        return self._disk
