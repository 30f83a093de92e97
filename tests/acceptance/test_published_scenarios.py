"""The published scenarios as HL7: every message the scorer makes of them can be read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.published_scenarios import DIALECTS, NotScored, matched

DRIPCODE = Path(sys.executable).with_name("dripcode")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_message_of_every_scenario_is_read(shared: Path, tmp_path: Path, dialect: str) -> None:
    scorer, scenarios = shared / "tools/score_scenarios.py", shared / "scenarios/published.jsonl"
    options = ["--all", "--show-hl7", "--dialect", dialect]
    shown = subprocess.run([sys.executable, scorer, scenarios, *options], capture_output=True, check=True)
    feed = tmp_path / "feed.hl7"
    feed.write_bytes(shown.stdout)
    done = subprocess.run([DRIPCODE, "parse", feed], capture_output=True, check=True, timeout=120)
    read = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["error"] for event in read if "error" in event] == []
    assert len(read) >= shown.stdout.count(b"MSH|")


def test_the_score_is_the_scorers_last_line() -> None:
    assert matched("a-scenario\n    published {}\n48 of 50 published scenarios matched (one-step)\n") == 48


@pytest.mark.parametrize("output", ["", "cannot run 'dripcode code'", "0 of 0 published scenarios matched (one-step)"])
def test_no_score_is_no_success(output: str) -> None:
    with pytest.raises(NotScored):
        matched(output)
