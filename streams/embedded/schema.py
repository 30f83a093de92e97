"""Open a broker file: the SQLite we need, its settings, and the tables that are there from the start."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import apsw

from .errors import NotABrokerFile, SqliteTooOld

#: Before this version two connections could corrupt a WAL file while it was reset.
SQLITE_VERSION_MIN = (3, 51, 3)

APPLICATION_ID = 0x64726970
FORMAT_VERSION = 1

_CHECKPOINT_PAGES = 1000  # of 4 KiB: about 4 MB of WAL
_LOOK_AGAIN = 0.001  # seconds between two looks at a lock that another process has
_WAL_BYTES_KEPT = 16 * 1024 * 1024

_TABLES = """
CREATE TABLE IF NOT EXISTS topic (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    partitions INTEGER NOT NULL,
    compacted INTEGER NOT NULL,
    retention_ms INTEGER
);
CREATE TABLE IF NOT EXISTS committed (
    consumer_group TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)
) WITHOUT ROWID;
"""


def require_sqlite(version: str) -> None:
    """Raise SqliteTooOld unless a version such as "3.54.1" is new enough."""
    if tuple(int(part) for part in version.split(".")[:3]) < SQLITE_VERSION_MIN:
        wanted = ".".join(map(str, SQLITE_VERSION_MIN))
        raise SqliteTooOld(
            f"SQLite {version} can corrupt a write-ahead log that two processes share; {wanted} or later is needed. "
            "Install the apsw wheel from the package index, which carries its own SQLite."
        )


def open_connection(path: Path, *, synchronous: str, busy_seconds: float) -> apsw.Connection:
    """Return a connection to the broker file at `path`, which is made when it is not there.

    Args:
        synchronous: FULL waits for the disk at each commit; NORMAL may lose the last commits when the power fails,
            always the latest ones and never a part of one.
        busy_seconds: how long to wait for another process's transaction before the write counts as failed.
    """
    require_sqlite(apsw.sqlite_lib_version())
    _make_private(path)
    connection = apsw.Connection(str(path), statementcachesize=1024)
    try:
        connection.set_busy_handler(_patience(busy_seconds))
        _refuse_foreign(connection, path)
        connection.pragma("auto_vacuum", "INCREMENTAL")  # only takes effect while the file is empty
        _use_wal(connection, path, busy_seconds)
        connection.pragma("synchronous", synchronous)
        connection.pragma("wal_autocheckpoint", _CHECKPOINT_PAGES)
        connection.pragma("journal_size_limit", _WAL_BYTES_KEPT)
        connection.pragma("temp_store", "MEMORY")
        _make_tables(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_private(path: Path) -> None:
    """Create the file readable by its owner only: it holds messages about patients. SQLite's side files inherit it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _refuse_foreign(connection: apsw.Connection, path: Path) -> None:
    """Raise NotABrokerFile when the file belongs to another program or a later version of this one."""
    try:
        # In this order: another process may be making the file ours, and does both in one transaction.
        empty = connection.pragma("schema_version") == 0
        application_id = connection.pragma("application_id")
        version = connection.pragma("user_version")
    except apsw.NotADBError as error:
        raise NotABrokerFile(f"{path} is not an SQLite file; give the broker a path of its own") from error
    if application_id != APPLICATION_ID and not (empty and application_id == 0):
        raise NotABrokerFile(f"{path} is an SQLite file of another program; give the broker a path of its own")
    if version > FORMAT_VERSION:
        raise NotABrokerFile(
            f"{path} has format {version}, this version reads up to {FORMAT_VERSION}; start the version that wrote it"
        )


def _patience(seconds: float) -> Callable[[int], bool]:
    """A busy handler that looks again every millisecond, for so long.

    SQLite's own waits up to a tenth of a second between two looks: beside a process that writes all the time it hardly
    ever comes when the lock is free.
    """
    until = 0.0

    def look_again(looks: int) -> bool:
        nonlocal until
        if looks == 0:
            until = time.monotonic() + seconds
        time.sleep(_LOOK_AGAIN)
        return time.monotonic() < until

    return look_again


def _use_wal(connection: apsw.Connection, path: Path, busy_seconds: float) -> None:
    """Switch to write-ahead logging; while another process does the same, SQLite answers busy without waiting."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            mode = connection.pragma("journal_mode", "WAL")
        except apsw.BusyError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise NotABrokerFile(f"{path} cannot use a write-ahead log here (mode {mode}); use a local disk")
        return


def _make_tables(connection: apsw.Connection) -> None:
    if connection.pragma("application_id") == APPLICATION_ID:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_TABLES)
        connection.pragma("user_version", FORMAT_VERSION)
        connection.pragma("application_id", APPLICATION_ID)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
