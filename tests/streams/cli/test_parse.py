"""`dripcode parse`: an object per event, and one in place of a message that makes none; the sender's own reading."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.parse import command
from tests.hl7_parsers.samples import MSH, PID, message
from tests.hl7_parsers.test_suggest import MEDITECH, STANDARD


def run(*arguments: str, text: bytes = b"") -> Result:
    return CliRunner().invoke(command, list(arguments), input=text)


def rows(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_message_leaves_a_line_in_its_place() -> None:
    about_a_person = message(MSH.replace("RAS^O17^RAS_O17", "ADT^A28"), "EVN", PID)
    unsupported = message(MSH.replace("RAS^O17^RAS_O17", "SIU^S12"), PID)
    found = rows(run("-", text=b"".join([STANDARD[0], about_a_person, unsupported, STANDARD[0]])))
    assert [next(key for key in row if key in ("event", "ignored", "error")) for row in found] == [
        "event",
        "ignored",
        "error",
        "event",
    ]
    assert [row["position"] for row in found] == [1, 2, 3, 4]
    assert found[1]["ignored"] == {"reason": "PERSON_ONLY"}


def test_a_sender_is_read_by_its_profile() -> None:
    (plain,) = rows(run("-", text=MEDITECH[0]))
    (read,) = rows(run("--sender", "meditech", "-", text=MEDITECH[0]))
    assert (plain["event"], read["event"]) == ("AdministrationVoided", "AdministrationStarted")
    assert read["dose"] == ["100", "g"]


def test_a_sender_may_be_a_file_and_has_the_zone_that_is_given(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('based_on = "meditech"\n')
    bare = MEDITECH[0].replace(b"-0500", b"")
    (read,) = rows(run("--sender", str(path), "--time-zone", "America/Denver", "-", text=bare))
    assert read["at"] == ["2025-01-06T08:00:00-07:00", "second", "sender"]


@pytest.mark.parametrize("name", ["meditek", "gone.toml"])
def test_a_sender_that_there_is_not_is_a_usage_error(name: str) -> None:
    assert run("--sender", name, "-", text=STANDARD[0]).exit_code == 2
