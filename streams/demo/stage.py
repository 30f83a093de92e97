"""The demo's processes: listener, worker, projector and pages of our own, started as a user would start them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# A hospital day takes seconds here, so the patience of a day is cut to seconds too.
DEMO_PATIENCE = {
    "DRIPCODE_CLOSE_AFTER_DISCHARGE": "50ms",
    "DRIPCODE_CLOSE_AFTER_QUIET": "6s",
    "DRIPCODE_CLOSE_CHECK_EVERY": "50ms",
}


class StageError(Exception):
    """A process of the demo did not start, or ended by itself; the message names its log."""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_or_free(wanted: int) -> int:
    """The wanted port when nobody listens on it, else a free one."""
    with socket.socket() as probe:
        return free_port() if probe.connect_ex(("127.0.0.1", wanted)) == 0 else wanted


@dataclass(slots=True)
class Stage:
    """A folder, a broker address and the processes that work on it."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    mllp_port: int = field(default_factory=free_port)
    worker_port: int = field(default_factory=free_port)
    listener_port: int = field(default_factory=free_port)
    web_port: int = field(default_factory=free_port)
    projector_port: int = field(default_factory=free_port)
    web_metrics_port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """The settings of all processes, as environment variables."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("DRIPCODE_")}
        return {
            **own,
            "DRIPCODE_DATA_DIR": str(self.folder),
            "DRIPCODE_MLLP_LISTEN": f"127.0.0.1:{self.mllp_port}",
            "DRIPCODE_METRICS_LISTEN": f"127.0.0.1:{self.worker_port}",
            "DRIPCODE_LISTENER_METRICS_LISTEN": f"127.0.0.1:{self.listener_port}",
            "DRIPCODE_PROJECTOR_METRICS_LISTEN": f"127.0.0.1:{self.projector_port}",
            "DRIPCODE_WEB_METRICS_LISTEN": f"127.0.0.1:{self.web_metrics_port}",
            "DRIPCODE_WEB_LISTEN": f"127.0.0.1:{self.web_port}",
            **self.environment,
        }

    def start(self, name: str, command: str, more: Mapping[str, str] | None = None) -> None:
        """Start `dripcode COMMAND`, with more settings if any, and its output in a log of its own."""
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "streams", command],
            env={**self.variables(), **(more or {})},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()

    def start_worker(self) -> None:
        self.start("worker", "run")

    def start_listener(self) -> None:
        self.start("listener", "listen")

    def start_pages(self) -> None:
        self.start("projector", "project")
        self.start("web", "web")

    @property
    def page(self) -> str:
        """The address of the front page."""
        return f"http://127.0.0.1:{self.web_port}/"

    def wait_ready(self, patience: float = 120.0) -> None:
        """Wait until all that serve answer that they are well. Raises StageError."""
        until = time.monotonic() + patience
        ports = {"listener": self.listener_port, "worker": self.worker_port, "web": self.web_metrics_port}
        for name, port in ports.items():
            while name in self.processes and not is_well(port):
                self.check(name)
                if time.monotonic() > until:
                    raise StageError(f"the {name} is not ready after {patience:.0f} s, see {self.folder / name}.log")
                time.sleep(0.05)

    def check(self, *names: str) -> None:
        """Raise StageError when a process has ended by itself."""
        for name in names or tuple(self.processes):
            code = self.processes[name].poll()
            if code is not None:
                raise StageError(f"the {name} ended with {code}, see {self.folder / name}.log")

    def kill(self, name: str) -> None:
        """End a process as a power cut would."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """Stop the listener first and the worker last, each with time to finish; at once on a second Ctrl-C."""
        try:
            self._stop_in_turn()
        except KeyboardInterrupt:
            for process in self.processes.values():
                process.kill()
            raise

    def _stop_in_turn(self) -> None:
        for name in sorted(self.processes):  # listener, projector, web, worker
            process = self.processes[name]
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()


def is_well(port: int) -> bool:
    """Whether /readyz of that port says ok."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(json.load(answer)["status"] == "ok")
    except (OSError, ValueError, urllib.error.URLError):
        return False
