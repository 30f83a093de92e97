"""`dripcode demo --once` as a new user would run it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_day_ends_by_itself_with_a_closed_balance_and_says_what_to_try_next(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "streams", "demo", "--once", "--encounters", "30", "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "COLUMNS": "120"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (balance,) = re.findall(
        r"received (\d+) = applied (\d+) \+ duplicate (\d+) \+ dead letters (\d+) \+ ignored (\d+)$",
        done.stdout,
        re.MULTILINE,
    )
    received, *parts = map(int, balance)
    assert received == sum(parts) > 300
    for code in ("96365", "96366", "96367", "96368", "96374", "96375"):
        assert re.search(rf"^{code} +therapeutic +\d+ +\d+", done.stdout, re.MULTILINE), code
    assert done.stdout.count("Encounter V") == 3
    last = done.stdout.strip().splitlines()[-2:]
    assert "dripcode demo" in last[0]
    assert "dripcode code FILE.hl7" in last[1]
