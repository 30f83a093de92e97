"""One suite for both stores."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from streams.read_model.redis_shelf import RedisShelf
from streams.read_model.shelf import MINUTES_KEPT, Changes, Overtaken, ReadModelAway, Shelf
from streams.read_model.sqlite_shelf import SqliteShelf
from tests.servers.redis import RedisServer
from tests.streams.read_model.conftest import MakeShelf


def changes(at: int = 0, to: int = 1, **documents: float) -> Changes:
    """Documents of one kind with their scores, read from `at` to `to` of one partition."""
    made = Changes(positions={("claim.lines", 0): (at, to)})
    for key, score in documents.items():
        made.put("line", key, f'"{key}"'.encode())
        made.rank("line", "recent", key, score)
    return made


async def test_what_is_written_is_read(make_shelf: MakeShelf) -> None:
    shelf = make_shelf()
    await shelf.write(changes(a=1, b=3, c=2))
    assert await shelf.documents("line", ["a", "c", "x"]) == {"a": b'"a"', "c": b'"c"'}
    assert await shelf.ranked("line", "recent", 2) == [("b", 3.0), ("c", 2.0)]
    assert await shelf.ranked("line", "recent", 9, skip=2) == [("a", 1.0)]
    assert await shelf.ranked("line", "recent", 9, window=(1.5, 2.5)) == [("c", 2.0)]
    assert await shelf.size("line", "recent") == 3
    assert await shelf.positions() == {("claim.lines", 0): 1}
    await shelf.close()


async def test_what_is_removed_is_gone(make_shelf: MakeShelf) -> None:
    shelf = make_shelf()
    await shelf.write(changes(a=1, b=2))
    gone = changes(1, 2)
    gone.put("line", "a", None)
    gone.rank("line", "recent", "a", None)
    await shelf.write(gone)
    assert await shelf.documents("line", ["a", "b"]) == {"b": b'"b"'}
    assert await shelf.ranked("line", "recent", 9) == [("b", 2.0)]
    await shelf.close()


async def test_a_writer_that_was_overtaken_writes_nothing(make_shelf: MakeShelf) -> None:
    first, second = make_shelf(), make_shelf()
    await first.write(changes(0, 5, a=1))
    with pytest.raises(Overtaken):
        await second.write(changes(0, 3, b=1))
    assert await second.size("line", "recent") == 1
    await second.write(changes(5, 6, b=1))
    await first.close()
    await second.close()


async def test_of_writers_at_the_same_time_one_wins(make_shelf: MakeShelf) -> None:
    shelves = [make_shelf() for _ in range(4)]

    async def write(shelf: Shelf, name: str) -> bool:
        made = changes(0, 1, **{name: 1})
        made.count("received", "SYN", 1)
        try:
            await shelf.write(made)
        except Overtaken:
            return False
        return True

    won = await asyncio.gather(*(write(shelf, f"w{number}") for number, shelf in enumerate(shelves)))
    assert sum(won) == 1
    assert await shelves[0].counts("received", range(5)) == {("SYN", 1): 1.0}
    for shelf in shelves:
        await shelf.close()


async def test_counts_add_up_by_minute_and_old_minutes_go(make_shelf: MakeShelf) -> None:
    shelf = make_shelf()
    for at, minute in enumerate((100, 100, 101)):
        made = changes(at, at + 1)
        made.count("received", "SYN", minute, 2)
        await shelf.write(made)
    assert await shelf.counts("received", range(90, 110)) == {("SYN", 100): 4.0, ("SYN", 101): 2.0}
    assert await shelf.counts("received", range(101, 103)) == {("SYN", 101): 2.0}
    if isinstance(shelf, SqliteShelf):  # Redis lets them expire by its own clock
        late = changes(3, 4)
        late.count("received", "SYN", 101 + MINUTES_KEPT)
        await shelf.write(late)
        assert ("SYN", 100) not in await shelf.counts("received", range(90, 110))
    await shelf.close()


async def test_trimming_takes_the_lowest_out_of_every_index(make_shelf: MakeShelf) -> None:
    shelf = make_shelf()
    made = changes(a=1, b=2, c=3)
    made.rank("line", "code:96365", "a", 7)
    await shelf.write(made)
    assert await shelf.trim("line", "recent", 2) == 1
    assert await shelf.trim("line", "recent", 2) == 0
    assert await shelf.documents("line", ["a", "b", "c"]) == {"b": b'"b"', "c": b'"c"'}
    assert await shelf.size("line", "code:96365") == 0
    await shelf.close()


async def test_a_notice_comes_down_by_itself(make_shelf: MakeShelf) -> None:
    shelf = make_shelf()
    await shelf.notice("worker:1", b"{}", 60)
    await shelf.notice("worker:2", b"{}", 0.05)
    await asyncio.sleep(0.1)
    assert await shelf.notices() == {"worker:1": b"{}"}
    await shelf.close()


async def test_clearing_forgets_everything_but_notices(make_shelf: MakeShelf) -> None:
    shelf = make_shelf()
    made = changes(a=1)
    made.count("received", "SYN", 1)
    await shelf.write(made)
    await shelf.notice("worker:1", b"{}", 60)
    await shelf.clear()
    assert await shelf.positions() == {}
    assert await shelf.documents("line", ["a"]) == {}
    assert await shelf.size("line", "recent") == 0
    assert await shelf.counts("received", range(5)) == {}
    assert await shelf.notices() == {"worker:1": b"{}"}
    await shelf.close()


def test_the_file_is_its_owners_only(tmp_path: Path) -> None:
    SqliteShelf(tmp_path / "pages.db")
    assert stat.S_IMODE((tmp_path / "pages.db").stat().st_mode) == 0o600


@pytest.mark.redis
async def test_redis_away_is_said_without_its_address(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        shelf = RedisShelf.connect(server.url, "")
        await shelf.write(changes(a=1))
        server.kill()
        with pytest.raises(ReadModelAway, match=r"^Redis does not answer \(\w+\)$"):
            await shelf.write(changes(1, 2, b=1))
        server.start()
        assert await shelf.positions() == {}
        await shelf.write(changes(0, 2, b=1))
        await shelf.close()
