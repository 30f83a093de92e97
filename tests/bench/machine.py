"""What the figures were taken on: enough to compare with, nothing that names the machine or its places."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.servers.kafka import LIBS

PACKAGES = ("faust-streaming", "aiokafka", "msgspec", "apsw")


def described() -> dict[str, str]:
    """Words and values, in the order they are printed."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": str(len(os.sched_getaffinity(0))),
        "CPU": _cpu(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "Python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "Kafka": _kafka(),
        "Java": _java(),
        "load at the start": f"{os.getloadavg()[0]:.1f}",
    }


def _cpu() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return " ".join(found[1].split()) if found else platform.machine()


def _kafka() -> str:
    jar = next(LIBS.glob("kafka_*-[0-9]*.jar"), None)
    return jar.stem.rpartition("-")[2] if jar else "not here"


def _java() -> str:
    try:
        shown = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    except OSError:
        return "not here"
    found = re.search(r'version "([^"]+)"', shown)
    return found[1] if found else "unknown"
