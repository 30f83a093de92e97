"""A Redis server that keeps nothing on disk."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from types import TracebackType
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers.certificates import Authority
from tests.servers.ports import free_port
from tests.servers.process import ServerProcess

_SHIPPED = Path(__file__).parents[2] / "deploy/redis"


class RedisServer:
    """A server of its own port and folder; what it held is gone after `stop` and `kill`."""

    def __init__(self, folder: Path, *options: str) -> None:
        """
        Args:
            folder: where its log (`redis.log`) goes; it must exist.
            options: more of redis-server's own, such as `--maxmemory`, `10mb`.
        """
        self.port = free_port()
        self._process = ServerProcess("Redis", self._command(folder, options), folder / "redis.log")

    @property
    def url(self) -> str:
        """The address as the setting `redis` takes it."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs, else None."""
        return self._process.pid

    def start(self) -> None:
        """Start, and return when it answers a ping."""
        self._process.start(self._answers)

    def stop(self) -> None:
        """Stop in order (SIGTERM)."""
        self._process.stop()

    def kill(self) -> None:
        """Stop as a crash would (SIGKILL)."""
        self._process.kill()

    def restart(self) -> None:
        """Stop in order if it runs, and start again on the same port, empty."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _command(self, folder: Path, options: Sequence[str]) -> list[str]:
        fixed = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        return ["redis-server", *fixed, "--dir", str(folder), *options]

    def _answers(self) -> bool:
        at_once = Retry(NoBackoff(), retries=0)
        with redis.Redis(port=self.port, socket_timeout=2, retry=at_once) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False


class TlsRedisServer(RedisServer):
    """A server as deploy/redis/redis.conf says: TLS alone, and one user of its ACL file."""

    def __init__(self, folder: Path, authority: Authority, password: str) -> None:
        self.authority = authority
        self._password = password
        super().__init__(folder)

    @property
    def url(self) -> str:
        return f"rediss://dripcode@127.0.0.1:{self.port}/0"

    def _command(self, folder: Path, options: Sequence[str]) -> list[str]:
        identity = self.authority.issue("redis", ["127.0.0.1"])
        digest = hashlib.sha256(self._password.encode()).hexdigest()
        users = folder / "redis.acl"
        users.write_text((_SHIPPED / "redis.acl.example").read_text().replace("SHA256-OF-THE-PASSWORD", digest))
        here = {
            "--tls-port": str(self.port),
            "--tls-cert-file": identity.certificate,
            "--tls-key-file": identity.key,
            "--tls-ca-cert-file": self.authority.file,
            "--aclfile": str(users),
            "--bind": "127.0.0.1",
            "--dir": str(folder),
        }
        return [
            "redis-server",
            str(_SHIPPED / "redis.conf"),
            *(word for pair in here.items() for word in pair),
            *options,
        ]

    def _answers(self) -> bool:
        """Whether it asks who is there: only its user may ping."""
        at_once = Retry(NoBackoff(), retries=0)
        client = redis.Redis(
            "127.0.0.1", self.port, ssl=True, ssl_ca_certs=self.authority.file, socket_timeout=2, retry=at_once
        )
        with client:
            try:
                return bool(client.ping())
            except redis.AuthenticationError:
                return True
            except redis.ConnectionError:
                return False


def missing_for_redis() -> str | None:
    """Return what this machine lacks for a Redis server, or None when it has it all."""
    return None if which("redis-server") else "no redis-server"
