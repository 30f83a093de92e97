"""One server process: started, waited for until it answers, stopped or killed by its process id."""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.waiting import PATIENCE

STOP_SECONDS_MAX = 20.0


class ServerFailed(Exception):
    """A server ended, or did not answer in time; the message ends with the tail of its log."""


class ServerProcess:
    """A command that runs until it is stopped, with its output appended to a log file."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, answers: Callable[[], bool]) -> None:
        """Start it and return once `answers()` is true.

        Raises:
            ServerFailed: it ended, or has not answered after PATIENCE; nothing is left running.
        """
        assert self.pid is None, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            self._wait_for(answers)
        except BaseException:  # an interrupt too must not leave it behind
            self.kill()
            raise

    def stop(self) -> None:
        """End it in order (SIGTERM), and with SIGKILL if that takes too long. Does nothing when it does not run."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _wait_for(self, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not answers():
            if self.pid is None:
                raise ServerFailed(f"{self.name} ended while starting\n{self._log_tail()}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"{self.name} has not answered for {PATIENCE:.0f} s\n{self._log_tail()}")
            time.sleep(0.05)

    def _log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"-- the end of {self.log}", *lines[-40:]])
