"""The inbox between our consumers and an agent."""

import asyncio
from collections.abc import Awaitable, Callable

from faust.types import TP

from streams.intake import Delivered, Inbox

INBOUND = TP("hl7.inbound", 0)


def delivered(*offsets: int) -> list[Delivered]:
    return [Delivered(*INBOUND, offset, 0.0, (), b"k", b"v", INBOUND, 1) for offset in offsets]


def play(scene: Callable[[Inbox, list[str]], Awaitable[None]], size: int = 4) -> None:
    async def run() -> None:
        told: list[str] = []
        await scene(Inbox(size, lambda: told.append("room")), told)

    asyncio.run(run())


def test_messages_are_taken_in_order_and_no_more_than_asked_for() -> None:
    async def scene(inbox: Inbox, _: list[str]) -> None:
        inbox.put(delivered(1, 2, 3))
        assert [m.offset for m in await inbox.take(2)] == [1, 2]
        assert [m.offset for m in await inbox.take(2)] == [3]

    play(scene)


def test_an_empty_inbox_waits_for_what_comes() -> None:
    async def scene(inbox: Inbox, _: list[str]) -> None:
        taking = asyncio.create_task(inbox.take(5))
        await asyncio.sleep(0.01)
        assert not taking.done()
        inbox.put(delivered(7))
        assert [m.offset for m in await taking] == [7]

    play(scene)


def test_a_full_inbox_tells_when_there_is_room_again_once() -> None:
    async def scene(inbox: Inbox, told: list[str]) -> None:
        inbox.put(delivered(1, 2, 3, 4, 5))
        assert inbox.is_full
        await inbox.take(1)
        assert inbox.is_full
        assert told == []
        await inbox.take(1)
        await inbox.take(1)
        assert not inbox.is_full
        assert told == ["room"]

    play(scene)


def test_what_was_cleared_is_not_taken() -> None:
    async def scene(inbox: Inbox, _: list[str]) -> None:
        inbox.put(delivered(1, 2))
        inbox.clear()
        taking = asyncio.create_task(inbox.take(5))
        await asyncio.sleep(0.01)
        assert not taking.done()
        inbox.put(delivered(1))
        assert [m.offset for m in await taking] == [1]

    play(scene)
