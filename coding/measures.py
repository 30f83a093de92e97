"""Amounts of drugs: one unit in terms of another, where that is certain.

Our own table instead of a units library: thirty units cover what is charted and billed, the arithmetic must be exact,
and a general library takes the arbitrary units of biology for plain numbers, so that it would turn an international
unit into a USP unit without a word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cache

from msgspec import Struct

from coding.encounter import Measure
from coding.errors import TableError
from coding.rules import read_toml

OF_THE_LABEL = "units of the label"
BIOLOGICAL = {OF_THE_LABEL, "international units", "USP units"}
CONTAINERS = "containers"
WRITTEN = re.compile(r"\s*(\d[\d,]*(?:\.\d+)?|\.\d+)\s*([^\d\s].*?)\s*")


class Unit(Struct, frozen=True, gc=False):
    """A unit: what it measures, and how much of the smallest common measure it is."""

    name: str
    measures: str
    factor: Decimal


@cache
def units() -> Mapping[str, Unit]:
    """Return every known unit by its words.

    Raises:
        TableError: a row has another shape, or two rows have the same word.
    """
    known: dict[str, Unit] = {}
    for name, row in read_toml("dose_units.toml").items():
        if not {"measures", "factor", "words"} <= set(row) <= {"measures", "factor", "words", "ucum"}:
            raise TableError(f"dose_units.toml {name}: needs measures, factor and words, and may have ucum")
        unit = Unit(name, row["measures"], Decimal(row["factor"]))
        for word in row["words"]:
            if known.setdefault(word, unit) is not unit:
                raise TableError(f"dose_units.toml {name}: {word!r} is also of {known[word].name}")
    return known


def unit_named(word: str) -> Unit | None:
    """Return the unit that a recorded word means; None when it is none of ours, such as a rate or a dose by weight."""
    return units().get(" ".join(word.casefold().split()))


def in_unit(measure: Measure, word: str) -> Decimal | None:
    """Return an amount in another unit; None when the two do not measure the same, or one is not known."""
    given, wanted = unit_named(measure.unit), unit_named(word)
    if given is None or wanted is None:
        return None
    measured = {given.measures, wanted.measures}
    if len(measured) > 1 and not (OF_THE_LABEL in measured and measured <= BIOLOGICAL):
        return None
    return measure.amount * given.factor / wanted.factor


def is_container(word: str) -> bool:
    """Say whether a unit counts containers."""
    unit = unit_named(word)
    return unit is not None and unit.measures == CONTAINERS


def read_measure(text: str) -> Measure | None:
    """Return the amount and unit of "10 mg"; None when it is neither, or the unit is not known."""
    match = WRITTEN.fullmatch(text)
    if not match or unit_named(match[2]) is None:
        return None
    try:
        amount = Decimal(match[1].replace(",", ""))
    except InvalidOperation:
        return None
    return Measure(amount, match[2]) if amount > 0 else None
