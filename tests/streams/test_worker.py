"""The worker's process on real brokers: what it does with what nobody can use, and when it ends."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.demo.hospital_day import hospital_day
from streams.demo.stage import Stage
from streams.embedded.records import Record
from streams.reading import reader_of
from tests.streams.brokers import Broker, EmbeddedBroker
from tests.streams.play import outcome_of
from tests.streams.sabotaged_worker import CLINGS, HANGS, POISON
from tests.waiting import wait_for

FIRST, SECOND = [sent.text for sent in hospital_day(1, 4) if b"\rRXA|" in sent.text and not sent.fault][:2]
pytestmark = pytest.mark.slow


@pytest.fixture
def stage(broker: Broker, tmp_path: Path) -> Iterator[Stage]:
    """A worker that is sabotaged, running and ready."""
    made = sabotaged(broker, tmp_path)
    try:
        made.wait_ready()
        yield made
    finally:
        made.stop()


def sabotaged(broker: Broker, folder: Path) -> Stage:
    made = Stage(folder, {**broker.environment, "DRIPCODE_STUCK_AFTER": "2s"})
    with (folder / "worker.log").open("ab") as log:
        made.processes["worker"] = subprocess.Popen(
            [sys.executable, "-m", "tests.streams.sabotaged_worker"], env=made.variables(), stdout=log, stderr=log
        )
    return made


def dead_letters(broker: Broker) -> list[tuple[str, int, str, bytes]]:
    """Topic and offset that each came from, the reason, and what it was; in their order."""

    async def read() -> list[tuple[str, int, str, bytes]]:
        async with reader_of(broker.settings) as reader:
            letters = await reader.new(broker.topics.dead_letter)
        told = [(dict(letter.headers), letter.value or b"") for letter in letters]
        return sorted((h["topic"].decode(), int(h["offset"]), h["reason"].decode(), value) for h, value in told)

    return asyncio.run(read())


def test_what_nobody_can_use_is_a_dead_letter_and_holds_nothing_up(broker: Broker, stage: Stage) -> None:
    topics = broker.topics
    poison, garbage = FIRST + b"NTE|1||" + POISON + b"\r", b"\x0b\x00\xff\xfe\x1c"
    values = {
        topics.inbound: [FIRST, poison, None, garbage, b"MSH|^~\\&|", SECOND],
        topics.commands: [None, garbage, b"{}"],
        topics.closed: [None, garbage, b"{}"],
    }
    for topic, some in values.items():
        for value in some:
            broker.put(Record(topic, b"SYNTH|SYN1", value, partition=0))
    wait_for(lambda: broker.lag() == 0, "nothing waits")
    stage.check("worker")
    assert outcome_of(broker).balance.applied == 2
    assert dead_letters(broker) == [
        (topics.commands, 0, "UNREADABLE_COMMAND", b""),
        (topics.commands, 1, "UNREADABLE_COMMAND", garbage),
        (topics.commands, 2, "UNREADABLE_COMMAND", b"{}"),
        (topics.closed, 0, "CODING_DecodeError", b""),
        (topics.closed, 1, "CODING_DecodeError", garbage),
        (topics.closed, 2, "CODING_ValidationError", b"{}"),
        (topics.inbound, 1, "INTERNAL_ZeroDivisionError", poison),
        (topics.inbound, 2, "NO_HEADER", b""),
        (topics.inbound, 3, "NO_HEADER", garbage),
        (topics.inbound, 4, "NO_TYPE", b"MSH|^~\\&|"),
    ]


def test_an_agent_that_hangs_ends_the_worker_with_status_1(broker: Broker, stage: Stage, tmp_path: Path) -> None:
    hangs = FIRST + b"NTE|1||" + HANGS + b"\r"
    broker.put(Record(broker.topics.inbound, b"SYNTH|SYN1", hangs, partition=0))
    assert stage.processes.pop("worker").wait(60) == 1
    log = (tmp_path / "worker.log").read_text()
    assert f"{broker.topics.inbound}[0]: 1 waiting, none done for" in log
    assert "SYNTHETIC" not in log
    assert broker.lag() == 1


def test_a_worker_that_cannot_end_after_a_crash_exits_all_the_same(
    broker: Broker, stage: Stage, tmp_path: Path
) -> None:
    broker.put(Record(broker.topics.inbound, b"SYNTH|SYN1", FIRST + b"NTE|1||" + CLINGS + b"\r", partition=0))
    assert stage.processes.pop("worker").wait(60) == 1
    assert "the worker has not ended in 3 s" in (tmp_path / "worker.log").read_text()
    assert broker.lag() == 1


def test_a_second_worker_on_the_broker_file_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    first = sabotaged(broker, tmp_path)
    try:
        first.wait_ready()
        second = {**first.variables(), "DRIPCODE_METRICS_LISTEN": ""}
        refused = subprocess.run(
            [sys.executable, "-m", "streams", "run"], env=second, capture_output=True, timeout=60, check=False
        )
        assert refused.returncode == 1
        assert f"process {first.processes['worker'].pid}".encode() in refused.stderr
        broker.put(Record(broker.topics.inbound, b"SYNTH|SYN1", FIRST))
        wait_for(lambda: broker.lag() == 0, "nothing waits")
    finally:
        first.stop()
