"""Processes that are measured: started with their settings in the environment, watched, ended by process id."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.demo.stage import Stage, free_port
from tests.servers.process import ServerProcess

PATIENCE = 400.0  # seconds for any one thing that is waited for
# Several runs share a machine: nothing may listen where another run does.
_ONE_WORKER = {"DRIPCODE_INSTANCE": "bench-1", "DRIPCODE_LOG_LEVEL": "warning"}


class TookTooLong(Exception):
    """What was waited for has not come; the message says what."""


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="dripcode-bench-", ignore_cleanup_errors=True) as made:
        yield Path(made)


@contextmanager
def stage_in(place: Path, environment: dict[str, str]) -> Iterator[Stage]:
    """The product's own processes (`dripcode run`, `dripcode listen`), stopped at the end whatever happens."""
    stage = Stage(place, {**_ONE_WORKER, **environment})
    try:
        yield stage
    finally:
        stage.stop()


@contextmanager
def python(name: str, arguments: Sequence[str], place: Path, environment: dict[str, str]) -> Iterator[int]:
    """This Python with those arguments and settings as a process; its process id."""
    addresses = ("DRIPCODE_METRICS_LISTEN", "DRIPCODE_LISTENER_METRICS_LISTEN")
    ports = {address: f"127.0.0.1:{free_port()}" for address in addresses}
    given = {**_ONE_WORKER, **ports, **environment}
    command = ["env", *(f"{name}={value}" for name, value in given.items()), sys.executable, *arguments]
    process = ServerProcess(name, command, place / f"{name}.log")
    process.start(lambda: True)
    try:
        assert process.pid is not None
        yield process.pid
    finally:
        process.stop()


def wait_for(claim: Callable[[], bool], what: str, every: float = 0.01) -> None:
    """Return once the claim holds. Raises TookTooLong."""
    until = time.monotonic() + PATIENCE
    while not claim():
        if time.monotonic() > until:
            raise TookTooLong(f"not within {PATIENCE:.0f} s: {what}")
        time.sleep(every)


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid: int) -> float:
    """Memory that a process holds now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True, slots=True)
class Look:
    """How far a consumer had come at a moment."""

    at: float
    done: int
    cpu: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Messages a second, and microseconds of the worker's processor time a message, between two commits."""

    per_second: float
    cpu_micro: float


def follow(done: Callable[[], int], total: int, pid: int, every: float) -> list[Look]:
    """Look until everything is done; only looks that saw something new, the first commit first."""
    looks: list[Look] = []

    def is_complete() -> bool:
        number = done()
        if number and (not looks or number > looks[-1].done):
            looks.append(Look(time.monotonic(), number, cpu_seconds(pid)))
        return number >= total

    wait_for(is_complete, f"{total} messages committed", every)
    return looks


def pace(looks: list[Look], *, is_timed: bool) -> Pace:
    """The pace between the first commit and the last.

    Args:
        is_timed: commits come by the clock, so the last one may be late by as much; the one before it counts then.
    """
    last = looks[-2] if is_timed and len(looks) > 2 else looks[-1]
    number = last.done - looks[0].done
    return Pace(number / (last.at - looks[0].at), 1e6 * (last.cpu - looks[0].cpu) / number)
