"""A delivery's memory, one SQLite file: how far the topic was read, what stands, what is on its way.

What was read and what follows from it are one transaction, so a delivery that is killed goes on where it was: what was
on its way is delivered again, the same and under the same name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import apsw
import msgspec

from streams.formats.charge import Document, Line, News
from streams.log import Explained
from streams.outbound.accounts import Account, account_key

_SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS position (topic TEXT, partition INTEGER, next INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS account (key TEXT PRIMARY KEY, state BLOB NOT NULL, changed INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS changed ON account (changed) WHERE changed IS NOT NULL;
CREATE TABLE IF NOT EXISTS outgoing (number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, name TEXT NOT NULL,
    content BLOB NOT NULL, refusal TEXT NOT NULL DEFAULT '');
"""
_LAYOUT = "1"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Account).decode


class JournalError(Explained):
    """The delivery's memory cannot be used; the message says which file, and what to do."""


class Outgoing(msgspec.Struct, frozen=True):
    """A document on its way; `refusal` is what the receiver said to it last, "" when it said nothing yet."""

    number: int
    key: str
    name: str
    content: bytes
    refusal: str


class Journal:
    """Held by one process: a second one is refused at once."""

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self.path = path
        self._db = connection

    @classmethod
    def open(cls, path: Path, about: Mapping[str, str]) -> Self:
        """Open or make the file. `about` says what is delivered and how; a file made for something else is refused.

        Raises JournalError.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            db = apsw.Connection(str(path))
            path.chmod(0o600)
            db.pragma("locking_mode", "EXCLUSIVE")
            db.pragma("journal_mode", "WAL")
            db.pragma("synchronous", "FULL")
            db.execute("BEGIN IMMEDIATE")
            db.execute(_SCHEMA)
            db.execute("COMMIT")
        except apsw.BusyError:
            raise JournalError(f"{path}: another delivery is using it; one at a time") from None
        except (apsw.Error, OSError) as wrong:
            raise JournalError(f"{path}: cannot be used: {wrong}") from None
        journal = cls(path, db)
        try:
            journal._check({"layout": _LAYOUT, **about})
        except JournalError:
            db.close()
            raise
        return journal

    def _check(self, about: Mapping[str, str]) -> None:
        known = dict(self._rows("SELECT name, value FROM fact WHERE name LIKE 'about.%'"))
        for name, value in about.items():
            held = known.get(f"about.{name}", value)
            if held != value:
                raise JournalError(
                    f"{self.path}: was made for {name} {held}, not {value}: use another folder or --state, or deliver "
                    "as before"
                )
        with self._transaction():
            for name, value in about.items():
                self._db.execute("INSERT OR IGNORE INTO fact VALUES (?, ?)", (f"about.{name}", value))

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- reading in

    def positions(self) -> dict[tuple[str, int], int]:
        """The next offset to read, by topic and partition."""
        return {(topic, number): at for topic, number, at in self._rows("SELECT * FROM position")}

    def take(
        self,
        lines: Sequence[Line],
        positions: Mapping[tuple[str, int], int],
        statuses: Collection[str],
        *,
        all_or_none: bool = False,
    ) -> None:
        """Fold lines into their accounts and note how far was read, in one transaction."""
        of_key: dict[str, list[Line]] = {}
        for line in lines:
            of_key.setdefault(account_key(line), []).append(line)
        with self._transaction():
            for key, of_account in of_key.items():
                account = self.account(key)
                changed = [account.take(line, statuses, all_or_none=all_or_none) for line in of_account]
                self._put(key, account, is_changed=any(changed))
            for (topic, number), at in positions.items():
                self._db.execute("INSERT OR REPLACE INTO position VALUES (?, ?, ?)", (topic, number, at))

    def account(self, key: str) -> Account:
        """What is known of an encounter."""
        rows = self._rows("SELECT state FROM account WHERE key = ?", key)
        return _decode(rows[0][0]) if rows else Account()

    def _put(self, key: str, account: Account, *, is_changed: bool) -> None:
        """Keep an account; one that changed is settled after those that changed before."""
        turn = "(SELECT ifnull(max(changed), 0) + 1 FROM account)" if is_changed else "NULL"
        self._db.execute(
            f"INSERT INTO account VALUES (?1, ?2, {turn}) "  # noqa: S608 - one of two texts of ours
            "ON CONFLICT DO UPDATE SET state = ?2, changed = ifnull(changed, excluded.changed)",
            (key, _encode(account)),
        )

    def waiting(self) -> int:
        """How many encounters wait until all their lines are wanted."""
        return int(self._rows("SELECT count(*) FROM account WHERE json_extract(CAST(state AS TEXT), '$.waits')")[0][0])

    # -- settling: what stands is told

    def changed(self, limit: int) -> list[tuple[str, Account]]:
        """Accounts with something to settle, those first that changed first."""
        rows = self._rows("SELECT key, state FROM account WHERE changed IS NOT NULL ORDER BY changed LIMIT ?", limit)
        return [(key, _decode(state)) for key, state in rows]

    def number(self) -> int:
        """The number of the next settlement."""
        rows = self._rows("SELECT value FROM fact WHERE name = 'settlements'")
        return int(rows[0][0]) + 1 if rows else 1

    def settle(self, accounts: Sequence[tuple[str, Account]], documents: Sequence[Document]) -> None:
        """Put the documents on their way and note that these accounts are told, in one transaction."""
        with self._transaction():
            if documents:
                value = str(self.number())
                self._db.execute("INSERT OR REPLACE INTO fact VALUES ('settlements', ?)", (value,))
            for one in documents:
                self._db.execute(
                    "INSERT INTO outgoing (key, name, content) VALUES (?, ?, ?)", (one.key, one.name, one.content)
                )
            for key, account in accounts:
                account.settle()
                self._db.execute("UPDATE account SET state = ?, changed = NULL WHERE key = ?", (_encode(account), key))

    # -- on its way

    def outgoing(self, after: int = 0, limit: int = 100) -> list[Outgoing]:
        """Documents on their way, in order of number, after this one."""
        rows = self._rows("SELECT * FROM outgoing WHERE number > ? ORDER BY number LIMIT ?", after, limit)
        return [Outgoing(*row) for row in rows]

    def refused(self) -> list[Outgoing]:
        """Documents that the receiver did not want."""
        return [Outgoing(*row) for row in self._rows("SELECT * FROM outgoing WHERE refusal != '' ORDER BY number")]

    def arrived(self, number: int) -> None:
        """The receiver has it."""
        with self._transaction():
            self._db.execute("DELETE FROM outgoing WHERE number = ?", (number,))

    def refuse(self, number: int, refusal: str) -> None:
        """The receiver did not want it: it stays, and so does what follows of the same encounter."""
        with self._transaction():
            self._db.execute("UPDATE outgoing SET refusal = ? WHERE number = ?", (refusal, number))

    def give_up(self, name: str) -> bool:
        """Take a refused document out, for good. False when there is none of this name."""
        with self._transaction():
            self._db.execute("DELETE FROM outgoing WHERE name = ? AND refusal != ''", (name,))
            return bool(self._db.changes())

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return list(self._db.execute(statement, values))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._db:
                yield
        except apsw.Error as wrong:
            raise JournalError(f"{self.path}: cannot be written: {wrong}") from None


def news_of(accounts: Sequence[tuple[str, Account]]) -> list[News]:
    """What the destination must learn of these accounts, in their order."""
    return [news for key, account in accounts if (news := account.news(key)) is not None]
