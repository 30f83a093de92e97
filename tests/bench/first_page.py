"""How long a new user waits: from `dripcode demo` to a page that shows messages as they are received."""

from __future__ import annotations

import re
import sys
import time
import urllib.request

from tests.bench.processes import folder, wait_for
from tests.bench.tables import Spread, Table
from tests.servers.process import ServerProcess

ROUNDS = 5


def run() -> list[Table]:
    taken = [_round() for _ in range(ROUNDS)]
    return [
        Table(
            "The first page of the demo",
            f"Seconds from `dripcode demo` until its page is up, and until the page shows messages received; {ROUNDS} "
            "times, median (least - greatest).",
            ["page up", "messages on it"],
            [[Spread.of(up for up, _ in taken), Spread.of(shown for _, shown in taken)]],
        )
    ]


def _round() -> tuple[float, float]:
    with folder() as place:
        log = place / "demo.log"
        command = [sys.executable, "-m", "streams", "demo", "--encounters", "30", "--folder", str(place / "demo")]
        demo = ServerProcess("the demo", command, log)
        began = time.monotonic()
        try:
            demo.start(lambda: bool(re.search(rb"Watch it at http://\S+", log.read_bytes())))
            up = time.monotonic() - began
            page = re.findall(r"Watch it at (http://\S+)", log.read_text())[0]
            wait_for(lambda: _received(page), "messages on the page", 0.05)
            return up, time.monotonic() - began
        finally:
            demo.stop()


def _received(page: str) -> bool:
    with urllib.request.urlopen(page, timeout=60) as answer:
        found = re.search(r"received <b>([\d\u202f]+)</b>", answer.read().decode())
    return found is not None and found[1] != "0"
