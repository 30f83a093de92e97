"""Every line and finding that we emit is valid against the published schemas."""

import json
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from msgspec.structs import replace

from streams.batch import Folded, code_all, read_all
from streams.claims import Line, issue_version
from streams.demo.hospital_day import hospital_day
from streams.settings import load_settings
from streams.site import coder_of, rules_of
from streams.wire import OF_DRUGS, PUBLISHED, json_schema


def schema(name: str) -> Draft202012Validator:
    text: Any = json.loads((files("streams.schemas") / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(text)
    return Draft202012Validator(text, format_checker=FormatChecker())


@pytest.fixture(scope="module")
def emitted() -> tuple[list[Line], list[Line]]:
    """Lines and findings of a day in both settings, with a second version that voids everything in it."""
    lines, findings = [], []
    messages = [("day", message.text) for message in hospital_day(3, 120)]
    for setting in ("facility", "professional"):
        settings, _ = load_settings(environment={"DRIPCODE_SETTING": setting})
        rules, coder, folded = rules_of(settings), coder_of(settings), Folded()
        for read in read_all(messages, rules):
            folded.take(read)
        for closed, coded in code_all(folded, rules, coder):
            first = issue_version(closed, coded, None, "2026-03-03T00:00:00.000+00:00")
            nothing = replace(coded, lines=(), findings=())
            second = issue_version(closed, nothing, first, "2026-03-03T01:00:00.000+00:00")
            lines += first.lines + second.lines
            findings += first.findings + second.findings
    return lines, findings


def test_every_claim_line_is_valid(emitted: tuple[list[Line], list[Line]]) -> None:
    validator = schema("claim_line")
    assert len(emitted[0]) > 200
    assert {line["action"] for line in emitted[0]} == {"add", "void"}
    for line in emitted[0]:
        assert [error.message for error in validator.iter_errors(line)] == []


def test_every_finding_is_valid(emitted: tuple[list[Line], list[Line]]) -> None:
    validator = schema("finding")
    assert len(emitted[1]) > 50
    for finding in emitted[1]:
        assert [error.message for error in validator.iter_errors(finding)] == []


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_schemas_that_ship_are_those_of_the_code(name: str) -> None:
    assert schema(name).schema == json_schema(name), "write_schemas() of streams/wire.py writes them anew"


def test_the_schema_has_every_field_that_is_emitted_and_no_other(emitted: tuple[list[Line], list[Line]]) -> None:
    properties = set(schema("claim_line").schema["properties"])
    of_drugs = {"drug_line_ids", *OF_DRUGS}
    assert properties == {name for line in emitted[0] for name in line} | of_drugs
    assert set(schema("finding").schema["properties"]) == {name for finding in emitted[1] for name in finding}


def test_a_line_with_a_field_too_many_is_not_valid(emitted: tuple[list[Line], list[Line]]) -> None:
    assert not schema("claim_line").is_valid({**emitted[0][0], "diagnosis": "x"})
    assert not schema("claim_line").is_valid({**emitted[0][0], "units": 0})
