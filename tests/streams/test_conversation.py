"""What a connection withstands: pieces, noise, cuts, silence, senders that do not read, brokers that are slow."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from streams.demo.stage import free_port
from streams.mllp import frame
from tests.streams.gateway import FullDisk, Gated, Gateway, Peer, gateway, message, msa, settings_in
from tests.waiting import PATIENCE, wait_beside

TEN = [message(number) for number in range(10)]
CODES = [b"AA|C%d" % number for number in range(10)]
Talk = Callable[[Gateway, Peer], Awaitable[None]]


def with_peer(folder: Path, talk: Talk, **settings: object) -> None:
    """Let `talk` use one connection to a listener with these settings."""

    async def run() -> None:
        async with (
            gateway(settings_in(folder, **settings)) as running,
            running.peer() as peer,
            asyncio.timeout(PATIENCE),
        ):
            await talk(running, peer)

    asyncio.run(run())


def test_messages_in_one_packet_are_answered_in_order(tmp_path: Path) -> None:
    async def talk(running: Gateway, peer: Peer) -> None:
        peer.write(b"".join(map(frame, TEN)))
        assert [msa(await peer.answer()) for _ in TEN] == CODES
        assert running.stored() == TEN

    with_peer(tmp_path, talk)


def test_a_message_that_comes_byte_by_byte_is_one(tmp_path: Path) -> None:
    async def talk(running: Gateway, peer: Peer) -> None:
        peer.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in frame(TEN[0]):
            peer.write(bytes([byte]))
            await peer.writer.drain()
            await asyncio.sleep(0)
        assert msa(await peer.answer()) == CODES[0]
        assert running.stored() == TEN[:1]

    with_peer(tmp_path, talk)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\xffgarbage\r\n" + frame(TEN[0]),
        frame(TEN[0]).removeprefix(b"\x0b"),
        frame(TEN[0]).removesuffix(b"\r"),
        b"\x1c\r\x1c\r\r\n\x00" + frame(TEN[0]),
        b"\x0b" + frame(TEN[0]),
        frame(TEN[1])[:-40] + frame(TEN[0]),
    ],
    ids=["garbage before", "no start", "no last CR", "ends before", "two starts", "cut and sent again"],
)
def test_sloppy_framing_costs_neither_the_message_nor_the_connection(tmp_path: Path, sent: bytes) -> None:
    async def talk(running: Gateway, peer: Peer) -> None:
        peer.write(sent)
        assert msa(await peer.answer()) == CODES[0]
        assert msa(await peer.tell(TEN[2])) == CODES[2]
        assert running.stored() == [TEN[0], TEN[2]]

    with_peer(tmp_path, talk)


def test_a_connection_that_is_reset_in_the_middle_leaves_nothing_half(tmp_path: Path) -> None:
    async def talk(running: Gateway, peer: Peer) -> None:
        await peer.tell(TEN[0])
        peer.write(frame(TEN[1]) + frame(TEN[2])[:-30])
        await peer.writer.drain()
        await wait_beside(lambda: len(running.stored()) == 2, "both are stored")
        connection = peer.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
        peer.writer.transport.abort()
        await wait_beside(lambda: running.count("connections") == 0, "the connection is let go")
        assert running.stored() == TEN[:2]
        async with running.peer() as again:
            assert msa(await again.tell(TEN[2])) == CODES[2]

    with_peer(tmp_path, talk)


def test_a_message_cut_by_the_end_of_the_connection_is_counted(tmp_path: Path) -> None:
    async def talk(running: Gateway, peer: Peer) -> None:
        peer.write(frame(TEN[0]) + frame(TEN[1])[:-30])
        peer.writer.write_eof()
        assert msa(await peer.answer()) == CODES[0]
        assert await peer.is_closed()
        await wait_beside(lambda: running.count("refused_total", reason="cut") == 1, "the cut is counted")
        assert running.stored() == TEN[:1]

    with_peer(tmp_path, talk)


@pytest.mark.parametrize(("verdict", "code"), [("reject", b"AR|C1|TOO_LONG"), ("error", b"AE|C1|TOO_LONG")])
def test_a_message_over_the_limit_is_refused_by_name_and_the_next_is_taken(
    tmp_path: Path, verdict: str, code: bytes
) -> None:
    async def talk(running: Gateway, peer: Peer) -> None:
        peer.write(frame(message(1) + b"NTE|1||" + b"x" * 300_000 + b"\r") + frame(message(2)))
        answer = await peer.answer()
        assert msa(answer) == code
        assert b"|send messages of at most 2000 bytes\r" in answer
        assert msa(await peer.answer()) == b"AA|C2"
        assert running.stored() == [message(2)]
        assert running.count("problems_total", reason="TOO_LONG", verdict=verdict) == 1

    with_peer(tmp_path, talk, mllp_max_message=2000, ack_when_too_long=verdict)


def test_a_message_over_the_limit_ends_the_connection_where_the_site_says_so(tmp_path: Path) -> None:
    async def talk(running: Gateway, peer: Peer) -> None:
        peer.write(b"\x0b" + message(1) + b"x" * 300_000)  # no end needed
        assert await peer.is_closed()
        assert running.stored() == []

    with_peer(tmp_path, talk, mllp_max_message=2000, ack_when_too_long="close")


def test_a_silent_connection_is_closed_and_one_that_speaks_is_not(tmp_path: Path) -> None:
    async def talk(running: Gateway, peer: Peer) -> None:
        async with running.peer() as silent:
            for number in range(5):
                await peer.tell(TEN[number])
                await asyncio.sleep(0.5)
            assert await silent.is_closed()
        assert msa(await peer.tell(TEN[5])) == CODES[5]
        assert running.count("refused_total", reason="idle") == 1

    with_peer(tmp_path, talk, mllp_idle_timeout="2s")


def test_a_message_that_does_not_end_in_time_is_given_up(tmp_path: Path) -> None:
    async def talk(running: Gateway, peer: Peer) -> None:
        peer.write(frame(TEN[0]) + b"\r\n")
        await peer.answer()
        await asyncio.sleep(0.6)  # silence between messages is no trouble
        assert msa(await peer.tell(TEN[1])) == CODES[1]
        ended = asyncio.create_task(peer.is_closed())
        for byte in frame(TEN[2]):  # drop by drop: every byte is in time, the message is not
            peer.write(bytes([byte]))
            await asyncio.sleep(0.02)
            if ended.done():
                break
        assert await ended
        assert running.stored() == TEN[:2]
        assert running.count("refused_total", reason="slow") == 1

    with_peer(tmp_path, talk, mllp_message_timeout="500ms")


def test_a_sender_that_never_reads_its_answers_is_let_go(tmp_path: Path) -> None:
    async def talk(running: Gateway, peer: Peer) -> None:
        peer.writer.transport.pause_reading()
        odd = frame(message(1).replace(b"MAR", b"M" * 20_000))  # what is repeated in the answer fills buffers sooner
        while not running.count("refused_total", reason="unread"):
            peer.write(odd)
            await asyncio.sleep(0)
        async with running.peer() as other:
            assert msa(await other.tell(TEN[0])) == CODES[0]

    with_peer(tmp_path, talk, mllp_answer_timeout="300ms")


def test_more_connections_than_the_limit_are_closed_and_a_place_that_is_free_again_is_given(tmp_path: Path) -> None:
    async def talk(running: Gateway, peer: Peer) -> None:
        await peer.tell(TEN[0])
        async with running.peer() as second:
            await second.tell(TEN[1])
            async with running.peer() as third:
                assert await third.is_closed()
            assert running.count("refused_total", reason="too_many") == 1
            assert running.count("connections") == 2
        await wait_beside(lambda: running.count("connections") == 1, "a connection is let go")
        async with running.peer() as fourth:
            assert msa(await fourth.tell(TEN[2])) == CODES[2]

    with_peer(tmp_path, talk, mllp_connections=2)


def test_many_connections_at_once_are_all_answered(tmp_path: Path) -> None:
    async def run() -> None:
        async with gateway(settings_in(tmp_path)) as running, asyncio.TaskGroup() as group:

            async def one(number: int) -> None:
                async with running.peer() as peer:
                    for again in range(3):
                        assert msa(await peer.tell(message(number * 10 + again))) == b"AA|C%d" % (number * 10 + again)

            for number in range(150):
                group.create_task(one(number))
        assert len(running.stored()) == 450

    asyncio.run(run())


def test_a_slow_broker_slows_the_sender_and_no_more_waits_than_may(tmp_path: Path) -> None:
    async def run() -> None:
        broker = Gated()
        settings = settings_in(tmp_path, mllp_in_flight=3)
        async with gateway(settings, broker) as running, running.peer() as peer, running.peer() as other:
            big = [message(number) + b"NTE|1||" + b"x" * 200_000 + b"\r" for number in range(100)]
            peer.write(b"".join(map(frame, big)))
            other.write(b"".join(map(frame, big)))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await peer.writer.drain()  # 20 MB, and nobody takes them off the wire
            assert len(broker.taken) <= 6
            assert running.listener.desk.queue.room.used <= 6 * len(big[0])
            broker.gate.set()
            answers = [msa(await peer.answer()) for _ in big]
            assert answers == [b"AA|C%d" % number for number in range(100)]
            assert [msa(await other.answer()) for _ in big] == answers
            assert running.listener.desk.queue.room.used == 0

    asyncio.run(run())


def test_all_connections_together_keep_to_the_room(tmp_path: Path) -> None:
    async def run() -> None:
        broker = Gated()
        settings = settings_in(tmp_path, mllp_room=3 * len(TEN[0]))
        async with gateway(settings, broker) as running, asyncio.TaskGroup() as group:

            async def one(number: int) -> None:
                async with running.peer() as peer:
                    assert msa(await peer.tell(TEN[number])) == CODES[number]

            for number in range(10):
                group.create_task(one(number))
            await wait_beside(lambda: running.count("connections") == 10, "all are connected")
            await asyncio.sleep(0.3)
            assert running.listener.desk.queue.room.used == 3 * len(TEN[0])
            assert len(broker.taken) <= 3
            broker.gate.set()

    asyncio.run(run())


def test_a_broker_that_hangs_is_one_that_cannot_store(tmp_path: Path) -> None:
    async def run() -> None:
        broker = Gated()
        async with gateway(settings_in(tmp_path, mllp_store_timeout="2s"), broker) as running:
            async with running.peer() as peer:
                peer.write(frame(TEN[0]))
                assert await peer.is_closed()
            assert "not confirmed" in running.listener.trouble
            broker.gate.set()
            async with running.peer() as peer:
                assert msa(await peer.tell(TEN[0])) == CODES[0]
            assert running.listener.trouble == ""

    asyncio.run(run())


def test_what_is_behind_a_message_that_was_not_stored_is_not_answered_either(tmp_path: Path) -> None:
    async def run() -> None:
        async with gateway(settings_in(tmp_path), FullDisk()) as running, running.peer() as peer:
            peer.write(frame(TEN[0]) + frame(TEN[1]))
            assert await peer.is_closed()

    asyncio.run(run())


def test_a_stop_answers_what_was_taken_and_takes_no_more(tmp_path: Path) -> None:
    async def run() -> None:
        broker = Gated()
        async with gateway(settings_in(tmp_path), broker) as running, running.peer() as peer, running.peer() as idle:
            peer.write(b"".join(map(frame, TEN)))
            await wait_beside(lambda: len(broker.taken) == 10, "all have come")
            stopping = asyncio.create_task(running.listener.stop())
            assert await idle.is_closed()
            with pytest.raises(OSError, match=r"refused|Connect call failed"):
                await asyncio.open_connection("127.0.0.1", running.port)
            peer.write(frame(message(11)))
            assert not stopping.done()
            broker.gate.set()
            assert [msa(await peer.answer()) for _ in TEN] == CODES
            assert await peer.is_closed()
            await stopping
            assert len(broker.taken) == 10

    asyncio.run(run())


def test_a_listener_comes_back_on_its_port_at_once_though_old_connections_linger(tmp_path: Path) -> None:
    async def run() -> None:
        settings = settings_in(tmp_path)
        port = free_port()
        for round_ in range(3):
            async with gateway(settings, port=port) as running, running.peer() as peer, running.peer() as other:
                assert msa(await peer.tell(TEN[round_])) == CODES[round_]
                await other.tell(TEN[5])
                # The listener closes first, so that the connection's last state (TIME_WAIT) is on its side.
                await running.listener.stop()
                assert await peer.is_closed()

    asyncio.run(run())
