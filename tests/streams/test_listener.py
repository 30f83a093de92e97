"""The listener over a real socket and broker file: what is answered is stored, what is not stored is not answered."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from streams.appenders import EmbeddedAppender
from streams.demo.stage import free_port
from streams.embedded.records import Record
from streams.embedded.store import Store
from streams.listener import Limits, Listener
from streams.metrics import ListenerMetrics
from streams.mllp import frame
from streams.mllp_client import send_all
from streams.provision import broker_path
from streams.settings import Settings, load_settings
from streams.topics import topics_of


def message(number: int, msh_15: str = "", msh_16: str = "", pid: str = "SYN1^^^SYNTH^MR") -> bytes:
    head = f"MSH|^~\\&|MAR|SYNTH|DRIP|BILL|20260302090000-0500||RAS^O17|C{number}|P|2.5.1|||{msh_15}|{msh_16}"
    return f"{head}\rPID|1||{pid}\rPV1|1|O||||||||||||||||||V1\r".encode()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environment={"DRIPCODE_DATA_DIR": str(tmp_path)})[0]


def stored(settings: Settings) -> list[bytes]:
    topic = topics_of(settings).inbound
    with Store.open(broker_path(settings)) as store:
        return [r.value or b"" for n in range(settings.partitions) for r in store.read(topic, n, 0, 100_000)]


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


def converse(settings: Settings, talk: Talk, appender: object = None, longest: int = 100_000) -> bytes:
    """Start a listener on the broker file, let `talk` use one connection, stop it."""

    async def run() -> bytes:
        own = EmbeddedAppender(settings)
        await own.start()
        metrics = ListenerMetrics()
        listener = Listener(
            topics_of(settings).inbound,
            appender or own,  # type: ignore[arg-type]
            metrics,
            Limits(longest, 60),
        )
        await listener.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        try:
            return await asyncio.wait_for(talk(reader, writer), 10)
        finally:
            writer.close()
            await listener.stop()
            await own.stop()

    return asyncio.run(run())


def test_an_answer_means_the_message_is_in_the_file(settings: Settings) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(frame(message(1)))
        answer = await reader.readuntil(b"\x1c\r")
        assert stored(settings) == [message(1)]
        return answer

    answer = converse(settings, talk)
    segments = answer.strip(b"\x0b\x1c\r").split(b"\r")
    assert segments[0].startswith(b"MSH|^~\\&|DRIPCODE||MAR|SYNTH|")
    assert segments[1] == b"MSA|AA|C1"


@pytest.mark.parametrize(
    ("msh_15", "msh_16", "code"),
    [("", "", b"AA"), ("AL", "NE", b"CA"), ("SU", "NE", b"CA"), ("NE", "AL", b"AA"), ("AL", "AL", b"CA")],
)
def test_the_answer_follows_the_mode_that_the_sender_asks_for(
    settings: Settings, msh_15: str, msh_16: str, code: bytes
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(frame(message(1, msh_15, msh_16)))
        return await reader.readuntil(b"\x1c\r")

    assert b"\rMSA|" + code + b"|C1\r" in converse(settings, talk)


def test_a_sender_that_wants_no_answer_gets_none_and_its_message_is_stored(settings: Settings) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(frame(message(1, "NE", "NE")) + frame(message(2)))
        return await reader.readuntil(b"\x1c\r")

    assert b"MSA|AA|C2" in converse(settings, talk)
    assert stored(settings) == [message(1, "NE", "NE"), message(2)]


def test_text_that_is_no_hl7_is_kept_and_answered_with_an_error(settings: Settings) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(frame(b"hello"))
        return await reader.readuntil(b"\x1c\r")

    answer = converse(settings, talk)
    assert b"MSA|AE" in answer
    assert b"hello" not in answer
    assert stored(settings) == [b"hello"]


def test_messages_sent_without_waiting_are_answered_in_order(settings: Settings) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"".join(frame(message(n)) for n in range(20)))
        return b"".join([await reader.readuntil(b"\x1c\r") for _ in range(20)])

    answers = converse(settings, talk)
    assert [line[7:] for line in answers.split(b"\r") if line.startswith(b"MSA|AA|")] == [b"C%d" % n for n in range(20)]
    assert stored(settings) == [message(n) for n in range(20)]


def test_a_message_cut_by_the_end_of_the_connection_is_not_stored(settings: Settings) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(frame(message(1))[:-20])
        writer.write_eof()
        return await reader.read()

    assert converse(settings, talk) == b""
    assert stored(settings) == []


def test_a_message_longer_than_the_limit_closes_the_connection(settings: Settings) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"\x0b" + b"x" * 3000)
        return await reader.read()

    assert converse(settings, talk, longest=1000) == b""


class FullDisk:
    """A broker that takes nothing."""

    async def append(self, records: Sequence[Record]) -> None:
        raise OSError("disk full")


def test_what_cannot_be_stored_is_not_answered_and_the_connection_closes(settings: Settings) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(frame(message(1)))
        return await reader.read()

    assert converse(settings, talk, FullDisk()) == b""
    assert stored(settings) == []


def test_messages_of_one_patient_share_a_partition_and_keep_their_order(settings: Settings) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        for number in range(30):
            writer.write(frame(message(number, pid=f"SYN{number % 3}^^^SYNTH^MR")))
            await reader.readuntil(b"\x1c\r")
        return b""

    converse(settings, talk)
    topic = topics_of(settings).inbound
    with Store.open(broker_path(settings)) as store:
        partitions = [store.read(topic, n, 0, 100) for n in range(settings.partitions)]
    homes: dict[bytes, set[int]] = {}
    for number, records in enumerate(partitions):
        for record in records:
            homes.setdefault(record.key or b"", set()).add(number)
        offsets_by_key = {key: [r.value for r in records if r.key == key] for key in {r.key for r in records}}
        assert all(values == sorted(values, key=lambda v: int(v.split(b"|C")[1].split(b"|")[0]))  # type: ignore[union-attr]
                   for values in offsets_by_key.values())  # fmt: skip
    assert sorted(homes) == [b"SYNTH|SYN0", b"SYNTH|SYN1", b"SYNTH|SYN2"]
    assert all(len(of_key) == 1 for of_key in homes.values())


@pytest.mark.slow
def test_whatever_was_acknowledged_before_a_kill_is_there(settings: Settings) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "DRIPCODE_DATA_DIR": str(settings.data_dir),
        "DRIPCODE_MLLP_LISTEN": f"127.0.0.1:{port}",
        "DRIPCODE_LISTENER_METRICS_LISTEN": "",
    }
    acknowledged: set[int] = set()

    async def talk() -> None:
        number = 0
        for _ in range(5):
            listener = subprocess.Popen(
                [sys.executable, "-m", "streams", "listen"], env=environment, stderr=subprocess.DEVNULL
            )
            try:
                reader, writer = await _connect(port)
                until = time.monotonic() + 0.3
                killed = False
                while True:
                    writer.write(frame(message(number)))
                    if not killed and time.monotonic() > until:
                        listener.send_signal(signal.SIGKILL)
                        killed = True
                    try:
                        await reader.readuntil(b"\x1c\r")
                    except (asyncio.IncompleteReadError, ConnectionError):
                        break
                    acknowledged.add(number)
                    number += 1
                number += 1
                writer.close()
            finally:
                listener.kill()
                listener.wait()

    asyncio.run(talk())
    kept = {int(value.split(b"|C")[1].split(b"|")[0]) for value in stored(settings)}
    assert len(acknowledged) > 50
    assert acknowledged <= kept


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    for _ in range(200):
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
    raise AssertionError("the listener does not listen")


def test_the_projects_own_sender_gets_every_message_through(settings: Settings) -> None:
    messages = [message(n, pid=f"SYN{n % 7}^^^SYNTH^MR") for n in range(200)]

    async def run() -> int:
        appender = EmbeddedAppender(settings)
        await appender.start()
        listener = Listener(topics_of(settings).inbound, appender, ListenerMetrics(), Limits(100_000, 60))
        await listener.start("127.0.0.1", 0)
        report = await send_all(messages, "127.0.0.1", listener.port, connections=5)
        await listener.stop()
        await appender.stop()
        return report.answered

    assert asyncio.run(run()) == 200
    assert sorted(stored(settings)) == sorted(messages)
