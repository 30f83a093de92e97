"""What waits to be stored: in turn, within the room, and none forgotten when somebody gives up."""

import asyncio
from pathlib import Path

import pytest

from streams.append_queue import AppendQueue, Fate, Room
from streams.embedded.records import Record
from streams.metrics import ListenerMetrics
from tests.streams.gateway import FullDisk, Gated, Picky, gateway, message, msa, settings_in


def record(value: bytes = b"x") -> Record:
    return Record("topic", b"key", value)


async def taking(room: Room, size: int, taken: list[int]) -> None:
    await room.take(size)
    taken.append(size)


def test_room_is_given_in_turn() -> None:
    async def run() -> None:
        room, taken = Room(10), list[int]()
        tasks = [asyncio.create_task(taking(room, size, taken)) for size in (6, 5, 3, 2)]
        await asyncio.sleep(0)
        assert taken == [6]  # 3 would fit, and is behind 5
        room.give_back(6)
        await asyncio.gather(*tasks)
        assert taken == [6, 5, 3, 2]
        assert room.used == 10

    asyncio.run(run())


def test_what_is_larger_than_the_room_waits_until_it_is_empty() -> None:
    async def run() -> None:
        room, taken = Room(10), list[int]()
        await room.take(1)
        task = asyncio.create_task(taking(room, 50, taken))
        await asyncio.sleep(0)
        assert taken == []
        room.give_back(1)
        await task
        assert room.used == 50
        room.give_back(50)
        assert room.used == 0

    asyncio.run(run())


@pytest.mark.parametrize("when", ["waiting", "just let in"])
def test_who_gives_up_waiting_holds_no_room(when: str) -> None:
    async def run() -> None:
        room, taken = Room(10), list[int]()
        await room.take(10)
        gone = asyncio.create_task(taking(room, 10, taken))
        next_one = asyncio.create_task(taking(room, 4, taken))
        await asyncio.sleep(0)
        if when == "just let in":
            room.give_back(10)
            gone.cancel()
        else:
            gone.cancel()
            await asyncio.sleep(0)
            room.give_back(10)
        await asyncio.gather(gone, next_one, return_exceptions=True)
        assert taken == [4]
        assert room.used == 4

    asyncio.run(run())


def test_fates_come_in_the_order_of_the_records() -> None:
    async def run() -> list[Fate]:
        queue = AppendQueue(Picky(), ListenerMetrics(), 1000, 5.0)
        queue.start()
        try:
            return await queue.store([record(), record(b"BIG"), record()])
        finally:
            await queue.stop()

    assert asyncio.run(run()) == [Fate.STORED, Fate.TOO_LARGE, Fate.STORED]


def test_what_nobody_waits_for_any_more_is_not_stored() -> None:
    async def run() -> None:
        broker = Gated()
        queue = AppendQueue(broker, ListenerMetrics(), 1000, 0.1)
        queue.start()
        first = asyncio.create_task(queue.store([record(b"first")]))
        await asyncio.sleep(0.02)
        assert await queue.store([record(b"second")]) == [Fate.NOT_STORED]
        assert await first == [Fate.NOT_STORED]
        broker.gate.set()
        assert await queue.store([record(b"third")]) == [Fate.STORED]
        assert [r.value for r in broker.taken] == [b"first", b"third"]
        await queue.stop()

    asyncio.run(run())


def test_trouble_says_why_until_something_is_stored() -> None:
    async def run() -> None:
        disk = FullDisk()
        queue = AppendQueue(disk, ListenerMetrics(), 1000, 5.0)
        queue.start()
        assert await queue.store([record()]) == [Fate.NOT_STORED]
        assert queue.trouble == "OSError: disk full"
        disk.has_room = True
        assert await queue.store([record()]) == [Fate.STORED]
        assert queue.trouble == ""
        await queue.stop()

    asyncio.run(run())


def test_a_batch_of_more_messages_than_one_append_takes_is_stored_whole(tmp_path: Path) -> None:
    async def run() -> None:
        batch = b"BHS|^~\\&|MAR\r" + b"".join(message(number) for number in range(450)) + b"BTS|450\r"
        async with gateway(settings_in(tmp_path)) as running, running.peer() as peer:
            answer = await peer.tell(batch)
            assert answer.count(b"\rMSA|AA|C") == 450
            assert msa(answer) == b"AA|C0"
            assert len(running.stored()) == 450

    asyncio.run(run())
