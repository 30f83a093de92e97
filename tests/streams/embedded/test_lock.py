"""One worker per app id and broker file."""

import os
from pathlib import Path

import pytest

from streams.embedded import WorkerAlreadyRunning
from streams.embedded.lock import WorkerLock

from .processes import python

HOLDER = """
import sys, time
from pathlib import Path
from streams.embedded.lock import WorkerLock
WorkerLock(Path(sys.argv[1]), "app/v1").acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_the_second_is_refused_with_the_process_id_of_the_first_until_that_one_is_dead(tmp_path: Path) -> None:
    path = tmp_path / "broker.db"
    holder = python(HOLDER, path)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(WorkerAlreadyRunning, match=f"app/v1.*process {holder.pid}\\b"):
            WorkerLock(path, "app/v1").acquire()
        other_app, other_file = WorkerLock(path, "app_v1"), WorkerLock(tmp_path / "other.db", "app/v1")
        for lock in (other_app, other_file):
            lock.acquire()
            lock.release()
    finally:
        holder.kill()
        holder.communicate()
    lock = WorkerLock(path, "app/v1")
    lock.acquire()
    with pytest.raises(WorkerAlreadyRunning, match=f"process {os.getpid()}\\b"):
        WorkerLock(path, "app/v1").acquire()
    lock.release()
    WorkerLock(path, "app/v1").acquire()
