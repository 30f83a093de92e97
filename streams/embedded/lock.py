"""One worker per app id and broker file: a lock that ends with the process, however it ends."""

import fcntl
import os
import urllib.parse
from pathlib import Path

from .errors import WorkerAlreadyRunning


class WorkerLock:
    """Held from `acquire` until `release` or the end of the process."""

    def __init__(self, broker_file: Path, app_id: str) -> None:
        self.app_id = app_id
        self.path = broker_file.with_name(f"{broker_file.name}.{urllib.parse.quote(app_id, safe='')}.lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise WorkerAlreadyRunning at once with the process id of the holder."""
        descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise WorkerAlreadyRunning(
                f"app {self.app_id} already has a worker on this broker file: process {holder}. "
                "The embedded broker serves one worker; stop that one first, or use Kafka for several."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; the file stays, since removing it could let two workers lock two files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
