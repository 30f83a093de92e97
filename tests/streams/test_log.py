"""Log lines: as text and as JSON, without stacks for errors that explain themselves, and never what a message holds."""

import asyncio
import json
import logging
import logging.config
import subprocess
import sys
from collections.abc import Iterator

import pytest

from streams.apply import Applier, Inbound
from streams.demo.hospital_day import hospital_day
from streams.log import Explained, logging_config
from streams.settings import load_settings
from streams.site import rules_of
from streams.topics import topics_of


def configure(log_format: str) -> logging.Logger:
    logging.config.dictConfig(logging_config(log_format, "info"))
    return logging.getLogger("dripcode.test")


@pytest.fixture(autouse=True)
def _undo() -> Iterator[None]:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    yield
    root.handlers[:], root.level = before


def test_json_lines_hold_time_level_and_event(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json").warning("closing %s", "a connection")
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["event"], line["logger"]) == ("warning", "closing a connection", "dripcode.test")
    assert line["at"].endswith("+00:00")


def test_an_error_that_explains_itself_is_logged_without_its_stack(capsys: pytest.CaptureFixture[str]) -> None:
    log = configure("text")
    try:
        raise Explained("start it again")
    except Explained:
        log.exception("ended")
    assert "Traceback" not in capsys.readouterr().err
    try:
        raise ValueError("a fault of ours")
    except ValueError:
        log.exception("ended")
    assert "Traceback" in capsys.readouterr().err


def test_the_text_of_an_error_that_may_quote_a_message_is_withheld(capsys: pytest.CaptureFixture[str]) -> None:
    log = configure("text")
    name, number = "SYNTHETIC^PATIENT", "SYN0000001"
    try:
        try:
            int(name)
        except ValueError as wrong:
            raise KeyError(number) from wrong
    except KeyError as wrong:
        log.exception("crashed: %s", wrong)
        log.error("crashed: %(why)s", {"why": wrong})
    try:
        raise ExceptionGroup(name, [ValueError(number), OSError(28, "No space left on device")])
    except ExceptionGroup:
        log.exception("crashed")
    said = capsys.readouterr().err
    assert "SYN" not in said
    assert "crashed: KeyError\n" in said
    assert said.index("ValueError\n") < said.index("which led to") < said.index("\nKeyError\n")
    assert "test_log.py" in said
    assert "No space left on device" in said, "what tells of the machine is told"


def test_asyncio_does_not_quote_what_a_callback_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text")

    def callback(data: bytes) -> None:
        raise ValueError(data)

    async def work() -> None:
        asyncio.get_running_loop().call_soon(callback, b"SYN0000001")
        await asyncio.sleep(0)

    asyncio.run(work())
    said = capsys.readouterr().err
    assert "a callback or task failed" in said
    assert "ValueError" in said
    assert "SYN" not in said


def test_a_process_that_ends_by_an_error_tells_its_kind_and_place() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from streams.log import withhold_texts as w; w(); int('SYNTHETIC')"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ValueError"
    assert 'File "<string>", line 1' in done.stderr


def test_nothing_of_a_message_is_logged_when_reading_it_fails(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text")
    settings = load_settings(environment={})[0]
    rules = rules_of(settings)

    def parse(raw: bytes) -> None:
        raise KeyError(raw.decode(errors="replace"))

    applier = Applier(topics_of(settings), type(rules)(parse, rules.site, rules.patience))  # type: ignore[arg-type]
    sent = next(message for message in hospital_day(1, 5) if message.encounter_id)
    applier.apply([Inbound(applier.topics.inbound, 3, 17, b"|", sent.text, 0.0)], now=0.0)
    said = capsys.readouterr().err
    assert "hl7.inbound[3]@17" in said
    assert "SYN" not in said
