"""The listener over a real socket and broker file: what is answered is stored, what is not stored is not answered."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from streams.append_queue import Appender
from streams.demo.stage import free_port
from streams.embedded.store import Store
from streams.mllp import frame
from streams.mllp_client import send_all
from streams.provision import broker_path
from streams.settings import Settings
from streams.topics import topics_of
from tests.streams.gateway import FullDisk, Peer, Picky, gateway, message, msa, settings_in, stored


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


def converse(settings: Settings, talk: Talk, appender: Appender | None = None) -> bytes:
    """Start a listener on the broker file, let `talk` use one connection, stop it."""

    async def run() -> bytes:
        async with gateway(settings, appender) as running, running.peer() as peer:
            return await asyncio.wait_for(talk(peer.reader, peer.writer), 10)

    return asyncio.run(run())


def test_an_answer_means_the_message_is_in_the_file(settings: Settings) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(frame(message(1)))
        answer = await reader.readuntil(b"\x1c\r")
        assert stored(settings) == [message(1)]
        return answer

    answer = converse(settings, talk)
    segments = answer.strip(b"\x0b\x1c\r").split(b"\r")
    assert segments[0].startswith(b"MSH|^~\\&|DRIP|BILL|MAR|SYNTH|")
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
        number, chance = 0, Random(5)
        for _ in range(5):
            listener = subprocess.Popen(
                [sys.executable, "-m", "streams", "listen"], env=environment, stderr=subprocess.DEVNULL
            )
            try:
                reader, writer = await _connect(port)
                most, killed = number + chance.randint(5, 100), False
                while True:
                    writer.write(frame(message(number)))
                    if not killed and number >= most:
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
        async with gateway(settings) as running:
            report = await send_all(messages, "127.0.0.1", running.listener.port, connections=5)
        return report.answered

    assert asyncio.run(run()) == 200
    assert sorted(stored(settings)) == sorted(messages)


# -- what the answer says, through a real connection: the whole matrix of the modes is in test_answers.py


CODES = {"accept": b"A", "error": b"E", "reject": b"R"}
NO_PATIENT = message(1, pid="")
TWO_PATIENTS = message(1) + b"PID|2||SYN2^^^SYNTH^MR\r"
NOT_CODED = message(1).replace(b"RAS^O17", b"SIU^S12")
NO_TYPE = message(1).replace(b"RAS^O17", b"")


@pytest.mark.parametrize("verdict", ["accept", "error", "reject"])
@pytest.mark.parametrize("mode", ["original", "enhanced"])
@pytest.mark.parametrize(
    "case",
    [
        ("ack_when_no_patient", NO_PATIENT, "NO_PATIENT"),
        ("ack_when_no_patient", TWO_PATIENTS, "TWO_PATIENTS"),
        ("ack_when_not_coded", NOT_CODED, "TYPE_NOT_CODED"),
        ("ack_when_unreadable", NO_TYPE, "NO_TYPE"),
        ("ack_when_unreadable", message(1) + message(1), "TWO_HEADERS"),
    ],
    ids=["no patient", "two patients", "not coded", "no type", "two headers"],
)
def test_what_the_policy_says_is_answered_counted_and_the_message_kept(
    tmp_path: Path, case: tuple[str, bytes, str], mode: str, verdict: str
) -> None:
    setting, text, reason = case
    settings = settings_in(tmp_path, **{setting: verdict})
    if mode == "enhanced":
        text = text.replace(b"|2.5.1||||\r", b"|2.5.1|||AL|NE\r")

    async def run() -> bytes:
        async with gateway(settings) as running, running.peer() as peer:
            answer = await peer.tell(text)
            assert running.stored() == [text]
            assert running.count("problems_total", reason=reason, verdict=verdict) == 1
            assert msa(await peer.tell(message(2))) == b"AA|C2"
        return answer

    answer = asyncio.run(run())
    code = (b"C" if mode == "enhanced" else b"A") + CODES[verdict]
    assert msa(answer).startswith(code + b"|C1")
    assert (b"\rERR|" in answer) == (verdict != "accept")
    assert b"SYN1" not in answer


def test_a_message_for_a_test_system_is_answered_with_202_where_the_site_says_so(tmp_path: Path) -> None:
    async def run() -> bytes:
        settings = settings_in(tmp_path, processing_ids="P", ack_when_not_coded="reject")
        async with gateway(settings) as running, running.peer() as peer:
            assert msa(await peer.tell(message(2))) == b"AA|C2"
            return await peer.tell(message(1).replace(b"|P|2.", b"|T|2."))

    answer = asyncio.run(run())
    assert msa(answer).startswith(b"AR|C1|OTHER_PROCESSING_ID at MSH-11")
    assert b"\rERR||MSH^1^11|202^Unsupported processing id^HL70357|E|" in answer


@pytest.mark.parametrize(("verdict", "code"), [("error", b"E"), ("reject", b"R")])
@pytest.mark.parametrize(("msh_15", "letter"), [("", b"A"), ("AL", b"C"), ("ER", b"C")])
def test_what_cannot_be_stored_is_refused_where_the_site_says_so_and_taken_when_it_can_be_again(
    tmp_path: Path, verdict: str, code: bytes, msh_15: str, letter: bytes
) -> None:
    async def run() -> None:
        disk = FullDisk()
        async with gateway(settings_in(tmp_path, ack_when_not_stored=verdict), disk) as running, running.peer() as peer:
            answer = await peer.tell(message(1, msh_15))
            assert msa(answer).startswith(letter + code + b"|C1|NOT_STORED")
            assert b"207^" in answer
            assert running.listener.trouble == "OSError: disk full"
            assert running.count("cannot_store") == 1
            disk.has_room = True
            assert msa(await peer.tell(message(1))) == b"AA|C1"
            assert running.listener.trouble == ""
            assert running.count("cannot_store") == 0

    asyncio.run(run())


def test_a_sender_that_wants_no_answer_is_not_left_to_believe_that_its_message_is_stored(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            gateway(settings_in(tmp_path, ack_when_not_stored="error"), FullDisk()) as running,
            running.peer() as peer,
        ):
            peer.write(frame(message(1, "NE", "NE")))
            assert await peer.is_closed()

    asyncio.run(run())


def test_the_trouble_is_said_once_when_it_begins_and_once_when_it_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        disk = FullDisk()
        async with gateway(settings_in(tmp_path, ack_when_not_stored="error"), disk) as running, running.peer() as peer:
            for number in range(3):
                await peer.tell(message(number))
            disk.has_room = True
            await peer.tell(message(4))

    with caplog.at_level("INFO", "dripcode.listener"):
        asyncio.run(run())
    assert [line for line in caplog.messages if "cannot be stored" in line] == [
        "messages cannot be stored: OSError: disk full"
    ]
    assert len([line for line in caplog.messages if "stored again" in line and "3 were turned away" in line]) == 1
    assert not [line for line in caplog.messages if "SYN1" in line]


def test_a_message_that_the_broker_finds_too_large_takes_no_other_with_it(settings: Settings) -> None:
    async def run() -> list[bytes]:
        async with gateway(settings, Picky()) as running, running.peer() as peer:
            peer.write(frame(message(1)) + frame(message(2) + b"NTE|1||BIG\r") + frame(message(3)))
            return [msa(await peer.answer()) for _ in range(3)]

    assert [answer[:5] for answer in asyncio.run(run())] == [b"AA|C1", b"AR|C2", b"AA|C3"]


def test_a_batch_is_stored_message_by_message_and_answered_by_a_batch(settings: Settings) -> None:
    head = b"|^~\\&|MAR|SYNTH|DRIP|BILL|20260302|||file-1|B77\r"
    batch = b"FHS" + head + b"BHS" + head + message(1) + message(2, pid="") + message(3, "NE", "NE") + b"BTS|3\rFTS|1\r"

    async def run() -> bytes:
        async with gateway(settings) as running, running.peer() as peer:
            answer = await peer.tell(batch)
            assert sorted(running.stored()) == sorted([message(1), message(2, pid=""), message(3, "NE", "NE")])
            return answer

    segments = asyncio.run(run()).split(b"\r")
    assert [segment[:3] for segment in segments] == [
        b"FHS", b"BHS", b"MSH", b"MSA", b"MSH", b"MSA", b"BTS", b"FTS", b"",
    ]  # fmt: skip
    assert segments[1].split(b"|")[2:6] == [b"DRIP", b"BILL", b"MAR", b"SYNTH"]
    assert segments[1].endswith(b"|B77")
    assert [line for line in segments if line.startswith(b"MSA")] == [b"MSA|AA|C1", b"MSA|AA|C2"]
    assert b"BTS|2" in segments


def test_a_batch_whose_count_is_wrong_or_whose_end_is_missing_is_taken_and_told(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async def tell(peer: Peer, batch: bytes) -> None:
        assert b"MSA|AA|C1" in await peer.tell(batch)

    async def run() -> None:
        async with gateway(settings) as running, running.peer() as peer:
            await tell(peer, b"BHS|^~\\&|MAR\r" + message(1) + b"BTS|7\r")
            await tell(peer, b"BHS|^~\\&|MAR\r" + message(1))

    asyncio.run(run())
    assert [line.partition(": ")[2] for line in caplog.messages if "batch" in line] == [
        "a batch of 1 messages says 7 in BTS-1",
        "a batch of 1 messages has no BTS: it may be cut",
    ]
