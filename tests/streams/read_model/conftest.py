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
from streams.read_model.redis_shelf import RedisShelf
from streams.read_model.shelf import Shelf
from streams.read_model.sqlite_shelf import SqliteShelf
from tests.servers.redis import RedisServer
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


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def make_shelf(request: pytest.FixtureRequest, tmp_path: Path, topic_prefix: str) -> Iterator[MakeShelf]:
    """Opens the same empty shelf, as often as it is called: each a process's own connection."""
    if request.param == "sqlite":
        yield lambda: SqliteShelf(tmp_path / "pages.db")
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
