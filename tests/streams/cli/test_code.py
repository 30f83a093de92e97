"""`dripcode code`: what it prints, where it complains, how it ends."""

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.code import command
from streams.demo.hospital_day import seed_examples


def run(*arguments: str, text: bytes = b"") -> Result:
    return CliRunner().invoke(command, list(arguments), input=text)


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    path = tmp_path / "seeds.hl7"
    path.write_bytes(b"".join(message.text for message in seed_examples(date(2026, 3, 2))))
    return path


def units(result: Result, encounter_id: str) -> list[tuple[str, int, str, list[str]]]:
    lines = [json.loads(text) for text in result.stdout.splitlines()]
    return [
        (line["code"], line["units"], line["status"], line["modifiers"])
        for line in lines
        if line["encounter_id"] == encounter_id
    ]


def test_the_seed_examples_come_to_their_published_codes(seeds: Path) -> None:
    result = run(str(seeds))
    assert result.exit_code == 0
    ready = "ready"
    assert units(result, "V9000001") == [("96365", 1, ready, []), ("96366", 1, ready, [])]
    assert units(result, "V9000002") == [("96365", 1, ready, []), ("96367", 1, ready, [])]
    lines = [json.loads(text) for text in result.stdout.splitlines()]
    double_lumen = {x["code"]: x["drug"]["name"] for x in lines if x["encounter_id"] == "V9000003"}
    assert double_lumen.keys() == {"96365", "96368"}
    assert "vancomycin" in double_lumen["96365"]
    assert [code for code, *_ in units(result, "V9000004")] == ["96365", "96367"]
    first, second = units(result, "V9000005")
    assert (first[0], first[3]) == ("96365", [])
    assert (second[0], second[2]) == ("96365", "review")
    assert second[3] in (["59"], ["XS"])
    assert [code for code, *_ in units(result, "V9000006")] == ["96374"]
    assert [(code, n) for code, n, *_ in units(result, "V9000007")] == [("96365", 1)]
    assert [(code, n) for code, n, *_ in units(result, "V9000008")] == [("96365", 1), ("96366", 1)]
    assert [(code, n) for code, n, *_ in units(result, "V9000009")] == [("96365", 1)]
    assert sorted((code, n) for code, n, *_ in units(result, "V9000010")) == [("96361", 2), ("96365", 1)]


def test_standard_input_and_files_give_the_same(seeds: Path) -> None:
    def lines(result: Result) -> list[dict[str, object]]:
        return [{**json.loads(text), "coded_at": ""} for text in result.stdout.splitlines()]

    assert lines(run("-", text=seeds.read_bytes())) == lines(run(str(seeds)))
    lf = seeds.read_bytes().replace(b"\r", b"\n")
    assert lines(run("-", text=lf)) == lines(run(str(seeds)))


def test_unreadable_messages_are_named_by_place_and_do_not_stop_the_run(seeds: Path, tmp_path: Path) -> None:
    path = tmp_path / "mixed.hl7"
    path.write_bytes(b"MSH|^~\\&|A|B|C|D|20260302||RAS^O17|BAD1|P|2.5.1\rPV1|1|O\r" + seeds.read_bytes())
    result = run(str(path))
    assert result.exit_code == 0
    assert f"{path}, message 1: message BAD1: " in result.stderr
    assert "PID" in result.stderr
    assert "1 unreadable" in result.stderr
    assert result.stdout


def test_findings_go_to_their_file(seeds: Path, tmp_path: Path) -> None:
    path = tmp_path / "findings.jsonl"
    run("--findings", str(path), str(seeds))
    kinds = {json.loads(text)["kind"] for text in path.read_text().splitlines()}
    assert "SECOND_SITE_UNSUPPORTED" in kinds


def test_the_file_of_findings_is_there_also_when_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "findings.jsonl"
    path.write_text("of an earlier run")
    assert run("--findings", str(path), "-", text=b"").exit_code == 0
    assert path.read_text() == ""


def test_a_person_can_read_why(seeds: Path) -> None:
    result = run("--explain", str(seeds))
    assert result.exit_code == 0
    assert "96366" in result.stdout
    assert not result.stdout.startswith("{")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.hl7"], "nowhere.hl7: cannot be read"),
        (["--setting", "hospital", "-"], "--setting"),
        ([], "FILES"),
    ],
)
def test_unusable_arguments_end_with_2(arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
