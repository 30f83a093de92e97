"""The read model in an SQLite file beside the embedded broker's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from streams.read_model.shelf import EVERYTHING, MINUTES_KEPT, Changes, Overtaken, ReadModelAway, Window, moved

_TABLES = """
CREATE TABLE IF NOT EXISTS document (kind TEXT, key TEXT, value BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rank (kind TEXT, name TEXT, key TEXT, score REAL, PRIMARY KEY (kind, name, key))
    WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rank_by_score ON rank (kind, name, score, key);
CREATE TABLE IF NOT EXISTS tally (series TEXT, minute INTEGER, label TEXT, number REAL,
    PRIMARY KEY (series, minute, label)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS position (topic TEXT, part INTEGER, next INTEGER, PRIMARY KEY (topic, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notice (name TEXT PRIMARY KEY, value BLOB, until REAL) WITHOUT ROWID;
"""
_FORGET = "DELETE FROM document; DELETE FROM rank; DELETE FROM tally; DELETE FROM position"


class SqliteShelf:
    """One connection to the file; made, readable by its owner only, when it is not there."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(5000)
        self._connection.pragma("journal_mode", "WAL")
        # The topics hold the truth: after a power cut the last seconds are projected again.
        self._connection.pragma("synchronous", "NORMAL")
        self._connection.execute(_TABLES)

    async def write(self, changes: Changes) -> None:
        with self._transaction():
            if moved(changes, self._positions()):
                raise Overtaken
            self._write(changes)

    def _write(self, changes: Changes) -> None:
        many = self._connection.executemany
        many(
            "INSERT OR REPLACE INTO document VALUES (?, ?, ?)",
            [(*at, value) for at, value in changes.documents.items() if value is not None],
        )
        many(
            "DELETE FROM document WHERE kind = ? AND key = ?",
            [at for at, value in changes.documents.items() if value is None],
        )
        ranks = [(*at, key, score) for at, scores in changes.indexes.items() for key, score in scores.items()]
        many("INSERT OR REPLACE INTO rank VALUES (?, ?, ?, ?)", [row for row in ranks if row[3] is not None])
        many("DELETE FROM rank WHERE kind = ? AND name = ? AND key = ?", [r[:3] for r in ranks if r[3] is None])
        many(
            "INSERT INTO tally VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET number = number + excluded.number",
            [(series, minute, label, number) for (series, label, minute), number in changes.counts.items()],
        )
        many(
            "INSERT OR REPLACE INTO position VALUES (?, ?, ?)", [(*tp, to) for tp, (_, to) in changes.positions.items()]
        )
        if changes.counts:
            newest = max(minute for _, _, minute in changes.counts)
            self._connection.execute("DELETE FROM tally WHERE minute < ?", (newest - MINUTES_KEPT,))

    async def positions(self) -> dict[tuple[str, int], int]:
        return self._positions()

    def _positions(self) -> dict[tuple[str, int], int]:
        return {(topic, part): place for topic, part, place in self._rows("SELECT topic, part, next FROM position")}

    async def documents(self, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        found = {}
        for key in keys:
            for (value,) in self._rows("SELECT value FROM document WHERE kind = ? AND key = ?", kind, key):
                found[key] = value
        return found

    async def ranked(
        self, kind: str, index: str, limit: int, *, skip: int = 0, window: Window = EVERYTHING
    ) -> list[tuple[str, float]]:
        sql = (
            "SELECT key, score FROM rank WHERE kind = ? AND name = ? AND score BETWEEN ? AND ? "
            "ORDER BY score DESC, key DESC LIMIT ? OFFSET ?"
        )
        return self._rows(sql, kind, index, *window, limit, skip)

    async def size(self, kind: str, index: str, window: Window = EVERYTHING) -> int:
        sql = "SELECT count(*) FROM rank WHERE kind = ? AND name = ? AND score BETWEEN ? AND ?"
        number: int = self._rows(sql, kind, index, *window)[0][0]
        return number

    async def counts(self, series: str, minutes: range) -> dict[tuple[str, int], float]:
        sql = "SELECT label, minute, number FROM tally WHERE series = ? AND minute >= ? AND minute < ?"
        rows = self._rows(sql, series, minutes.start, minutes.stop)
        return {(label, minute): number for label, minute, number in rows}

    async def trim(self, kind: str, index: str, keep: int) -> int:
        excess = await self.size(kind, index) - keep
        if excess <= 0:
            return 0
        with self._transaction():
            sql = "SELECT key FROM rank WHERE kind = ? AND name = ? ORDER BY score, key LIMIT ?"
            keys = [(kind, key) for (key,) in self._rows(sql, kind, index, excess)]
            self._connection.executemany("DELETE FROM rank WHERE kind = ? AND key = ?", keys)
            self._connection.executemany("DELETE FROM document WHERE kind = ? AND key = ?", keys)
        return len(keys)

    async def notice(self, name: str, value: bytes, seconds: float) -> None:
        with self._transaction():
            until = time.time() + seconds
            self._connection.execute("INSERT OR REPLACE INTO notice VALUES (?, ?, ?)", (name, value, until))

    async def notices(self) -> dict[str, bytes]:
        return dict(self._rows("SELECT name, value FROM notice WHERE until > ? ORDER BY name", time.time()))

    async def clear(self) -> None:
        with self._transaction():
            self._connection.execute(_FORGET)

    async def close(self) -> None:
        self._connection.close()

    def _rows(self, sql: str, *values: object) -> list[Any]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except apsw.Error as wrong:
            raise _away(wrong) from wrong

    def _transaction(self) -> _Transaction:
        return _Transaction(self._connection)


class _Transaction:
    """BEGIN IMMEDIATE … COMMIT, or back to where it was."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except apsw.Error as wrong:
            raise _away(wrong) from wrong

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        try:
            self._connection.execute("COMMIT" if error is None else "ROLLBACK")
        except apsw.Error as wrong:
            raise _away(wrong) from wrong
        if isinstance(error, apsw.Error):
            raise _away(error) from error


def _away(wrong: apsw.Error) -> ReadModelAway:
    return ReadModelAway(f"the read model's file cannot be used: {type(wrong).__name__}: {wrong}")
