"""`dripcode senders`: which profiles there are, what they change, which one fits, and what to write in the map."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hl7_parsers import profile_names
from streams.cli.senders import command
from tests.hl7_parsers.test_suggest import EPIC, MEDITECH, STANDARD


def run(*arguments: str, text: bytes = b"") -> Result:
    return CliRunner().invoke(command, list(arguments), input=text)


@pytest.fixture
def feed(tmp_path: Path) -> str:
    path = tmp_path / "feed.hl7"
    path.write_bytes(b"".join([*EPIC, *MEDITECH, *STANDARD]))
    return str(path)


def test_every_profile_is_listed_with_whose_it_is() -> None:
    shown = run("list").stdout
    assert [line.split()[0] for line in shown.splitlines()[: len(profile_names())]] == profile_names()
    rows = json.loads(run("list", "--json").stdout)
    assert [row["profile"] for row in rows] == profile_names()
    assert all(len(row["description"]) > 5 for row in rows)


def test_a_profile_shows_what_it_changes() -> None:
    shown = run("show", "meditech").stdout
    assert "dose_field        8   (standard: 6)" in shown
    assert "word_field        20\n" in shown
    found = json.loads(run("show", "vista_bcma", "--json").stdout)
    assert found["order_is_bag"] is True
    assert "i" in found["actions"]["started"]
    assert "i*" in run("show", "vista_bcma").stdout


def test_a_file_of_ones_own_is_shown_too(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('based_on = "epic"\ntime_zone = "America/Chicago"\n')
    assert 'America/Chicago   (standard: "")' in run("show", str(path)).stdout


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("epicc", None, "did you mean 'epic'?"),
        ("own.toml", "word_feild = 1", "own.toml:1: word_feild: no such key; did you mean 'word_field'?"),
        ("none.toml", None, "cannot be read"),
    ],
)
def test_a_profile_that_cannot_be_used_ends_with_its_line(tmp_path: Path, name: str, text: str, says: str) -> None:
    path = tmp_path / name
    if text:
        path.write_text(text)
    result = run("show", str(path) if name.endswith(".toml") else name)
    assert result.exit_code == 2
    assert says in result.stderr


def test_check_tells_each_senders_profile_and_its_row_of_the_map(feed: str) -> None:
    shown = run("check", feed).stdout
    for line in ("fits      epic 100/100", "fits      meditech ", "fits      standard 58/100"):
        assert line in shown
    rows = tomllib.loads(shown[shown.index("[[sender]]") :].partition("\n\n")[0])["sender"]
    assert rows[0].keys() >= {"application", "facility", "profile"}


def test_check_writes_json_with_scores_reasons_and_the_row(feed: str) -> None:
    reports = json.loads(run("check", "--json", feed).stdout)
    by_sender = {report["application"]: report for report in reports}
    assert by_sender["EPIC"]["fits"][0]["profile"] == "epic"
    assert by_sender["EPIC"]["sender_map"] == {"application": "EPIC", "facility": "H", "profile": "epic"}
    assert by_sender["MAR"]["events"] == {"AdministrationGiven": 1}


def test_a_sender_without_offsets_needs_a_zone() -> None:
    bare = EPIC[0].replace(b"-0500", b"")
    (found,) = json.loads(run("check", "--json", "-", text=bare).stdout)
    assert found["sender_map"]["time_zone"] == ""
    assert "give an IANA zone" in run("check", "-", text=bare).stdout


def test_a_profile_can_be_tried_alone_and_one_that_fits_badly_is_said(feed: str) -> None:
    shown = run("check", "--sender", "cerner", feed).stdout
    assert "fits      cerner" in shown
    assert "no profile fits well" in shown


def test_nothing_in_means_nothing_found() -> None:
    assert run("check", "-", text=b"").stdout == "no messages\n"
