"""The imported tables: one SQLite file, an edition's rows in it whole or not at all.

Dates are numbers YYYYMMDD, 0 for none. Every row keeps the file and line that it came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import apsw

from streams.published.catalogue import KINDS
from streams.published.kinds import Edition, Kind, Row, Shape
from streams.published.refusals import Refusal, Refusals

STORE_NAME = "tables.db"
FORMAT = 1
BUSY_MS = 5000  # how long to wait for another process
APPLICATION_ID = 0x64726974
_EDITIONS = """
CREATE TABLE edition (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    setting TEXT NOT NULL,
    name TEXT NOT NULL,
    effective TEXT NOT NULL,
    until TEXT NOT NULL,
    files TEXT NOT NULL,
    digest TEXT NOT NULL,
    rows INTEGER NOT NULL,
    imported_at TEXT NOT NULL,
    replaced_by TEXT NOT NULL DEFAULT ''
);
"""


class StoreError(Exception):
    """The store of tables cannot be used; the text says which file and what to do."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An edition as the store knows it. `replaced_by`: the newer edition that made its rows needless."""

    id: int
    edition: Edition
    files: str
    digest: str
    rows: int
    imported_at: str
    replaced_by: str


class Store:
    """An open store. Only one process writes; any may read."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the file at `path`, which is made when it is not there and may be written. Raises StoreError."""
        self.path = path
        try:
            if read_only:
                try:
                    self._open(apsw.SQLITE_OPEN_READONLY)
                except apsw.ReadOnlyError:  # an import was killed: what it wrote must be taken back first
                    self._open(apsw.SQLITE_OPEN_READWRITE)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._open(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
        except (apsw.Error, OSError) as wrong:
            raise self._unusable("cannot be opened", wrong) from None

    def _open(self, flags: int) -> None:
        self.db = apsw.Connection(str(self.path), flags=flags)
        self.db.set_busy_timeout(BUSY_MS)
        self._prepare()

    def _unusable(self, what: str, wrong: Exception) -> StoreError:
        """The error of a store that another process holds, or that cannot be used at all; to be raised."""
        if isinstance(wrong, apsw.BusyError):
            return StoreError(f"{self.path}: an import is writing the store of tables; try again when it has ended")
        return StoreError(f"{self.path}: the store of tables {what}: {wrong}")

    def _prepare(self) -> None:
        version = int(str(self.db.pragma("user_version")))
        tables = self.db.execute("SELECT count(*) FROM sqlite_master").get
        if not tables and version == 0:
            if self.db.readonly("main"):
                raise StoreError(f"{self.path}: holds no tables; import some with `dripcode import`")
            with self.db:
                self._create()
        elif version != FORMAT or self.db.pragma("application_id") != APPLICATION_ID:
            raise StoreError(f"{self.path}: is not a store of tables of this version; move it away and import again")

    def _create(self) -> None:
        self.db.execute(_EDITIONS)
        for kind in KINDS.values():
            shape = kind.shape
            self.db.execute(f"CREATE TABLE {shape.name} (edition, member, line, {', '.join(shape.columns)})")
            self.db.execute(f"CREATE INDEX {shape.name}_key ON {shape.name} (edition, {', '.join(shape.key)})")
        self.db.pragma("application_id", APPLICATION_ID)
        self.db.pragma("user_version", FORMAT)

    def close(self) -> None:
        self.db.close()

    # -- reading -------------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[None]:
        """What is read inside is of one moment: an import shows whole or not at all. Raises StoreError."""
        try:
            self.db.execute("BEGIN")
            yield
            self.db.execute("END")
        except apsw.Error as wrong:
            raise self._unusable("cannot be read", wrong) from None

    def editions(self, kind: str = "", setting: str | None = None) -> list[Stored]:
        """Every edition, or those of a kind (and setting), the oldest first."""
        rows = self.db.execute("SELECT * FROM edition ORDER BY kind, setting, effective, id")
        found = [_stored(row) for row in rows]
        return [
            one
            for one in found
            if (not kind or one.edition.kind == kind) and (setting is None or one.edition.setting == setting)
        ]

    def edition(self, number: int) -> Stored:
        """The edition of this id."""
        return _stored(next(self.db.execute("SELECT * FROM edition WHERE id = ?", (number,))))

    def rows_of(self, stored: Stored, columns: Iterable[str]) -> Iterator[tuple[apsw.SQLiteValue, ...]]:
        """The rows of one edition."""
        shape = KINDS[stored.edition.kind].shape
        return iter(self.db.execute(f"SELECT {', '.join(columns)} FROM {shape.name} WHERE edition = ?", (stored.id,)))  # noqa: S608 - names of our own

    # -- writing -------------------------------------------------------------------------------------------------

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Everything inside is kept, or nothing of it. Journal, not WAL: a first import writes new pages only.

        Raises StoreError when another process holds the store, or the disk takes nothing more.
        """
        try:
            self.db.pragma("journal_mode", "delete")
            self.db.pragma("cache_size", -65536)
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:  # a full disk has ended it already
                    self.db.execute("ROLLBACK")
                raise
        except apsw.Error as wrong:
            raise self._unusable("cannot be written", wrong) from None

    def add(self, edition: Edition, files: str, digest: str, imported_at: str) -> int:
        """A new edition, without rows yet; its id."""
        until = edition.until.isoformat() if edition.until else ""
        self.db.execute(
            "INSERT INTO edition (kind, setting, name, effective, until, files, digest, rows, imported_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)",
            (
                edition.kind,
                edition.setting,
                edition.name,
                edition.effective.isoformat(),
                until,
                files,
                digest,
                imported_at,
            ),
        )
        return self.db.last_insert_rowid()

    def fill(self, number: int, shape: Shape, rows: Iterable[Row]) -> int:
        """Write the rows of an edition; how many."""
        marks = ", ".join("?" * (len(shape.columns) + 2))
        before = self.db.total_changes()
        self.db.executemany(f"INSERT INTO {shape.name} VALUES ({number}, {marks})", rows)  # noqa: S608 - names of our own
        count = self.db.total_changes() - before
        self.db.execute("UPDATE edition SET rows = ? WHERE id = ?", (count, number))
        return count

    def replace(self, old: Stored, by: Edition) -> None:
        """Drop the rows of an edition that a newer one holds too, and remember that it was there."""
        shape = KINDS[old.edition.kind].shape
        self.db.execute(f"DELETE FROM {shape.name} WHERE edition = ?", (old.id,))  # noqa: S608 - names of our own
        self.db.execute("UPDATE edition SET replaced_by = ? WHERE id = ?", (by.name, old.id))

    def forget(self, old: Stored) -> None:
        """Drop an edition that is imported again."""
        shape = KINDS[old.edition.kind].shape
        self.db.execute(f"DELETE FROM {shape.name} WHERE edition = ?", (old.id,))  # noqa: S608 - names of our own
        self.db.execute("DELETE FROM edition WHERE id = ?", (old.id,))

    def find_twice(self, number: int, shape: Shape, members: list[str], refusals: Refusals) -> None:
        """Refuse the rows whose key an earlier row has."""
        key = ", ".join(shape.key)
        found = self.db.execute(
            f"SELECT {key}, count(*), min(member * 1000000000 + line) FROM {shape.name}"  # noqa: S608 - names of our own
            f" WHERE edition = ? GROUP BY {key} HAVING count(*) > 1",
            (number,),
        )
        for *values, _, first in list(found):
            where = " AND ".join(f"{column} = ?" for column in shape.key)
            again = self.db.execute(
                f"SELECT member, line FROM {shape.name} WHERE edition = ? AND {where} ORDER BY member, line",  # noqa: S608
                (number, *values),
            )
            shown = "/".join(str(value) for value in values)
            for member, line in list(again)[1:]:
                at = int(str(first)) % 1_000_000_000
                text = f"{shape.key_text} twice, first at line {at}"
                refusals.add(Refusal(members[int(str(member))], int(str(line)), text, shown))

    def find_two_active(self, number: int, members: list[str], refusals: Refusals) -> None:
        """Refuse a pair that two rows say is in force without an end."""
        found = self.db.execute(
            "SELECT column_one, column_two FROM pair WHERE edition = ? AND deleted = 0"
            " GROUP BY column_one, column_two HAVING count(*) > 1",
            (number,),
        )
        for one, two in list(found):
            rows = self.db.execute(
                "SELECT member, line FROM pair WHERE edition = ? AND column_one = ? AND column_two = ? AND deleted = 0"
                " ORDER BY member, line",
                (number, one, two),
            )
            for member, line in list(rows)[1:]:
                refusals.add(Refusal(members[int(str(member))], int(str(line)), f"second active edit for {one}/{two}"))


def _stored(row: tuple[apsw.SQLiteValue, ...]) -> Stored:
    number, kind, setting, name, effective, until, files, digest, rows, imported_at, replaced_by = row
    edition = Edition(
        str(kind),
        str(setting),
        str(name),
        date.fromisoformat(str(effective)),
        date.fromisoformat(str(until)) if until else None,
    )
    return Stored(
        int(str(number)), edition, str(files), str(digest), int(str(rows)), str(imported_at), str(replaced_by)
    )


def store_path(data_dir: Path) -> Path:
    """Where the imported tables are kept."""
    return data_dir / STORE_NAME


def newest(store: Store, kind: Kind, setting: str) -> Stored | None:
    """The newest edition of a table that has its rows."""
    standing = [one for one in store.editions(kind.name, setting) if not one.replaced_by]
    return max(standing, key=lambda one: (one.edition.effective, one.id), default=None)
