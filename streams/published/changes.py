"""What an edition changed since the one before, for the codes that are ours."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import apsw

from streams.published.kinds import Edition
from streams.published.store import Store, Stored

Said = Mapping[str, str]  # what a table says on one date: of what, and what


@dataclass(frozen=True, slots=True)
class Changes:
    """`since`: the title of the edition before; "" when there is none. Each change is a sentence."""

    since: str
    added: tuple[str, ...]
    ended: tuple[str, ...]
    changed: tuple[str, ...]


def changes_between(store: Store, earlier: Stored | None, current: Stored, codes: Collection[str]) -> Changes:
    """What an edition says on its first day, against what the earlier one said on its own."""
    if earlier is None:
        return Changes("", (), (), ())
    say = _SAY[current.edition.kind]
    new = dict(say(store.db, current.id, _day(current.edition), codes))
    old = dict(say(store.db, earlier.id, _day(earlier.edition), codes))
    return Changes(
        earlier.edition.title,
        tuple(f"{key}: {new[key]}" for key in sorted(new.keys() - old.keys())),
        tuple(f"{key}: {old[key]}" for key in sorted(old.keys() - new.keys())),
        tuple(f"{key}: {old[key]} to {new[key]}" for key in sorted(new.keys() & old.keys()) if new[key] != old[key]),
    )


def _day(edition: Edition) -> int:
    return int(f"{edition.effective:%Y%m%d}")


Say = Callable[[apsw.Connection, int, int, Collection[str]], Iterator[tuple[str, str]]]
_IN_FORCE = "effective <= ? AND (deleted = 0 OR deleted >= ?)"


def _marks(codes: Collection[str]) -> str:
    return ", ".join("?" * len(codes))


def _pairs(db: apsw.Connection, number: int, day: int, codes: Collection[str]) -> Iterator[tuple[str, str]]:
    found = db.execute(
        f"SELECT column_one, column_two, indicator FROM pair WHERE edition = ? AND column_one IN ({_marks(codes)})"  # noqa: S608
        f" AND {_IN_FORCE} AND indicator <> '9'",
        (number, *codes, day, day),
    )
    ours = set(codes)
    yield from ((f"{one}/{two}", f"indicator {indicator}") for one, two, indicator in found if str(two) in ours)


def _limits(db: apsw.Connection, number: int, _day: int, codes: Collection[str]) -> Iterator[tuple[str, str]]:
    found = db.execute(
        f"SELECT code, units, adjudication FROM unit_limit WHERE edition = ? AND code IN ({_marks(codes)})",  # noqa: S608
        (number, *codes),
    )
    yield from ((str(code), f"{units} units, indicator {indicator}") for code, units, indicator in found)


def _add_ons(db: apsw.Connection, number: int, day: int, codes: Collection[str]) -> Iterator[tuple[str, str]]:
    found = db.execute(
        f"SELECT add_on, primary_code, instruction FROM add_on WHERE edition = ? AND add_on IN ({_marks(codes)})"  # noqa: S608
        f" AND {_IN_FORCE} AND (add_on_deleted = 0 OR add_on_deleted >= ?)"
        " AND (primary_deleted = 0 OR primary_deleted >= ?)",
        (number, *codes, day, day, day, day),
    )
    yield from ((f"{add_on} from {primary}", str(note or "listed")) for add_on, primary, note in found)


def _of_code(table: str, columns: str, text: str) -> Say:
    """A table with one row per code: what it says of each, of all codes, since those of drugs are a site's own."""

    def say(db: apsw.Connection, number: int, _day: int, _codes: Collection[str]) -> Iterator[tuple[str, str]]:
        for key, *values in db.execute(f"SELECT {columns} FROM {table} WHERE edition = ?", (number,)):  # noqa: S608
            yield str(key), text.format(*values)

    return say


_SAY: Mapping[str, Say] = {
    "ptp": _pairs,
    "mue": _limits,
    "addon": _add_ons,
    "asp": _of_code("payment_limit", "code, dosage", "unit {}"),
    "ndc": _of_code("crosswalk", "code || ' ' || published_id, units_per_package", "{} units a package"),
    "hcpcs": _of_code(
        "hcpcs_code", "code || CASE is_modifier WHEN 1 THEN ' (modifier)' ELSE '' END, unit_amount, unit, terminated",
        "unit {} {}, ends {}",
    ),
    "addendum-b": _of_code("opps_payment", "code, status", "status {}"),
}  # fmt: skip
