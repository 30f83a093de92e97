"""`dripcode deliver`: into folders and over MLLP, on both brokers, killed in the middle."""

import asyncio
import csv
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import hl7
import pytest
from click.testing import CliRunner, Result

from streams.appenders import appender_of
from streams.cli.deliver import command
from streams.embedded.records import Record
from streams.mllp import frame
from streams.provision import open_store, provision_kafka
from tests.streams.brokers import Broker, EmbeddedBroker
from tests.streams.issued import as_published, histories, line, standing, version
from tests.streams.receiver import Act, Receiver, Script, acknowledge, answer
from tests.waiting import PATIENCE, wait_for

SEED = 11


def run(broker: Broker, *arguments: object) -> Result:
    return CliRunner().invoke(
        command, [str(one) for one in arguments], env=dict(broker.environment), catch_exceptions=False
    )


def put(broker: Broker, found: Sequence[Record]) -> None:
    async def append() -> None:
        appender = appender_of(broker.settings)
        await appender.start()
        try:
            assert not [one for one in await appender.append(found) if isinstance(one, Exception)]
        finally:
            await appender.stop()

    asyncio.run(append())


def lines(broker: Broker, *found: dict[str, object]) -> None:
    topic = broker.topics.claim_lines
    put(broker, [Record(topic, str(one["encounter_id"]).encode(), json.dumps(one).encode()) for one in found])


@pytest.fixture
def ready(broker: Broker) -> Broker:
    """A broker with its topics."""
    if broker.settings.is_embedded:
        open_store(broker.settings).close()
    else:
        asyncio.run(provision_kafka(broker.settings))
    return broker


@pytest.fixture
def embedded(tmp_path: Path) -> Broker:
    broker = EmbeddedBroker(tmp_path / "data")
    open_store(broker.settings).close()
    return broker


@contextmanager
def receiving(script: Script = acknowledge) -> Iterator[tuple[int, list[bytes]]]:
    """A receiver in a thread of its own: its port, and what it received."""
    loop, receiver = asyncio.new_event_loop(), Receiver(script)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(receiver.listen(0), loop).result(5)
    try:
        yield receiver.port, receiver.received
    finally:
        asyncio.run_coroutine_threadsafe(receiver.close(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


# -- reading what was delivered


def of_folder(folder: Path) -> set[tuple[str, int]]:
    """What the CSV files charge in the end, each checked against its manifest."""
    charged: dict[str, tuple[str, int]] = {}
    made, reversed_ = set[str](), set[str]()
    for manifest in sorted(folder.glob("*.manifest.json")):
        said = json.loads(manifest.read_text())
        content = (folder / said["file"]).read_bytes()
        assert said["sha256"] == hashlib.sha256(content).hexdigest()
        rows = list(csv.DictReader(content.decode().splitlines()))
        assert len(rows) == said["rows"]
        for row in rows:
            key = row["transaction_id"]
            if row["type"] == "charge":
                assert key not in made
                made.add(key)
                charged[key] = (row["claim_line_id"], int(row["units"]))
            else:
                assert key not in reversed_
                reversed_.add(key)
                assert charged.pop(key) == (row["claim_line_id"], int(row["units"]))
    assert len(list(folder.glob("*.csv"))) == len(list(folder.glob("*.manifest.json")))
    return set(charged.values())


def of_messages(messages: Sequence[bytes]) -> set[tuple[str, int]]:
    """What the DFT messages charge in the end, by transaction id; a message that came twice counts once."""
    charged: dict[str, tuple[str, int]] = {}
    seen: dict[str, bytes] = {}
    for text in messages:
        message = hl7.parse(text.decode())
        control_id = message["MSH.F10"]
        if control_id in seen:
            assert seen[control_id] == text
            continue
        seen[control_id] = text
        for row in message.segments("FT1"):
            key, units = str(row[2]), int(str(row[10]))
            if str(row[6]) == "CG":
                assert key not in charged
                charged[key] = (message["PV1.F19"], units)
            else:
                assert charged.pop(key)[1] == units
    return set(charged.values())


def of_claims(folder: Path) -> set[tuple[str, int]]:
    """What the 837 files claim in the end, as encounter and units; a claim is original, then replaced, or void."""
    claims: dict[str, list[int]] = {}
    open_claims = set[str]()
    for path in sorted(folder.glob("*.x12")):
        claim = ""
        for name, *elements in (segment.strip().split("*") for segment in path.read_text().split("~")):
            if name == "CLM":
                claim, frequency = elements[0], elements[4][-1]
                assert (frequency == "1") == (claim not in open_claims)
                claims[claim], is_void = [], frequency == "8"
                (open_claims.discard if is_void else open_claims.add)(claim)
            elif name == "SV2" and claim in open_claims:
                claims[claim].append(int(elements[4]))
    return {(claim, units) for claim, all_units in claims.items() for units in all_units}


def of_resources(folder: Path) -> set[tuple[str, int]]:
    """What the ChargeItems charge in the end; one is made once, and once entered in error at most."""
    charged: dict[str, tuple[str, int]] = {}
    seen = set[tuple[str, str]]()
    for path in sorted(folder.glob("*.ndjson")):
        for item in map(json.loads, path.read_text().splitlines()):
            assert (item["id"], item["status"]) not in seen
            seen.add((item["id"], item["status"]))
            said = item["identifier"][1]["value"], item["quantity"]["value"]
            if item["status"] == "entered-in-error":
                assert charged.pop(item["id"]) == said
            else:
                charged[item["id"]] = said
    return set(charged.values())


def billed(made: dict[str, list[list[dict[str, object]]]]) -> set[tuple[str, int]]:
    """What stands, as encounter and units: a DFT names no claim line."""
    return {(key.partition("-")[0], units) for key, units in standing(made)}


# -- into folders


def test_files_follow_what_stands_on_both_brokers(ready: Broker, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    made = histories(chance, encounters=20, versions=4)
    to_come = as_published(chance, made, ready.topics.claim_lines)
    folder = tmp_path / "out"
    for part in (to_come[:50], to_come[50:], []):
        put(ready, part)
        result = run(ready, "csv", "--to", folder)
        assert result.exit_code == 0, result.stderr
    assert result.stderr == "nothing new; 0 files delivered\n"
    assert of_folder(folder) == standing(made)


def test_a_reader_that_starts_late_gets_what_stands_and_no_reversal(embedded: Broker, tmp_path: Path) -> None:
    lines(embedded, *version(1, [line("a")]), *version(2, [line("b")], [line("a")]))
    assert run(embedded, "csv", "--to", tmp_path / "out").exit_code == 0
    (manifest,) = (tmp_path / "out").glob("*.manifest.json")
    assert json.loads(manifest.read_text())["reversals"] == 0
    assert of_folder(tmp_path / "out") == {("b", 1)}


def test_lines_of_another_status_are_delivered_where_asked(embedded: Broker, tmp_path: Path) -> None:
    lines(embedded, *version(1, [line("a"), line("b", status="review"), line("c", status="hold")]))
    run(embedded, "csv", "--to", tmp_path / "ready")
    run(embedded, "csv", "--to", tmp_path / "both", "--status", "ready", "--status", "review")
    assert of_folder(tmp_path / "ready") == {("a", 1)}
    assert of_folder(tmp_path / "both") == {("a", 1), ("b", 1)}


def test_a_claim_is_kept_back_until_all_its_lines_are_ready(embedded: Broker, tmp_path: Path) -> None:
    lines(embedded, *version(1, [line("a"), line("b", status="review")]), *version(1, [line("c", "V2")]))
    result = run(embedded, "x12", "--to", tmp_path / "x12")
    assert result.stderr == (
        "1 new charge and 0 reversals of 1 encounter; 1 file delivered\n"
        "1 encounter kept back: not all lines are ready\n"
    )
    assert of_claims(tmp_path / "x12") == {("V2", 1)}
    assert run(embedded, "x12", "--to", tmp_path / "part", "--partial").stderr.count("\n") == 1
    assert of_claims(tmp_path / "part") == {("V1", 1), ("V2", 1)}
    result = run(embedded, "x12", "--to", tmp_path / "x12", "--partial")
    assert "was made for encounters whole, not in part" in result.stderr
    lines(embedded, *version(2, [line("a"), line("d")], [line("b")]))
    assert "kept back" not in run(embedded, "x12", "--to", tmp_path / "x12").stderr
    assert of_claims(tmp_path / "x12") == {("V1", 1), ("V2", 1)}


def test_a_folder_is_for_one_format_of_one_topic(embedded: Broker, tmp_path: Path) -> None:
    lines(embedded, *version(1, [line("a")]))
    run(embedded, "csv", "--to", tmp_path / "out")
    result = run(embedded, "x12", "--to", tmp_path / "out")
    assert result.exit_code == 1
    assert "was made for format csv, not x12" in result.stderr


def test_x12_and_fhir_files_are_written_and_what_changed_too(embedded: Broker, tmp_path: Path) -> None:
    for number, (add, void) in enumerate([([line("a")], []), ([line("b")], [line("a")])], 1):
        lines(embedded, *version(number, add, void))
        assert run(embedded, "x12", "--to", tmp_path / "x12", "--revenue-code", "therapeutic=0269").exit_code == 0
        assert run(embedded, "fhir", "--to", tmp_path / "fhir").exit_code == 0
    first, second = (path.read_text() for path in sorted((tmp_path / "x12").glob("837I-*.x12")))
    assert "CLM*V1*0***13:A:1*" in first
    assert "SV2*0269*" in first
    assert "CLM*V1*0***13:A:7*" in second
    items = [
        json.loads(text)
        for path in sorted((tmp_path / "fhir").glob("*.ndjson"))
        for text in path.read_text().splitlines()
    ]
    assert [one["status"] for one in items] == ["billable", "entered-in-error", "billable"]
    assert items[0]["id"] == items[1]["id"] != items[2]["id"]


def test_a_revenue_code_of_an_unknown_family_is_refused(embedded: Broker, tmp_path: Path) -> None:
    result = run(embedded, "x12", "--to", tmp_path / "x12", "--revenue-code", "hydraton=0260")
    assert result.exit_code == 2
    assert "families are hydration" in result.stderr


# -- over MLLP


def test_charges_go_out_as_dft_and_are_taken_back_by_their_id(ready: Broker) -> None:
    with receiving() as (port, received):
        lines(ready, *version(1, [line("a"), line("b", units=2)]))
        assert run(ready, "dft", "--to", f"127.0.0.1:{port}").exit_code == 0
        lines(ready, *version(2, [line("b", units=2), line("c", units=3)], [line("a")]))
        assert run(ready, "dft", "--to", f"127.0.0.1:{port}").exit_code == 0
        assert run(ready, "dft", "--to", f"127.0.0.1:{port}").exit_code == 0
    first, second = (hl7.parse(text.decode()) for text in received)
    assert [str(row[6]) for row in first.segments("FT1")] == ["CG", "CG"]
    assert [str(row[6]) for row in second.segments("FT1")] == ["CD", "CG"]
    assert str(second.segments("FT1")[0][2]) == str(first.segments("FT1")[0][2])
    assert of_messages(received) == {("V1", 2), ("V1", 3)}


def test_a_refused_message_is_named_kept_and_sent_again(embedded: Broker) -> None:
    codes = iter(["AE", "AA", "AA"])

    def script(_count: int, text: bytes) -> Sequence[Act]:
        return [frame(answer(text, next(codes)))]

    with receiving(script) as (port, received):
        lines(embedded, *version(1, [line("a")]), *version(1, [line("b", "V2")]))
        result = run(embedded, "dft", "--to", f"127.0.0.1:{port}")
        assert result.exit_code == 1
        assert "refused with AE: DC" in result.stderr
        assert "SYN" not in result.stderr
        result = run(embedded, "dft", "--to", f"127.0.0.1:{port}")
        assert result.exit_code == 0
    assert len(received) == 3
    assert len(set(received)) == 2


def test_a_refused_message_can_be_given_up(embedded: Broker) -> None:
    def script(_count: int, text: bytes) -> Sequence[Act]:
        return [frame(answer(text, "AR"))]

    with receiving(script) as (port, received):
        lines(embedded, *version(1, [line("a")]))
        to = ("--to", f"127.0.0.1:{port}")
        assert run(embedded, "dft", *to).exit_code == 1
        control_id = hl7.parse(received[0].decode())["MSH.F10"]
        assert run(embedded, "dft", *to, "--give-up", "DCNOTTHERE").exit_code == 2
        assert run(embedded, "dft", *to, "--give-up", control_id).exit_code == 0
        assert run(embedded, "dft", *to).exit_code == 0
    assert len(received) == 1


def test_a_receiver_that_is_not_there_is_told_and_nothing_is_lost(embedded: Broker) -> None:
    with receiving() as (port, _):
        pass
    lines(embedded, *version(1, [line("a")]))
    result = run(embedded, "dft", "--to", f"127.0.0.1:{port}", "--patience", "0.3")
    assert result.exit_code == 1
    assert result.stderr == (
        "1 new charge and 0 reversals of 1 encounter; 0 messages delivered, 1 still to come\n"
        f"no answer from 127.0.0.1:{port}: nothing listens there (connection refused); nothing is lost, run it again\n"
    )


def test_an_answer_to_another_message_is_no_answer_and_the_same_message_is_sent_again(embedded: Broker) -> None:
    def script(count: int, text: bytes) -> Sequence[Act]:
        return [frame(answer(text, about="ANOTHER" if count == 1 else None))]

    with receiving(script) as (port, received):
        lines(embedded, *version(1, [line("a")]))
        # Silence ends after 10 seconds, or with the patience for a message if that is less.
        result = run(embedded, "dft", "--to", f"127.0.0.1:{port}", "--patience", "0.5")
        assert result.exit_code == 1
        assert "it did not answer in time; nothing is lost" in result.stderr
        result = run(embedded, "dft", "--to", f"127.0.0.1:{port}")
    assert result.stderr == "nothing new; 1 message delivered\n"
    assert len(received) == 2
    assert len(set(received)) == 1


# -- killed in the middle


class Killed:
    """Runs of `dripcode deliver …` that are killed at random moments."""

    def __init__(self, broker: Broker, *arguments: object) -> None:
        self.arguments = [sys.executable, "-m", "streams", "deliver", *(str(one) for one in arguments)]
        self.environment = {**os.environ, **broker.environment}

    def run(self, moment: Callable[[], bool]) -> bool:
        """Start it and kill it at this moment; False when it had ended by then."""
        process = subprocess.Popen(self.arguments, env=self.environment, stderr=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while process.poll() is None and not moment():
            assert time.monotonic() < until
            time.sleep(0.001)
        was_alive = process.poll() is None
        process.kill()
        process.wait()
        return was_alive

    def whole_run(self) -> None:
        subprocess.run(self.arguments, env=self.environment, check=True, capture_output=True, timeout=120)


def kills_of(broker: Broker) -> int:
    return 14 if broker.settings.is_embedded else 4


class Writing:
    """The moment so many seconds after a delivery began to write its memory."""

    def __init__(self, log: Path, seconds: float) -> None:
        self.log, self.seconds = log, seconds
        self.was = self._written()
        self.at = float("inf")

    def _written(self) -> int:
        try:
            return self.log.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def __call__(self) -> bool:
        now = time.monotonic()
        if self._written() not in (self.was, 0):
            self.at = min(self.at, now + self.seconds)
        return now > self.at


class Appearing:
    """The moment when another file comes into a folder, whole or in part."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before = self._there()

    def _there(self) -> set[str]:
        return {path.name for path in self.folder.glob("*") if ".delivery.db" not in path.name}

    def __call__(self) -> bool:
        return not self._there() <= self.before


def shares(found: Sequence[Record], number: int) -> Iterator[Sequence[Record]]:
    return (found[place * len(found) // number : (place + 1) * len(found) // number] for place in range(number))


@pytest.mark.slow
def test_files_are_whole_when_it_is_killed_again_and_again(ready: Broker, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    made = histories(chance, encounters=400, versions=4)
    to_come = as_published(chance, made, ready.topics.claim_lines)
    folder, kills, killed = tmp_path / "out", kills_of(ready), 0
    job = Killed(ready, "csv", "--to", folder)
    for share in shares(to_come, kills):
        put(ready, share)
        killed += job.run(Writing(folder / ".delivery.db-wal", chance.uniform(0, 0.06)))
    job.whole_run()
    assert killed >= kills / 4, "it was not killed as often as meant"
    assert of_folder(folder) == standing(made)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["x12", "fhir"])
def test_claims_and_resources_are_whole_when_it_is_killed(embedded: Broker, tmp_path: Path, kind: str) -> None:
    chance = random.Random(SEED)
    made = histories(chance, encounters=90, versions=4)
    folder, killed = tmp_path / "out", 0
    job = Killed(embedded, kind, "--to", folder, "--partial")
    for number, share in enumerate(shares(as_published(chance, made, embedded.topics.claim_lines), 3)):
        put(embedded, share)
        by_time = Writing(folder / ".delivery.db-wal", chance.uniform(0.02, 0.1))
        killed += job.run(by_time if number == 1 else Appearing(folder))
    job.whole_run()
    assert killed, "it was not killed as often as meant"
    if kind == "x12":
        assert of_claims(folder) == billed(made)
    else:
        assert of_resources(folder) == standing(made)
    assert not list(folder.glob("*.part"))


@pytest.mark.slow
def test_every_charge_arrives_when_it_is_killed_while_it_sends(ready: Broker) -> None:
    chance = random.Random(SEED)
    made = histories(chance, encounters=150, versions=3)

    def slowly(_count: int, text: bytes) -> Sequence[Act]:
        return [0.004, frame(answer(text))]

    with receiving(slowly) as (port, received):
        job = Killed(ready, "dft", "--to", f"127.0.0.1:{port}")
        kills, killed = kills_of(ready), 0
        for share in shares(as_published(chance, made, ready.topics.claim_lines), kills):
            put(ready, share)
            enough = len(received) + chance.randint(1, 15)
            killed += job.run(lambda enough=enough: len(received) >= enough)  # type: ignore[misc]
        job.whole_run()
    assert killed > kills / 2, "it was not killed as often as meant"
    assert len(received) > len(set(received)), "no message was ever sent again"
    assert of_messages(received) == billed(made)


@pytest.mark.slow
def test_it_follows_until_it_is_told_to_stop(ready: Broker, tmp_path: Path) -> None:
    job = Killed(ready, "csv", "--to", tmp_path / "out", "--follow")
    process = subprocess.Popen(job.arguments, env=job.environment, stderr=subprocess.PIPE)
    try:
        for number in range(1, 4):
            lines(ready, *version(1, [line(f"L{number}", f"V{number}")]))
            wait_for(
                lambda most=number: len(list((tmp_path / "out").glob("*.manifest.json"))) >= most or process.poll(),  # type: ignore[misc]
                "the next file is delivered",
            )
    finally:
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert told == b"3 new charges and 0 reversals of 3 encounters; 6 files delivered\n"
    assert of_folder(tmp_path / "out") == {("L1", 1), ("L2", 1), ("L3", 1)}
