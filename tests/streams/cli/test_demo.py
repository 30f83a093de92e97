"""`dripcode demo` as a new user would run it, to its end and to look on."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

Found = TypeVar("Found")


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


@pytest.mark.slow
def test_a_new_user_sees_a_living_system_on_its_page_within_half_a_minute(tmp_path: Path) -> None:
    began = time.monotonic()
    with (tmp_path / "told.txt").open("wb") as told:
        demo = subprocess.Popen(
            [sys.executable, "-m", "streams", "demo", "--encounters", "30", "--folder", str(tmp_path / "demo")],
            stdout=told,
            stderr=told,
            env={**os.environ, "COLUMNS": "120"},
        )
    try:
        page = until(lambda: re.search(r"Watch it at (http://\S+)", (tmp_path / "told.txt").read_text()))[1]
        seen = until(lambda: re.search(r'figure">([1-9]\d*)</span> received in all', shown(page)))
        assert time.monotonic() - began < 30
        more = until(lambda: shows_more_than(int(seen[1]), shown(page)))
        assert "difference 0" in more
        assert demo.poll() is None
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 0
    with pytest.raises(urllib.error.URLError):
        shown(page)


def shown(page: str) -> str:
    """What stands on a page."""
    with urllib.request.urlopen(page, timeout=5) as answer:
        return str(answer.read().decode())


def shows_more_than(number: int, text: str) -> str:
    found = re.search(r'figure">(\d+)</span> received in all', text)
    return text if found and int(found[1]) > number else ""


def until(found: Callable[[], Found]) -> Found:
    """What is found, looked for for half a minute."""
    ends = time.monotonic() + 30
    while not (it := found()):
        assert time.monotonic() < ends, "nothing came"
        time.sleep(0.2)
    return it
