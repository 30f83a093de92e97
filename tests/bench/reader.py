"""Our reader against python-hl7 and against bare splitting, and its memory over many messages.

python -m tests.bench.reader N      # reads N messages and prints the resident memory on the way (MB, JSON)
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import hl7

from hl7_parsers import events, parse_message
from tests.bench.messages import typical_administrations
from tests.bench.tables import Spread, Table, plain, ratios

ROUNDS = 9
PER_ROUND = 60
MEMORY_MESSAGES = 200_000
MEMORY_LOOKS = 10


def split(raw: bytes) -> list[list[list[str]]]:
    """The least that any reader does: segments, fields, components, nothing looked at."""
    return [[field.split("^") for field in line.split("|")] for line in raw.decode().split("\r")]


READERS: dict[str, Callable[[bytes], object]] = {
    "parse_message: every event, typed": parse_message,
    "hl7.parse alone: no value taken out": lambda raw: hl7.parse(raw.decode()),
    "bare str.split: segments, fields, components": split,
}


def run() -> list[Table]:
    messages = typical_administrations()
    for raw in messages[:: len(messages) // 200]:
        _check_same(raw)
    return [_speed(messages), _memory()]


def _check_same(raw: bytes) -> None:
    """The three readers find the same; a fast reader of something else would be worth nothing."""
    ours, theirs, pieces = parse_message(raw), hl7.parse(raw.decode()), split(raw)
    first = ours.events[0]
    assert isinstance(first, events.AdministrationEvent)
    assert first.at is not None
    assert first.dose is not None
    by_name = {row[0][0]: row for row in reversed(pieces) if row[0][0]}
    rxa = theirs.segments("RXA")[0]
    assert ours.header.control_id == str(theirs.segment("MSH")[10]) == by_name["MSH"][9][0]
    assert ours.patient.id == str(theirs.segment("PID")[3][0][0]) == by_name["PID"][3][0]
    assert ours.visit.id == str(theirs.segment("PV1")[19]) == by_name["PV1"][19][0]
    assert first.placer == str(theirs.segments("ORC")[0][2][0][0]) == by_name["ORC"][2][0]
    assert first.drug.id == str(rxa[5][0][0]) == by_name["RXA"][5][0]
    assert f"{first.at.at:%Y%m%d%H%M%S}" == str(rxa[3])[:14] == by_name["RXA"][3][0][:14]
    assert str(first.dose.amount) == str(rxa[6]) == by_name["RXA"][6][0]
    assert len(ours.events) == len(theirs.segments("RXA"))


def _speed(messages: Sequence[bytes]) -> Table:
    seconds: dict[str, list[float]] = {name: [] for name in READERS}
    for number in range(ROUNDS):
        batch = messages[number * PER_ROUND : (number + 1) * PER_ROUND]
        for name, read in READERS.items():
            seconds[name].append(_cpu_seconds(read, batch))
    ours, theirs, bare = seconds.values()
    return Table(
        "Reading one RAS message",
        f"Messages of {min(map(len, messages))} to {max(map(len, messages))} bytes (median "
        f"{statistics.median(map(len, messages)):.0f}) with two or three administrations each; the same {PER_ROUND} "
        f"for every reader, others in each of {ROUNDS} rounds; control id, patient, visit, order, drug, time and dose "
        "compared before. CPU time; median (least - greatest) of the rounds, ratios within a round.",
        ["reader", "µs a message", "time against hl7.parse", "time against bare splitting"],
        [
            [name, Spread.of(1e6 * one for one in taken), ratios(taken, theirs), ratios(taken, bare)]
            for name, taken in zip(READERS, (ours, theirs, bare), strict=True)
        ],
    )


def _cpu_seconds(read: Callable[[bytes], object], messages: Sequence[bytes]) -> float:
    began = time.process_time()
    for raw in messages:
        read(raw)
    return (time.process_time() - began) / len(messages)


def _memory() -> Table:
    command = [sys.executable, "-m", "tests.bench.reader", str(MEMORY_MESSAGES)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    megabytes: list[float] = json.loads(done.stdout)
    first, rest = megabytes[0], megabytes[1:]
    return Table(
        "Memory of the reader",
        f"One process reads {MEMORY_MESSAGES:,} messages, no two alike (control id, patient and visit are new in "
        f"each); resident memory after every {MEMORY_MESSAGES // MEMORY_LOOKS:,}.",
        ["messages", "MB", "against the first look"],
        [
            [f"{MEMORY_MESSAGES // MEMORY_LOOKS:,}", first, plain(1.0)],
            ["the most after that", max(rest), max(rest) / first],
            [f"{MEMORY_MESSAGES:,}", rest[-1], rest[-1] / first],
        ],
    )


def _read_many(count: int) -> list[float]:
    shapes = [_with_places(raw) for raw in typical_administrations()]
    looks = []
    for number in range(1, count + 1):
        shape = shapes[number % len(shapes)]
        parse_message(shape.replace(b"\0", b"%07d" % number))
        if number % (count // MEMORY_LOOKS) == 0:
            looks.append(_resident_megabytes())
    return looks


def _with_places(raw: bytes) -> bytes:
    """The message with its control id, patient and visit open to be numbered."""
    parsed = parse_message(raw)
    for value in (parsed.header.control_id, parsed.patient.id, parsed.visit.id):
        raw = raw.replace(value.encode(), b"S\0")
    return raw


def _resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    print(json.dumps(_read_many(int(sys.argv[1]))))
