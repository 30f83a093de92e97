"""`dripcode explain`: an encounter or a line, as issued, from the read model or the topics, down to the messages."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.explain import command
from streams.cli.project import project
from streams.demo.hospital_day import hospital_day
from streams.embedded.records import Record
from tests.streams.brokers import Broker, EmbeddedBroker
from tests.streams.issued import line
from tests.streams.worked import Day, put

MESSAGES = [message.text for message in hospital_day(7, 40)]


def run(broker: Broker, *arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), env=dict(broker.environment), catch_exceptions=False)


def said(broker: Broker, *arguments: str) -> dict[str, Any]:
    result = run(broker, *arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def issued(day: Day) -> list[dict[str, Any]]:
    return [json.loads(record.value or b"") for record in day.out if record.topic == day.topics.claim_lines]


def reissued(day: Day) -> dict[str, Any]:
    """A void line of an encounter that stands in another version."""
    return next(one for one in issued(day) if one["action"] == "void")


@pytest.fixture
def day(broker: Broker) -> Day:
    """A day whose last messages came when its encounters were closed."""
    worked = Day(broker, MESSAGES).work(late=150)
    worked.put()
    return worked


@pytest.fixture
def embedded(tmp_path: Path) -> Day:
    worked = Day(EmbeddedBroker(tmp_path), MESSAGES).work(late=150)
    worked.put()
    return worked


def test_an_encounter_is_explained_as_it_was_issued(day: Day) -> None:
    encounter_id = reissued(day)["encounter_id"]
    mine = [one for one in issued(day) if one["encounter_id"] == encounter_id]
    newest = max(one["claim_set_version"] for one in mine)
    found = said(day.broker, encounter_id)
    assert found["claim_lines"] == [
        one for one in mine if one["claim_set_version"] == newest and one["action"] == "add"
    ]
    assert [one["version"] for one in found["versions"]] == sorted({one["claim_set_version"] for one in mine})
    gone = {one["claim_line_id"] for version in found["versions"] for one in version["gone"]}
    assert gone == {one["claim_line_id"] for one in mine if one["action"] == "void"}
    assert found["encounter"]["encounter_id"] == encounter_id


def test_every_message_is_told_with_its_place(day: Day) -> None:
    for encounter_id in sorted({one["encounter_id"] for one in issued(day)})[:5]:
        found = said(day.broker, encounter_id)
        at = {(n, o): value for n, o, value in numbered(day)}
        named = {name for one in found["encounter"]["administrations"] for name in one["message_control_ids"]}
        assert named
        assert named <= {one["control_id"] for one in found["messages"]}
        for one in found["messages"]:
            partition, offset = one["place"].removeprefix(f"{day.topics.inbound}[").split("]@")
            assert f"|{one['control_id']}|".encode() in at[int(partition), int(offset)]


def numbered(day: Day) -> list[tuple[int, int, bytes]]:
    ends: dict[int, int] = {}
    rows = []
    for partition, _, value in day.broker.read(day.topics.inbound):
        rows.append((partition, ends.get(partition, 0), value))
        ends[partition] = ends.get(partition, 0) + 1
    return rows


def test_the_text_is_the_worksheet_then_versions_findings_and_messages(embedded: Day) -> None:
    encounter_id = reissued(embedded)["encounter_id"]
    text = run(embedded.broker, encounter_id).stdout
    assert text.startswith("Closed by ")
    parts = [text.index(part) for part in (f"Encounter {encounter_id}: ", "\nVersions\n", "\nMessages\n")]
    assert parts == sorted(parts)
    assert "(INFUSION; " in text or "(PUSH; " in text
    assert "hl7.inbound[" in text


def test_a_claim_line_is_explained_alone(embedded: Day) -> None:
    wanted = next(one for one in issued(embedded) if one["line_count"] > 2 and one["action"] == "add")
    found = said(embedded.broker, wanted["claim_line_id"])
    assert [one["claim_line_id"] for one in found["claim_lines"]] == [wanted["claim_line_id"]]
    given = [one["administration_id"] for one in found["encounter"]["administrations"]]
    assert sorted(given) == sorted(wanted["administration_ids"])
    for version in found["versions"]:
        assert {one["claim_line_id"] for one in version["added"] + version["gone"]} == {wanted["claim_line_id"]}
    text = run(embedded.broker, wanted["claim_line_id"]).stdout
    assert all(reason["text"] in text for reason in found["claim_lines"][0]["reasons"])


def test_a_line_that_no_longer_stands_is_shown_as_it_stood_and_when_it_went(embedded: Day) -> None:
    void = reissued(embedded)
    found = said(embedded.broker, void["claim_line_id"])
    (one,) = found["claim_lines"]
    assert one["action"] == "add"
    assert one["claim_set_version"] < void["claim_set_version"]
    assert [bool(version["gone"]) for version in found["versions"]][-1]


def test_the_read_model_says_the_same_as_the_topics_while_it_is_fresh(embedded: Day) -> None:
    asyncio.run(project(embedded.settings, once=True))
    names = [reissued(embedded)["encounter_id"], issued(embedded)[0]["claim_line_id"]]
    for name in names:
        assert said(embedded.broker, name) == said(embedded.broker, name, "--topics")
    result = run(embedded.broker, names[0])
    assert result.stderr == ""


def test_a_read_model_that_is_behind_is_passed_over(embedded: Day) -> None:
    asyncio.run(project(embedded.settings, once=True))
    late = line("LATE", "V-LATE")
    put(embedded.broker, [Record(embedded.topics.claim_lines, b"V-LATE", json.dumps(late).encode())])
    result = run(embedded.broker, "LATE", "--json")
    assert "what the pages know is older than the topics" in result.stderr
    assert json.loads(result.stdout)["claim_lines"] == [late]
    assert "it is not among the closed encounters" in run(embedded.broker, "LATE").stdout


def test_two_patients_of_one_encounter_id_are_told_apart(embedded: Day) -> None:
    rows = [line("A", "V-X"), line("B", "V-X", patient_id="SYNOTHER")]
    put(embedded.broker, [Record(embedded.topics.claim_lines, b"V-X", json.dumps(one).encode()) for one in rows])
    asyncio.run(project(embedded.settings, once=True))
    found = [json.loads(text) for text in run(embedded.broker, "V-X", "--json").stdout.splitlines()]
    assert [[one["claim_line_id"] for one in each["claim_lines"]] for each in found] == [["B"], ["A"]]


def test_an_id_that_nobody_knows_is_exit_1(embedded: Day) -> None:
    result = run(embedded.broker, "NOBODY")
    assert result.exit_code == 1
    assert "no closed encounter and no claim line" in result.stderr
