"""Processes for the tests of the embedded broker: a real Faust worker, and writers that know nothing of Faust."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.servers.process import ServerProcess
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[3]


class Worker(ServerProcess):
    """A Faust worker on one of the apps beside this file, with its log in the test's folder."""

    def __init__(self, app: str, broker: str, folder: Path, *, file_bytes_max: int = 0, **environment: str) -> None:
        given = {"BROKER": broker, "PYTHONPATH": str(ROOT), "APP_DATA": str(folder / "data"), **environment}
        limit = ["-c", _LIMITED, str(file_bytes_max)] if file_bytes_max else []
        command = ["env", *(f"{name}={value}" for name, value in given.items()), sys.executable, *limit]
        module = f"tests.streams.embedded.{app}"
        super().__init__(app, [*command, "-m", module, "worker", "-l", "info", "--without-web"], folder / f"{app}.log")

    def start(self, answers: Callable[[], bool] | None = None) -> None:
        """Start it and return once Faust says that it is ready."""
        said = self.text().count("Worker ready")
        super().start(answers or (lambda: self.text().count("Worker ready") > said))

    def text(self) -> str:
        """What it has logged so far."""
        return re.sub(r"\x1b\S*?[A-Za-z]", "", self.log.read_text(errors="replace")) if self.log.exists() else ""

    def wait_for_end(self, seconds: float = PATIENCE) -> int:
        """Return the exit status of a worker that ends by itself."""
        assert self._process is not None
        return self._process.wait(seconds)


_LIMITED = """
import os, resource, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def python(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Run a script in another process."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output_of(process: subprocess.Popen[str]) -> str:
    """Return what a process has printed, once it has ended well."""
    out, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    return out
