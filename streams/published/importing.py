"""One import: read, check, store, and say what changed for the codes that are ours."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import coding
from streams.published.changes import Changes, changes_between
from streams.published.kinds import Edition, Kind
from streams.published.members import Member, find_members
from streams.published.reading import Reading
from streams.published.refusals import refuse_file
from streams.published.store import Store, Stored, newest

# A table that grows or shrinks by more than this share is worth a look.
UNUSUAL_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to. `rows` is None when this very edition was stored already."""

    edition: Edition
    rows: int | None
    changes: Changes | None
    warnings: tuple[str, ...] = ()


def import_files(kind: Kind, paths: Sequence[Path], store: Store, effective: date | None, now: str) -> Imported:
    """Read the files of one issue of a table and store it; all or nothing.

    Args:
        effective: the first day, where the files do not name it.
        now: when, ISO 8601.

    Raises:
        Refused: a file is not as it should be; nothing is stored.
        StoreError: the store cannot be written.
    """
    members, digest = find_members(kind.wanted, paths), digest_of(paths)
    reading = Reading()
    edition, rows = kind.open(members, reading, effective)
    before = newest(store, kind, edition.setting)
    if before and before.edition.name == edition.name and before.digest == digest:
        return Imported(edition, None, None)
    if before and kind.is_history and before.edition.effective > edition.effective:
        raise refuse_file(members[0].name, f"older than {before.edition.title} in the store, which holds its rows too")
    with store.importing():
        number = store.add(edition, ", ".join(member.name for member in members), digest, now)
        count = store.fill(number, kind.shape, rows)
        _check(kind, number, members, store, reading)
        earlier, current = _earlier(store, kind, edition), store.edition(number)
        changes = changes_between(store, earlier, current, coding.catalogue_codes())
        _make_room(store, kind, edition, number)
    return Imported(edition, count, changes, (*reading.warnings, *_unusual(count, earlier)))


def _check(kind: Kind, number: int, members: Sequence[Member], store: Store, reading: Reading) -> None:
    """Raise Refused with everything that was found, in rows and between them."""
    names = [member.name for member in members]
    if not reading.refusals.count:
        store.find_twice(number, kind.shape, names, reading.refusals)
        if kind.name == "ptp":
            store.find_two_active(number, names, reading.refusals)
    reading.refusals.raise_any()


def _earlier(store: Store, kind: Kind, edition: Edition) -> Stored | None:
    """The edition before this one: what it changed is told against it."""
    standing = [
        one
        for one in store.editions(kind.name, edition.setting)
        if not one.replaced_by and one.rows and one.edition.effective <= edition.effective
    ]
    others = [one for one in standing if one.edition.name != edition.name] or standing[:-1]
    return max(others, key=lambda one: (one.edition.effective, one.id), default=None)


def _make_room(store: Store, kind: Kind, edition: Edition, number: int) -> None:
    """Forget an edition of the same name; of a table with its whole history, drop the older rows."""
    for one in store.editions(kind.name, edition.setting):
        if one.id != number and one.edition.name == edition.name:
            store.forget(one)
        elif one.id != number and kind.is_history and not one.replaced_by:
            store.replace(one, edition)


def _unusual(count: int, earlier: Stored | None) -> Iterable[str]:
    if earlier and abs(count - earlier.rows) > UNUSUAL_SHARE * earlier.rows:
        yield f"{count:,} rows, {earlier.edition.title} had {earlier.rows:,}: is the file whole?"


def digest_of(paths: Sequence[Path]) -> str:
    """A digest of the files' contents, in any order."""
    each = sorted(_digest(path) for path in paths)
    return hashlib.sha256("".join(each).encode()).hexdigest()[:16]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
