"""The AsyncAPI document says what really travels: every topic, its values, its headers."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator, Draft202012Validator

from hl7_parsers import peek
from streams import records
from streams.batch import Folded, code_all, read_all
from streams.claims import Issuer
from streams.cli.topics import command
from streams.dead_letters import Origin, Tries, Why, dead_letter
from streams.delivery import record_of
from streams.demo.hospital_day import hospital_day
from streams.embedded.records import Record
from streams.formats.asyncapi import asyncapi
from streams.replay import Replay
from streams.settings import load_settings
from streams.site import coder_of, rules_of
from streams.topics import Topics, topics_of
from tests.servers.asyncapi import ASYNCAPI

SETTINGS = load_settings(environment={"DRIPCODE_TOPIC_PREFIX": "site.", "DRIPCODE_PARTITIONS": "3"})[0]
TOPICS = topics_of(SETTINGS)
DOCUMENT = asyncapi(SETTINGS)


def published() -> Iterator[Record]:
    """Real records of every public topic."""
    rules, coder, folded = rules_of(SETTINGS), coder_of(SETTINGS), Folded()
    day = [message.text for message in hospital_day(3, 25)]
    for message in day:
        peeked = peek(message)
        yield record_of(peeked, message, TOPICS.inbound, 1.5)
    for read in read_all([("day", message) for message in day], rules):
        folded.take(read)
        for event in read.message.events if read.message else ():
            yield Record(TOPICS.events, b"SYNTH|SYN1", records.encode(event))
    issuer = Issuer(TOPICS, coder.code_beside)
    for closed, _ in code_all(folded, rules, coder):
        yield Record(TOPICS.closed, b"SYNTH|SYN1", records.encode(closed))
        opened = records.OpenEncounter(closed.version, closed.encounter, 1.5)
        yield Record(TOPICS.open, b"SYNTH|SYN1", records.encode(opened))
        yield from issuer.issue(0, records.encode(closed), "2026-03-03T00:00:00.000+00:00")[0]
    tries = Tries(1.5, "0@1", 2)
    yield dead_letter(TOPICS.dead_letter, b"", b"x", Origin(TOPICS.inbound, 0, 1), Why("NO_PATIENT", "PID-3"))
    yield dead_letter(TOPICS.dead_letter, b"", b"x", Origin(TOPICS.inbound, 0, 1), Why("NO_PATIENT"), tries=tries)
    yield Record(TOPICS.commands, b"SYNTH|SYN1", records.encode(records.Command("close", "SYNTH|SYN1", "V1")))
    yield Record(TOPICS.replays, b"0@1", msgspec.json.encode(Replay("0@1", TOPICS.inbound, 0, 2, 1.5, "who", False)))


def message_of(topic: str) -> dict[str, Any]:
    (channel,) = [one for one in DOCUMENT["channels"].values() if one["address"] == topic]
    (reference,) = channel["messages"].values()
    found: dict[str, Any] = resolved(reference["$ref"])
    return found


def resolved(reference: str) -> Any:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


@pytest.fixture(scope="module")
def by_topic() -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in published():
        found.setdefault(record.topic, []).append(record)
    return found


def test_every_topic_is_described_under_its_name_at_the_site() -> None:
    described = {channel["address"] for channel in DOCUMENT["channels"].values()}
    assert described == {*TOPICS.plain(), *TOPICS.compacted()}
    assert set(DOCUMENT["channels"]) == set(Topics.__slots__)
    assert {channel["bindings"]["kafka"]["partitions"] for channel in DOCUMENT["channels"].values()} == {3}


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    return Draft7Validator(json.loads(ASYNCAPI.read_text()))


@pytest.mark.asyncapi
def test_the_document_is_valid_against_the_schema_of_asyncapi(official: Draft7Validator) -> None:
    assert [error.message for error in official.iter_errors(DOCUMENT)] == []


@pytest.mark.asyncapi
@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document["info"].pop("version"),
        lambda document: document["operations"]["send_claim_lines"].update(action="emit"),
        lambda document: document["channels"]["claim_lines"].update(adress="claim.lines"),
        lambda document: document["channels"]["claim_lines"]["bindings"]["kafka"].update(partitions="three"),
        lambda document: document["components"]["messages"]["claimLine"].update(contentTyp="application/json"),
    ],
)
def test_that_schema_refuses_another_document(
    official: Draft7Validator, spoil: Callable[[dict[str, Any]], object]
) -> None:
    spoiled = copy.deepcopy(DOCUMENT)
    spoil(spoiled)
    assert not official.is_valid(spoiled)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 30
    for reference in found:
        assert resolved(reference)


def test_real_records_have_the_headers_that_are_described(by_topic: dict[str, list[Record]]) -> None:
    assert set(by_topic) == {*TOPICS.plain(), TOPICS.claim_sets_changelog}
    for topic, found in by_topic.items():
        described = message_of(topic)["headers"]
        validator = Draft202012Validator({**described, "additionalProperties": False})
        for record in found:
            headers = {name: value.decode() for name, value in record.headers}
            assert len(headers) == len(record.headers)
            assert [error.message for error in validator.iter_errors(headers)] == []


def test_real_values_are_valid_against_the_schemas_described(by_topic: dict[str, list[Record]]) -> None:
    for topic, found in by_topic.items():
        message = message_of(topic)
        if message["contentType"] != "application/json":
            continue
        schema = {**message["payload"]["schema"], "components": DOCUMENT["components"]}
        Draft202012Validator.check_schema(schema)
        validator = Draft202012Validator(schema)
        assert len(found) >= 1
        for record in found[:200]:
            assert [error.message for error in validator.iter_errors(json.loads(record.value or b""))] == []


def test_the_schemas_refuse_what_does_not_travel() -> None:
    schema = {**message_of(TOPICS.closed)["payload"]["schema"], "components": DOCUMENT["components"]}
    assert not Draft202012Validator(schema).is_valid({"version": "four"})


def test_the_command_prints_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIPCODE_TOPIC_PREFIX", "site.")
    result = CliRunner().invoke(command, ["--asyncapi"], catch_exceptions=False)
    assert json.loads(result.stdout)["channels"]["claim_lines"]["address"] == "site.claim.lines"
