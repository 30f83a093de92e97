"""`dripcode send` as a person runs it: real processes, a real receiver."""

import asyncio
import re
import signal
import sys
from pathlib import Path

import pytest

from streams.demo.stage import Stage
from streams.mllp import frame
from tests.servers.certificates import Authority
from tests.streams.gateway import gateway, settings_in, stored
from tests.streams.receiver import CUT, Receiver, Script, acknowledge, answer, control_id_of, message
from tests.waiting import PATIENCE, wait_beside

MESSAGES = [message(f"C{number}", f"SYN{number % 3:07d}") for number in range(9)]
BATCH = b"FHS|^~\\&|MAR\rBHS|^~\\&|MAR\r" + b"".join(MESSAGES[6:]) + b"BTS|3\rFTS|1\r"


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The nine messages: two with LF, two with CRLF, two framed, three in a batch."""
    contents = {
        "lf.hl7": b"".join(MESSAGES[0:2]).replace(b"\r", b"\n"),
        "crlf.hl7": b"".join(MESSAGES[2:4]).replace(b"\r", b"\r\n"),
        "framed.hl7": b"".join(frame(each) for each in MESSAGES[4:6]),
        "batch.hl7": BATCH,
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return [str(tmp_path / name) for name in contents]


async def dripcode_send(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "streams",
        "send",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


def run(script: Script, *arguments: str) -> tuple[int, str, str, list[bytes]]:
    async def against_receiver() -> tuple[int, str, str, list[bytes]]:
        async with Receiver(script) as receiver:
            done = await dripcode_send(*arguments, "--to", f"127.0.0.1:{receiver.port}")
            return *done, receiver.received

    return asyncio.run(against_receiver())


def test_every_kind_of_file_is_sent_and_the_answers_are_counted(files: list[str]) -> None:
    status, output, errors, received = run(acknowledge, *files)
    assert (status, errors) == (0, "")
    assert received == MESSAGES
    assert "9 of 9 messages" in output
    assert "9 AA" in output
    assert "p99" in output


def test_several_connections_send_the_same_messages(files: list[str]) -> None:
    status, _, _, received = run(acknowledge, *files, "--connections", "3", "--rate", "500")
    assert status == 0
    assert sorted(received) == sorted(MESSAGES)


def test_a_refused_message_is_named_by_its_place_and_makes_exit_1(files: list[str]) -> None:
    def refuse_one(_count: int, text: bytes) -> list[bytes]:
        return [frame(answer(text, "AE" if control_id_of(text) == "C3" else "AA"))]

    status, output, errors, received = run(refuse_one, *files)
    assert status == 1
    assert received == MESSAGES
    assert "8 AA, 1 AE" in output
    assert f"refused: message 2 of {files[1]}" in errors


@pytest.mark.parametrize(
    ("stop_on", "code", "sent"),
    [("reject", "AR", 4), ("reject", "CR", 4), ("reject", "AE", 9), ("refuse", "CE", 4), ("never", "AR", 9)],
)
def test_a_refusal_ends_the_run_where_that_was_asked_for(
    files: list[str], tmp_path: Path, stop_on: str, code: str, sent: int
) -> None:
    def refuse_one(_count: int, text: bytes) -> list[bytes]:
        return [frame(answer(text, code if control_id_of(text) == "C3" else "AA"))]

    rest = tmp_path / "rest.hl7"
    status, _, errors, received = run(refuse_one, *files, "--stop-on", stop_on, "--unsent", str(rest))
    assert status == 1
    assert received == MESSAGES[:sent]
    assert ("stopped" in errors) == (sent == 4)
    assert rest.exists() == (sent == 4)


@pytest.mark.parametrize("identity", ["right", "none", "other CA"])
def test_tls_takes_the_certificates_from_the_options(files: list[str], tmp_path: Path, identity: str) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "Other CA")
    listener = authority.issue("listener", ["127.0.0.1"])
    shown = (stranger if identity == "other CA" else authority).issue("sender")
    options = [] if identity == "none" else ["--cert", shown.certificate, "--key", shown.key]
    settings = settings_in(
        tmp_path / "data",
        mllp_tls_certificate=listener.certificate,
        mllp_tls_key=listener.key,
        mllp_tls_client_ca=authority.file,
    )

    async def send() -> tuple[int, str, str]:
        async with gateway(settings) as running:
            to = ("--to", f"127.0.0.1:{running.port}", "--ca", authority.file)
            done = await dripcode_send(*files, *to, *options)
            assert sorted(running.stored()) == (sorted(MESSAGES) if identity == "right" else [])
        return done

    status, output, errors = asyncio.run(send())
    if identity == "right":
        assert (status, errors) == (0, "")
        assert "9 AA" in output
    else:
        assert status == 1
        assert "does not accept our certificate" in errors


def test_certificates_that_cannot_be_used_are_exit_2(files: list[str]) -> None:
    status, _, errors = asyncio.run(dripcode_send(*files, "--to", "127.0.0.1:2575", "--tls", "--ca", files[0]))
    assert status == 2
    assert "holds no certificate" in errors


def test_what_was_not_sent_is_told_and_kept_and_can_be_sent_later(files: list[str], tmp_path: Path) -> None:
    rest = tmp_path / "rest.hl7"
    options = ("--patience", "1", "--unsent", str(rest))
    status, output, errors, _ = run(lambda count, text: acknowledge(count, text) if count <= 4 else [CUT], *files,
                                    *options)  # fmt: skip
    assert status == 1
    assert "4 of 9 messages" in output
    assert "5 of 9 messages were not answered" in errors
    status, _, _, received = run(acknowledge, str(rest))
    assert status == 0
    assert received == MESSAGES[4:]


def test_a_receiver_that_is_not_there_is_told_at_once(files: list[str]) -> None:
    async def port_nobody_listens_on() -> int:
        async with Receiver() as receiver:
            return receiver.port

    port = asyncio.run(port_nobody_listens_on())
    status, output, errors = asyncio.run(dripcode_send(*files, "--to", f"127.0.0.1:{port}"))
    assert status == 1
    assert "0 of 9" in output
    assert f"127.0.0.1:{port} cannot be reached: nothing listens there" in errors


def test_an_interrupt_tells_how_far_it_came(files: list[str]) -> None:
    async def interrupted() -> tuple[int | None, str]:
        async with Receiver(lambda count, text: acknowledge(count, text) if count <= 3 else []) as receiver:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "streams", "send", *files, "--to", f"127.0.0.1:{receiver.port}",
                stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            while len(receiver.received) < 4 and process.returncode is None:
                await asyncio.sleep(0.01)
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
            _, errors = await process.communicate()
            return process.returncode, errors.decode()

    status, errors = asyncio.run(interrupted())
    assert status == 1
    assert "interrupted: 6 of 9 messages" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("to", ["127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:x", ":2575"])
def test_an_address_that_cannot_be_used_is_exit_2(files: list[str], to: str) -> None:
    status, _, errors = asyncio.run(dripcode_send(files[0], "--to", to))
    assert status == 2
    assert "HOST:PORT" in errors


@pytest.mark.parametrize(
    "arguments", [["absent.hl7"], ["--rate", "0"], ["--connections", "0"], []], ids=["file", "rate", "number", "none"]
)
def test_arguments_that_cannot_be_used_are_exit_2(files: list[str], arguments: list[str]) -> None:
    given = [*arguments, files[0]] if arguments and arguments[0].startswith("--") else arguments
    assert asyncio.run(dripcode_send(*given, "--to", "127.0.0.1:2575"))[0] == 2


def test_a_file_without_a_message_is_exit_2(tmp_path: Path) -> None:
    (tmp_path / "empty.hl7").write_bytes(b"\r\n")
    status, _, errors = asyncio.run(dripcode_send(str(tmp_path / "empty.hl7"), "--to", "127.0.0.1:2575"))
    assert status == 2
    assert "no message" in errors


@pytest.mark.slow
def test_a_listener_killed_in_the_middle_gets_the_rest_and_no_message_twice_but_what_was_sent_again(
    tmp_path: Path,
) -> None:
    messages = [message(f"C{number}", f"SYN{number % 40:07d}") for number in range(600)]
    file = tmp_path / "day.hl7"
    file.write_bytes(b"".join(messages))
    stage = Stage(tmp_path)

    async def send() -> tuple[int, str, str]:
        to = f"127.0.0.1:{stage.mllp_port}"
        options = ("--to", to, "--connections", "4", "--rate", "120", "--patience", f"{PATIENCE:.0f}")
        sending = asyncio.create_task(dripcode_send(str(file), *options))
        for most in (100, 300):
            await wait_beside(lambda most=most: len(stored(settings_in(tmp_path))) > most, "more is stored")  # type: ignore[misc]
            await asyncio.to_thread(stage.kill, "listener")
            stage.start_listener()
        return await sending

    try:
        stage.start_listener()
        stage.wait_ready()
        status, output, errors = asyncio.run(send())
    finally:
        stage.stop()
    assert status == 0, errors
    assert "600 of 600 messages" in output
    found = stored(settings_in(tmp_path))
    resent = re.search(r"(\d+) resent", output)
    assert resent is not None
    assert set(found) == set(messages)
    assert len(found) - len(messages) <= int(resent[1])
