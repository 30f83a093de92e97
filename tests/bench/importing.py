"""What importing a quarter's code pairs costs: a generated set of the size of the practitioner's."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tests.bench.tables import Spread, Table
from tests.published.layouts import ptp_set

ROWS = 2_600_000
ROUNDS = 3
SECONDS_MAX = 60
MEGABYTES_MAX = 500
# The most memory of this process alone: what getrusage says begins with that of the process that started it.
PROGRAM = """
import re, sys
from pathlib import Path
from streams.cli.imports import command
command(sys.argv[1:], standalone_mode=False)
print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1], file=sys.stderr)
"""


def run() -> list[Table]:
    """Import it in fresh processes, each into a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        paths = ptp_set(Path(folder), list(islice(_pairs(), ROWS)), "ccipra-v323r0")
        seconds: list[float] = []
        megabytes: list[float] = []
        for round_ in range(ROUNDS):
            began = time.perf_counter()
            program = [sys.executable, "-c", PROGRAM, "ptp", *map(str, paths)]
            environment = {**os.environ, "DRIPCODE_DATA_DIR": f"{folder}/{round_}"}
            done = subprocess.run(program, check=True, env=environment, capture_output=True)
            seconds.append(time.perf_counter() - began)
            megabytes.append(int(done.stderr) / 1024)
        size = (Path(folder) / "0" / "tables.db").stat().st_size / 1e6
    return [
        Table(
            "Importing code pairs",
            f"`dripcode import ptp` of a generated set of {ROWS:,} rows in four zips, {ROUNDS} fresh processes; "
            f"the bars are {SECONDS_MAX} s and {MEGABYTES_MAX} MB.",
            ["seconds", "rows a second", "peak MB", "store MB"],
            [[Spread.of(seconds), Spread.of(ROWS / one for one in seconds), Spread.of(megabytes), round(size)]],
        )
    ]


def _pairs() -> Iterator[list[str]]:
    """Rows as they come: in order of both columns, a third of them deleted."""
    codes = [f"{number:05d}" for number in range(10000, 99990, 13)]
    for place, one in enumerate(codes):
        for other in codes[place % 9 :: 9]:
            number = int(one) + int(other)
            ended = "*" if number % 3 else "20231231"
            yield [one, other, "*" if number % 50 == 0 else "", "20090101", ended, "01"[number % 2], "Misuse of codes"]
