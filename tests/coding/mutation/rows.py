"""Every dated row of the rules flipped to a value beside it, in memory: some scenario must come out otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any
from unittest import mock

from msgspec.structs import replace

from coding import engine
from coding.errors import CodingError
from coding.rules import TABLES, Rules, dated_rules, rules_of, rules_on
from tests.coding.scenario import Scenario, every_scenario

RANKS = 2  # an order of services changes when one goes past its neighbour


@dataclass(frozen=True)
class Flip:
    """One value of one dated row, and another in its place."""

    table: type[Any]
    name: str
    place: int  # the row, from the oldest
    since: date
    value: object
    other: object

    def __str__(self) -> str:
        return f"{self.table.TABLE} {self.name} {self.place} {self.other}"


def _others(name: str, value: object) -> Iterator[object]:
    """Values next to a row's: one more and one less, a rank past the neighbour's, another code, none of a list."""
    if name.endswith("rank"):
        assert isinstance(value, int)
        yield value + RANKS if value <= RANKS else value - RANKS
    elif isinstance(value, int):
        yield value + 1
        yield value - 1
    elif isinstance(value, str):
        yield "96373" if value != "96373" else "96379"
    else:
        yield ()


def flips() -> list[Flip]:
    """Every flip of every dated row."""
    return [
        Flip(table, name, place, rule.effective[place], value, other)
        for table in TABLES.values()
        for name, rule in dated_rules(table).items()
        for place, value in enumerate(rule.values)
        for other in _others(name, value)
    ]


@cache
def _worked() -> list[tuple[str, Scenario, Any]]:
    return [(f"{stem}: {one.name}", one, one.whole()) for stem, one in every_scenario()]


def failing(flip: Flip) -> str:
    """Return the first scenario that does not come out as it says under a flip; "" when all do."""
    rule = dated_rules(flip.table)[flip.name]

    def rules_flipped(day: date) -> Rules:
        whole = rules_on(day)
        if sum(when <= day for when in rule.effective) - 1 != flip.place:
            return whole
        tables = {name: getattr(whole, name) for name in TABLES}
        name = next(name for name, table in TABLES.items() if table is flip.table)
        return rules_of({**tables, name: replace(tables[name], **{flip.name: flip.other})})

    with mock.patch.object(engine, "rules_on", rules_flipped):
        return next((name for name, scenario, whole in _worked() if not _holds(scenario, whole)), "")


def _holds(scenario: Scenario, whole: Any) -> bool:
    try:
        return scenario.holds(engine.code_encounter(*whole))
    except (AssertionError, CodingError, LookupError):  # no line of it is a line any more
        return False
