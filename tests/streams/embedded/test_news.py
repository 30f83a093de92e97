"""A reader hears at once of what its process appends, and soon of what another one does."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.embedded import Store
from streams.embedded.news import News
from tests.waiting import PATIENCE

from .processes import output_of, python


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "broker.db") as store:
        store.create_topic("inbound", 1)
        yield store


def test_an_append_of_this_process_ends_the_wait_without_a_poll(store: Store) -> None:
    async def scenario() -> None:
        news = News(store, poll_seconds=3600)
        try:
            asyncio.get_running_loop().call_later(0.02, store.append, "inbound", b"k", b"v")
            await asyncio.wait_for(news.wait(), PATIENCE)
            news.begin_look()
            assert not news.others_have_written()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(news.wait(), 0.05)
        finally:
            news.close()

    asyncio.run(scenario())


def test_an_append_of_another_thread_ends_the_wait_too(store: Store) -> None:
    def append() -> None:
        with Store.open(store.path) as listener:
            listener.append("inbound", b"k", b"v")

    async def scenario() -> None:
        news = News(store, poll_seconds=3600)
        try:
            thread = threading.Thread(target=append)
            asyncio.get_running_loop().call_later(0.02, thread.start)
            await asyncio.wait_for(news.wait(), PATIENCE)
            assert news.others_have_written()
            assert not news.others_have_written(), "told once"
            thread.join()
        finally:
            news.close()

    asyncio.run(scenario())


def test_an_append_of_another_process_is_found(store: Store) -> None:
    script = "import sys; from streams.embedded import Store; Store.open(sys.argv[1]).append('inbound', b'k', b'v')"

    async def scenario() -> None:
        news = News(store, poll_seconds=0.005)
        try:
            writer = python(script, store.path)
            await asyncio.wait_for(news.wait(), PATIENCE)
            assert news.others_have_written()
            output_of(writer)
        finally:
            news.close()

    asyncio.run(scenario())
    assert store.highwater("inbound", 0) == 1


def test_nobody_is_called_who_listens_no_more(store: Store) -> None:
    async def scenario() -> None:
        News(store, poll_seconds=3600).close()

    asyncio.run(scenario())
    store.append("inbound", b"k", b"v")  # the loop that listened is closed
