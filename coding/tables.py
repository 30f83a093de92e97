"""Published tables cut to our codes: unit limits, add-on codes, code pairs, and the catalogue of codes."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from coding.claim import Family, Role
from coding.encounter import Setting
from coding.errors import TableError
from coding.rules import read_data, read_toml


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """One code of the catalogue, with our own short label. `place` orders lines of one date."""

    code: str
    code_system: str
    family: Family
    role: Role
    label: str
    place: int


@dataclass(frozen=True, slots=True)
class UnitLimit:
    """Most units of a code on one date. `is_absolute`: set by policy, no documentation overcomes it."""

    units: int
    is_absolute: bool
    quarter: str


@dataclass(frozen=True, slots=True)
class Edits:
    """The published tables in force on a date, for one setting."""

    limits: Mapping[str, UnitLimit]
    primaries: Mapping[str, frozenset[str]]  # add-on code: codes it may hang from
    pairs: Mapping[tuple[str, str], bool]  # (column one, column two): a modifier lifts the edit
    columns_two: Mapping[str, frozenset[str]]  # column one: its column twos


def rows_of(name: str, columns: str) -> list[dict[str, str]]:
    """Read a CSV of coding/data.

    Raises:
        TableError: its columns are not exactly the wanted ones.
    """
    reader = csv.DictReader(read_data(name).splitlines())
    if ",".join(reader.fieldnames or ()) != columns:
        raise TableError(f"{name}: columns must be {columns}")
    return list(reader)


@cache
def catalogue() -> Mapping[str, CodeEntry]:
    """Return every code the engine may write, by code."""
    rows = rows_of("codes.csv", "code,code_system,service_family,role,label")
    return {
        row["code"]: CodeEntry(
            row["code"], row["code_system"], Family(row["service_family"]), Role(row["role"]), row["label"], place
        )
        for place, row in enumerate(rows)
    }


def catalogue_codes() -> frozenset[str]:
    """Return the codes that the engine may write: what a published table must say to matter here."""
    return frozenset(catalogue())


@cache
def engine_numbers() -> Mapping[str, int]:
    """Return the numbers of the engine itself."""
    return {name: value for name, value in read_toml("engine.toml").items() if isinstance(value, int)}


@cache
def rules_version() -> str:
    """Return the version of the rules: the year and quarter of the newest table."""
    return str(read_toml("engine.toml")["rules_version"])


def _holds(row: Mapping[str, str], setting: Setting, on: date) -> bool:
    """Say whether a dated row is in force; a deletion date is the last day."""
    if row["setting"] not in {"", setting.value} or date.fromisoformat(row["effective"]) > on:
        return False
    return not row["deleted"] or date.fromisoformat(row["deleted"]) >= on


@cache
def _rows() -> tuple[list[dict[str, str]], list[dict[str, str]], list[dict[str, str]]]:
    """Return the rows of the three published tables."""
    return (
        rows_of("mue.csv", "code,setting,effective,deleted,units,adjudication,quarter"),
        rows_of("add_on.csv", "add_on,primary,setting,effective,deleted,quarter"),
        rows_of("pairs.csv", "column_one,column_two,setting,effective,deleted,indicator,quarter"),
    )


@cache
def _change_dates() -> tuple[date, ...]:
    """Return every date on which a published row begins, or the day after it ends, rising."""
    begins = {date.fromisoformat(row["effective"]) for table in _rows() for row in table}
    ends = {date.fromisoformat(row["deleted"]) for table in _rows() for row in table if row["deleted"]}
    return tuple(sorted(begins | {date.fromordinal(end.toordinal() + 1) for end in ends}))


@cache
def _edits_since(change: int, setting: Setting) -> Edits:
    """Return the tables of the period that begins with the given change."""
    if change == 0:
        return Edits({}, {}, {}, {})
    on = _change_dates()[change - 1]
    limits, add_ons, pairs = ([row for row in table if _holds(row, setting, on)] for table in _rows())
    primaries: dict[str, set[str]] = {}
    for row in add_ons:
        primaries.setdefault(row["add_on"], set()).add(row["primary"])
    columns: dict[str, set[str]] = {}
    for row in pairs:
        columns.setdefault(row["column_one"], set()).add(row["column_two"])
    absolute = str(engine_numbers()["absolute_adjudication"])
    return Edits(
        {row["code"]: UnitLimit(int(row["units"]), row["adjudication"] == absolute, row["quarter"]) for row in limits},
        {code: frozenset(codes) for code, codes in primaries.items()},
        {(row["column_one"], row["column_two"]): row["indicator"] == "1" for row in pairs},
        {code: frozenset(codes) for code, codes in columns.items()},
    )


def edits_on(service_date: date, setting: Setting) -> Edits:
    """Return the published tables in force on a date. Before their first quarter they are empty: nothing is checked."""
    return _edits_since(bisect_right(_change_dates(), service_date), setting)
