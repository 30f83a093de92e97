"""`dripcode reconcile`: a whole day balances, and whatever is taken away is found and placed."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from hl7_parsers import peek
from streams import records
from streams.cli.code import command as code
from streams.cli.reconcile import command
from streams.dead_letters import Origin, Why, dead_letter
from streams.demo.hospital_day import balance, hospital_day
from streams.embedded.records import Record
from streams.mllp import frame
from tests.faults.processes import KillWorker
from tests.streams.brokers import Broker, EmbeddedBroker
from tests.streams.play import Play
from tests.streams.worked import Day, put

SENT = hospital_day(7, 80)
MESSAGES = [message.text for message in SENT]
FATES = balance(SENT)


def run(*arguments: object, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments], env=environment, catch_exceptions=False)


def said(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (1 if found["exceptions"] else 0)
    return found


def of_broker(broker: Broker) -> dict[str, Any]:
    return said(run("--json", environment=dict(broker.environment)))


def kinds(found: dict[str, Any]) -> set[str]:
    return {one["kind"] for one in found["exceptions"]}


# -- files


class Files:
    """A day as files: messages, claim lines, findings."""

    def __init__(self, folder: Path) -> None:
        self.messages, self.lines, self.findings = (
            folder / name for name in ("day.hl7", "lines.json", "findings.json")
        )
        self.messages.write_bytes(b"".join(map(frame, MESSAGES)))
        result = CliRunner().invoke(
            code, ["--findings", str(self.findings), str(self.messages)], catch_exceptions=False
        )
        self.lines.write_text(result.stdout)

    def keep(self, path: Path, wanted: Callable[[dict[str, Any]], bool]) -> None:
        rows = [text for text in path.read_text().splitlines() if wanted(json.loads(text))]
        path.write_text("\n".join(rows) + "\n")

    def rows(self, path: Path) -> list[dict[str, Any]]:
        return [json.loads(text) for text in path.read_text().splitlines()]

    def reconcile(self) -> dict[str, Any]:
        return said(run(self.messages, self.lines, self.findings, "--json"))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_coded_day_balances(files: Files) -> None:
    found = files.reconcile()
    assert found["exceptions"] == []
    told = found["messages"]
    assert told["received"] == len(MESSAGES)
    assert told["applied"] == FATES["applied"]
    assert told["duplicate"] == FATES["duplicate"]
    assert sum(told["dead"].values()) == FATES["dead"] == len(found["dead"])
    assert sum(told["ignored"].values()) == FATES["ignored"]
    of = found["administrations"]
    assert of["total"] == of["in_lines"] + of["in_findings_alone"] > 100
    assert found["claim_lines"] == len(files.rows(files.lines))
    assert "everything is accounted for" in run(files.messages, files.lines, files.findings).stdout


def test_an_encounter_without_lines_and_findings_is_found(files: Files) -> None:
    gone = {one["encounter_id"] for one in files.rows(files.findings)}
    lost = next(one["encounter_id"] for one in files.rows(files.lines) if one["encounter_id"] not in gone)
    files.keep(files.lines, lambda line: line["encounter_id"] != lost)
    (one,) = files.reconcile()["exceptions"]
    assert (one["kind"], one["where"]) == ("ENCOUNTER_LOST", f"encounter {lost}")


def test_a_claim_set_that_lacks_a_line_is_found(files: Files) -> None:
    line = next(one for one in files.rows(files.lines) if one["line_count"] > 2)
    files.keep(files.lines, lambda one: one["claim_line_id"] != line["claim_line_id"])
    found = files.reconcile()
    incomplete = [one for one in found["exceptions"] if one["kind"] == "SET_INCOMPLETE"]
    (one,) = incomplete
    assert one["where"] == f"encounter {line['encounter_id']}"
    assert one["detail"].endswith(f"{line['line_count'] - 1} of {line['line_count']} lines")


def test_a_line_that_is_there_twice_is_found(files: Files) -> None:
    lines = files.rows(files.lines)
    again = lines[30]
    place = {
        "where": f"encounter {again['encounter_id']}, claim line {again['claim_line_id']}",
        "detail": f"version {again['claim_set_version']}, line {again['line_number']}",
    }
    files.lines.write_text("".join(f"{json.dumps(one)}\n" for one in [*lines, again]))
    assert files.reconcile()["exceptions"] == [{"kind": "LINE_TWICE", **place}]
    assert "LINE_TWICE" in run(files.messages, files.lines, files.findings).stdout
    appended = {**again, "line_number": again["line_count"] + 1}
    files.lines.write_text("".join(f"{json.dumps(one)}\n" for one in [*lines, appended]))
    assert kinds(files.reconcile()) == {"LINE_TWICE"}
    changed = {**again, "claim_line_id": "another", "units": again["units"] + 1}
    files.lines.write_text("".join(f"{json.dumps(one)}\n" for one in [*lines, changed]))
    assert kinds(files.reconcile()) == {"LINE_DIFFERS"}


def test_an_administration_that_only_a_lost_finding_named_is_found(files: Files) -> None:
    billed = {(one["encounter_id"], name) for one in files.rows(files.lines) for name in one["administration_ids"]}
    named = Counter(
        (one["encounter_id"], name) for one in files.rows(files.findings) for name in one["administration_ids"]
    )
    encounter, name = next(key for key in named if key not in billed and any(e == key[0] for e, _ in billed))
    files.keep(files.findings, lambda one: one["encounter_id"] != encounter or name not in one["administration_ids"])
    found = files.reconcile()["exceptions"]
    assert {"kind": "ADMINISTRATION_LOST", "where": f"encounter {encounter}", "detail": name} in found


def test_a_finding_that_a_line_names_and_that_is_gone_is_found(files: Files) -> None:
    line = next(one for one in files.rows(files.lines) if one["findings"])
    gone = line["findings"][0]
    files.keep(files.findings, lambda one: one["finding_id"] != gone)
    place = f"encounter {line['encounter_id']}, claim line {line['claim_line_id']}"
    assert {"kind": "NO_FINDING", "where": place, "detail": gone} in files.reconcile()["exceptions"]


def test_a_line_of_messages_that_are_not_there_is_found(files: Files) -> None:
    files.messages.write_bytes(b"".join(map(frame, MESSAGES[: len(MESSAGES) // 2])))
    found = files.reconcile()
    assert {"NO_ENCOUNTER", "NO_MESSAGE"} <= kinds(found)


def test_a_file_that_is_neither_lines_nor_findings_is_refused_by_line(files: Files) -> None:
    for wrong in ("{}", "[]", "no json"):
        files.findings.write_text(f"{wrong}\n")
        result = run(files.messages, files.lines, files.findings)
        assert result.exit_code == 2
        assert "line 1: is no claim line and no finding" in result.stderr
    assert run(files.messages).exit_code == 2


# -- the running system


def test_a_system_that_received_nothing_says_so(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "data")
    put(broker, [])
    assert "nothing is here" in run(environment=dict(broker.environment)).stdout


def test_a_running_system_balances(broker: Broker) -> None:
    day = Day(broker, MESSAGES).work()
    day.put()
    found = of_broker(broker)
    assert found["exceptions"] == []
    assert found["messages"]["applied"] == FATES["applied"]
    assert found["messages"]["duplicate"] == FATES["duplicate"]
    assert sum(found["messages"]["dead"].values()) == FATES["dead"]
    assert found["messages"]["waiting"] == found["encounters"]["waiting"] == 0
    assert found["encounters"]["closed"] > 60


@pytest.mark.slow
def test_a_day_by_a_real_worker_that_is_killed_in_the_middle_balances(broker: Broker) -> None:
    play = Play(broker, MESSAGES, rate=120.0, faults=[KillWorker(Random(7), times=2)])
    play.run()
    found = of_broker(broker)
    assert found["exceptions"] == []
    assert found["messages"]["waiting"] == found["encounters"]["waiting"] == 0
    assert found["messages"]["received"] >= len(MESSAGES)
    assert found["messages"]["applied"] == FATES["applied"]


@pytest.fixture
def embedded(tmp_path: Path) -> EmbeddedBroker:
    return EmbeddedBroker(tmp_path / "data")


@pytest.fixture
def no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.cli.reconcile._SECOND_LOOK", 0.0)


@pytest.mark.usefixtures("no_second_look")
def test_a_message_without_its_fact_is_lost_and_its_place_told(embedded: EmbeddedBroker) -> None:
    day = Day(embedded, MESSAGES).work()
    facts = [r for r in day.out if r.topic == day.topics.facts_changelog and b'["message"' in (r.value or b"")]
    day.put(lambda record: record is not facts[100])
    found = of_broker(embedded)
    assert {"MESSAGE_LOST", "COUNT_DIFFERS"} == kinds(found)
    lost = next(one for one in found["exceptions"] if one["kind"] == "MESSAGE_LOST")
    partition, offset = lost["where"].removeprefix("hl7.inbound[").split("]@")
    value = next(
        value
        for place, (number, _, value) in enumerate(
            [row for row in embedded.read(day.topics.inbound) if row[0] == int(partition)]
        )
        if place == int(offset) and number == int(partition)
    )
    message = day.applier.rules.parse(value)
    assert (facts[100].key or b"").endswith(records.message_fact_id(message, value))


@pytest.mark.usefixtures("no_second_look")
def test_a_dead_message_without_its_letter_is_lost(embedded: EmbeddedBroker) -> None:
    day = Day(embedded, MESSAGES).work()
    letter = next(record for record in day.out if record.topic == day.topics.dead_letter)
    headers = {name: value.decode() for name, value in letter.headers}
    day.put(lambda record: record is not letter)
    lost = [one["where"] for one in of_broker(embedded)["exceptions"] if one["kind"] == "MESSAGE_LOST"]
    assert lost == [f"{headers['topic']}[{headers['partition']}]@{headers['offset']}"]


@pytest.mark.usefixtures("no_second_look")
def test_a_lost_claim_line_is_found(embedded: EmbeddedBroker) -> None:
    day = Day(embedded, MESSAGES).work()
    line = [record for record in day.out if record.topic == day.topics.claim_lines][40]
    day.put(lambda record: record is not line)
    found = of_broker(embedded)
    assert "SET_INCOMPLETE" in kinds(found)
    assert {one["where"] for one in found["exceptions"]} == {f"encounter {(line.key or b'').decode()}"}


@pytest.mark.usefixtures("no_second_look")
def test_what_nobody_of_ours_wrote_is_told_by_its_place(embedded: EmbeddedBroker) -> None:
    day = Day(embedded, MESSAGES).work()
    day.put()
    topics = (day.topics.closed, day.topics.claim_lines, day.topics.worklist)
    put(embedded, [Record(topic, b"V1", b"{}", partition=0) for topic in topics])
    found = of_broker(embedded)
    assert kinds(found) == {"UNREADABLE"}
    assert [one["where"].partition("[0]@")[0] for one in found["exceptions"]] == [*topics]


@pytest.mark.usefixtures("no_second_look")
def test_a_line_that_was_published_again_is_no_exception_and_one_that_was_changed_is(embedded: EmbeddedBroker) -> None:
    day = Day(embedded, MESSAGES).work()
    day.put()
    line = next(record for record in day.out if record.topic == day.topics.claim_lines)
    content = json.loads(line.value or b"")
    put(embedded, [replace(line, value=json.dumps({**content, "coded_at": "2026-03-05T00:00:00+00:00"}).encode())])
    assert of_broker(embedded)["exceptions"] == []
    put(embedded, [replace(line, value=json.dumps({**content, "units": 9}).encode())])
    place = f"encounter {content['encounter_id']}, claim line {content['claim_line_id']}"
    (found,) = of_broker(embedded)["exceptions"]
    assert (found["kind"], found["where"]) == ("LINE_DIFFERS", place)


@pytest.mark.usefixtures("no_second_look")
def test_a_line_of_a_message_that_is_gone_from_the_topic_is_found(embedded: EmbeddedBroker) -> None:
    day = Day(embedded, MESSAGES).work()
    lines = [json.loads(r.value or b"") for r in day.out if r.topic == day.topics.claim_lines]
    named = {name for line in lines for name in line["message_control_ids"]}
    inbound = [(peek(r.value or b"").control_id, r) for r in day.out if r.topic == day.topics.inbound]
    came = Counter(name for name, _ in inbound)
    # The last of its partition, so that no other message takes its place.
    last = {r.partition: (name, r) for name, r in inbound}
    name, gone = next((name, r) for name, r in last.values() if name in named and came[name] == 1)
    day.put(lambda record: record is not gone)
    found = of_broker(embedded)
    assert kinds(found) == {"NO_MESSAGE", "COUNT_DIFFERS"}
    assert {one["detail"] for one in found["exceptions"] if one["kind"] == "NO_MESSAGE"} == {f"control ids {name}"}


@pytest.mark.usefixtures("no_second_look")
def test_an_encounter_that_could_not_be_coded_is_told_with_its_letter(embedded: EmbeddedBroker) -> None:
    day = Day(embedded, MESSAGES).work()
    lines = {record.key for record in day.out if record.topic == day.topics.claim_lines}
    closed = next(r for r in day.out if r.topic == day.topics.closed)
    encounter = records.decode_closed(closed.value or b"").encounter.encounter_id.encode()
    assert encounter in lines
    assert closed.partition is not None
    letter = dead_letter(
        day.topics.dead_letter,
        b"",
        closed.value or b"",
        Origin(day.topics.closed, closed.partition, 0),
        Why("CODING_X"),
    )
    day.put(lambda record: record.key != encounter)
    put(embedded, [letter])
    found = of_broker(embedded)
    assert {(one["kind"], one["where"]) for one in found["exceptions"]} == {
        ("ENCOUNTER_NOT_CODED", f"encounter {encounter.decode()}")
    }


def test_what_the_worker_has_not_come_to_waits_and_is_no_exception(embedded: EmbeddedBroker) -> None:
    day = Day(embedded, MESSAGES).work()
    put(embedded, [record for record in day.out if record.topic in (day.topics.inbound, day.topics.closed)])
    found = of_broker(embedded)
    assert found["exceptions"] == []
    assert found["messages"]["waiting"] == found["messages"]["received"] == len(MESSAGES)
    assert found["encounters"]["waiting"] > 60


def test_a_text_for_a_person_names_the_dead_and_no_patient(embedded: EmbeddedBroker) -> None:
    Day(embedded, MESSAGES).work().put()
    result = run(environment=dict(embedded.environment))
    assert result.stdout.count("dead: hl7.inbound[") == FATES["dead"]
    assert result.stdout.endswith("everything is accounted for\n")
    assert "SYN0" not in result.stdout


def test_a_message_that_has_just_come_waits(embedded: EmbeddedBroker) -> None:
    Day(embedded, MESSAGES[:50]).work().put()
    put(embedded, [Record(embedded.topics.inbound, b"SYNTH|SYN1", b"not yet read")])
    assert of_broker(embedded)["messages"]["waiting"] == 1
