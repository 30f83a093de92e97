"""Our reader against python-hl7, bare splitting and HAPI, and its memory over many messages.

python -m tests.bench.reader N      # reads N messages and prints the resident memory on the way (MB, JSON)
"""

from __future__ import annotations

import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import hl7

from hl7_parsers import er7, events, parse_message
from tests.bench import hapi
from tests.bench.messages import typical_administrations
from tests.bench.tables import Spread, Table, plain, ratios

ROUNDS = 9
PER_ROUND = 200
MEMORY_MESSAGES = 1_000_000
MEMORY_LOOKS = 10
HAPI_WARM_UPS = 15  # readings of all messages; after some 20,000 messages it gets no faster
# Seven fields as a Terser names them: with segments searched for, as its documentation shows, and with full paths.
SEARCHED = ["/.MSH-10", "/.PID-3-1", "/.PV1-19-1", "/.ORC-2-1", "/.RXA-5-1", "/.RXA-3-1", "/.RXA-6"]
FULL_PATHS = ["/MSH-10", "/PATIENT/PID-3-1", "/PATIENT/PATIENT_VISIT/PV1-19-1", "/ORDER/ORC-2-1"]
FULL_PATHS += [f"/ORDER/ADMINISTRATION/RXA-{place}" for place in ("5-1", "3-1", "6")]


def split(raw: bytes) -> list[list[list[str]]]:
    """The least that any reader does: segments, fields, components, nothing looked at."""
    return [[field.split("^") for field in line.split("|")] for line in raw.decode().split("\r")]


UNKNOWN_DRUGS = "parse_message, no drug code seen before"
PYTHON_HL7 = "hl7.parse alone: no value taken out"
BARE = "bare str.split: segments, fields, components"
READERS: dict[str, Callable[[bytes], object]] = {
    "parse_message: every event, typed": parse_message,
    UNKNOWN_DRUGS: parse_message,
    PYTHON_HL7: lambda raw: hl7.parse(raw.decode()),
    BARE: split,
}


def run() -> list[Table]:
    everything = list(typical_administrations())
    random.Random(1).shuffle(everything)  # else neighbours would be of one patient
    # One version, since HAPI has a model for each; no charting mistakes, since raw values cannot be compared there.
    whole = (raw.replace(b"|P|2.4|", b"|P|2.5.1|", 1) for raw in everything if all(seven_values(raw)))
    messages = list(islice(whole, ROUNDS * PER_ROUND))
    for raw in messages[:: len(messages) // 100]:
        _check_same(raw)
    return [_speed(messages), *_against_hapi(messages), _memory()]


def _check_same(raw: bytes) -> None:
    """The three readers find the same; a fast reader of something else would be worth nothing."""
    ours, theirs, pieces = parse_message(raw), hl7.parse(raw.decode()), split(raw)
    by_name = {row[0][0]: row for row in reversed(pieces) if row[0][0]}
    rxa, orc = theirs.segments("RXA")[0], theirs.segments("ORC")[0]
    found = [str(each) for each in (theirs.segment("MSH")[10], theirs.segment("PID")[3][0][0])]
    found += [str(each) for each in (theirs.segment("PV1")[19], orc[2][0][0], rxa[5][0][0], rxa[3], rxa[6])]
    places = [("MSH", 9), ("PID", 3), ("PV1", 19), ("ORC", 2), ("RXA", 5), ("RXA", 3), ("RXA", 6)]
    assert seven_values(raw) == found == [by_name[name][number][0] for name, number in places]
    assert len(ours.events) == len(theirs.segments("RXA"))


def seven_values(raw: bytes) -> list[str]:
    """Control id, patient, visit, and of the first administration order, drug, time and dose, by our reader."""
    message = parse_message(raw)
    first = message.events[0]
    assert isinstance(first, events.AdministrationEvent)
    ids = [message.header.control_id, message.patient.id, message.visit.id, first.placer, first.drug.id]
    when = f"{first.at.at:%Y%m%d%H%M%S%z}" if first.at else ""
    return [*ids, when, str(first.dose.amount) if first.dose else ""]


def seven_fields(raw: bytes) -> list[str]:
    """The same by our ER7 reader alone, which is all that HAPI is asked for."""
    message = er7.read(raw)
    pid, pv1, orc, rxa = (message.first(name) for name in ("PID", "PV1", "ORC", "RXA"))
    assert pid is not None
    assert pv1 is not None
    assert orc is not None
    assert rxa is not None
    return [message.header.text(10), pid.text(3), pv1.text(19), orc.text(2), rxa.text(5), rxa.text(3), rxa.text(6)]


def _speed(messages: Sequence[bytes]) -> Table:
    seconds: dict[str, list[float]] = {name: [] for name in READERS}
    for number in range(ROUNDS):
        batch = messages[number * PER_ROUND : (number + 1) * PER_ROUND]
        for name, read in READERS.items():
            of_reader = [_with_new_drugs(raw) for raw in batch] if name == UNKNOWN_DRUGS else batch
            seconds[name].append(_cpu_seconds(read, of_reader))
    theirs, bare = seconds[PYTHON_HL7], seconds[BARE]
    return Table(
        "Reading one RAS message",
        f"Messages of {min(map(len, messages))} to {max(map(len, messages))} bytes (median "
        f"{statistics.median(map(len, messages)):.0f}) with two or three administrations each; the same {PER_ROUND} "
        f"for every reader, others in each of {ROUNDS} rounds, of patients in no order; control id, patient, visit, "
        "order, drug, time and dose compared before. CPU time; median (least - greatest) of the rounds, ratios within "
        "a round.",
        ["reader", "µs a message", "how often in the time of hl7.parse", "time against bare splitting"],
        [
            [name, Spread.of(1e6 * one for one in taken), ratios(theirs, taken), ratios(taken, bare)]
            for name, taken in seconds.items()
        ],
    )


def _with_new_drugs(raw: bytes) -> bytes:
    """The message with drug codes that no message had before, so that nothing kept of a drug helps."""
    control_id, serial = seven_fields(raw)[0].encode(), iter(range(100))
    return re.sub(rb"\|SYN\d{4}\^", lambda _: b"|%s-%d^" % (control_id, next(serial)), raw)


def _against_hapi(messages: Sequence[bytes]) -> list[Table]:
    """The table of HAPI, or none where it cannot be run."""
    if lacking := hapi.missing():
        print(f"HAPI not measured: {lacking}", file=sys.stderr)
        return []
    with (
        TemporaryDirectory() as folder,
        hapi.Hapi(messages, SEARCHED, Path(folder)) as searching,
        hapi.Hapi(messages, FULL_PATHS, Path(folder)) as knowing,
    ):
        taken: dict[str, list[float]] = {name: [] for name in ("events", "fields", "searching", "knowing")}
        for java in (searching, knowing):
            values = java.values(0, len(messages))
            assert values == [seven_values(raw) for raw in messages] == [seven_fields(raw) for raw in messages]
            for _ in range(HAPI_WARM_UPS):
                java.seconds(0, len(messages))
        for number in range(ROUNDS):
            start, stop = number * PER_ROUND, (number + 1) * PER_ROUND
            taken["events"].append(_cpu_seconds(parse_message, messages[start:stop]))
            taken["fields"].append(_cpu_seconds(seven_fields, messages[start:stop]))
            taken["searching"].append(searching.seconds(start, stop))
            taken["knowing"].append(knowing.seconds(start, stop))
    names = {
        "events": "parse_message: every event, typed",
        "fields": "er7.read: the seven fields",
        "searching": "HAPI, seven fields, segments searched (/.PID-3-1)",
        "knowing": "HAPI, seven fields, full paths (/PATIENT/PID-3-1)",
    }
    return [
        Table(
            "Reading one RAS message, against HAPI",
            f"HAPI 2.5.1 on its own structures: PipeParser without validation, then seven fields through a Terser; "
            f"{HAPI_WARM_UPS * len(messages):,} messages read before it is measured, the time of its reading thread "
            f"alone. The same messages as above, {PER_ROUND} in each of {ROUNDS} rounds, in turn with ours; the seven "
            "values compared for every message. CPU time; median (least - greatest), ratios within a round.",
            ["reader", "µs a message", "against every event", "against the seven fields"],
            [
                [
                    names[n],
                    Spread.of(1e6 * one for one in each),
                    ratios(each, taken["events"]),
                    ratios(each, taken["fields"]),
                ]
                for n, each in taken.items()
            ],
        )
    ]


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
