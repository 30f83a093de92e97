"""Both stores of the read model behind one fixture, and a coded day to project."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import cast

import pytest

from streams.demo.hospital_day import hospital_day
from streams.read_model.opening import open_shelf
from streams.read_model.redis_shelf import RedisShelf
from streams.read_model.shelf import Shelf
from streams.read_model.sqlite_shelf import SqliteShelf
from streams.settings import load_settings
from tests.servers.certificates import Authority
from tests.servers.redis import RedisServer, TlsRedisServer
from tests.streams.brokers import Broker, EmbeddedBroker
from tests.streams.play import Play

MakeShelf = Callable[[], Shelf]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run the tests of this folder that are coroutines, each on a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.function):
        return None
    names = inspect.signature(pyfuncitem.function).parameters
    asyncio.run(pyfuncitem.function(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


PASSWORD = "synthetic-secret"


@pytest.fixture(scope="package")
def tls_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsRedisServer]:
    """Redis as it ships: TLS and an ACL user that may do what the read model needs, and no more."""
    folder = tmp_path_factory.mktemp("tls-redis")
    with TlsRedisServer(folder, Authority(folder), PASSWORD) as server:
        yield server


def way_in(server: TlsRedisServer, folder: Path, topic_prefix: str) -> dict[str, str]:
    """The settings that come in to it."""
    password = folder / "redis.password"
    password.write_text(f"{PASSWORD}\n")
    return {
        "DRIPCODE_REDIS": server.url,
        "DRIPCODE_REDIS_CA": server.authority.file,
        "DRIPCODE_REDIS_PASSWORD_FILE": str(password),
        "DRIPCODE_TOPIC_PREFIX": topic_prefix,
    }


_SERVED = [pytest.param(name, marks=pytest.mark.redis) for name in ("redis", "redis, TLS and ACL")]


@pytest.fixture(params=["sqlite", *_SERVED])
def make_shelf(request: pytest.FixtureRequest, tmp_path: Path, topic_prefix: str) -> Iterator[MakeShelf]:
    """Opens the same empty shelf, as often as it is called: each a process's own connection."""
    if request.param == "sqlite":
        yield lambda: SqliteShelf(tmp_path / "pages.db")
    elif request.param == "redis, TLS and ACL":
        environment = way_in(request.getfixturevalue("tls_redis"), tmp_path, topic_prefix)
        settings = load_settings(environment=environment)[0]
        yield lambda: open_shelf(settings)
    else:
        server = cast(RedisServer, request.getfixturevalue("redis_server"))
        yield lambda: RedisShelf.connect(server.url, topic_prefix)


GARBAGE = b"not HL7 at all"


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Broker:
    """A broker with a synthetic day on it that a real worker has coded; nothing runs on it any more."""
    made = EmbeddedBroker(tmp_path_factory.mktemp("day"))
    day = [message.text for message in hospital_day(3, 20, date(2026, 3, 2))]
    Play(made, [*day, GARBAGE]).run()
    return made
