"""The catalogue of codes, the numbers of the engine itself, and the reading of tables."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache

from msgspec import Struct

from coding.claim import Family, Role
from coding.errors import TableError
from coding.rules import read_data, read_toml


class CodeEntry(Struct, frozen=True, gc=False):
    """One code of the catalogue, with our own short label. `place` orders lines of one date."""

    code: str
    code_system: str
    family: Family
    role: Role
    label: str
    place: int


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
