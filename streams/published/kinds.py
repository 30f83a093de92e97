"""What a kind of table is to the store: its columns, its key, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from streams.published.members import Member, Wanted
from streams.published.reading import Reading

Row = tuple[int | str | None, ...]  # number of the member, line, then the columns of the table


@dataclass(frozen=True, slots=True)
class Edition:
    """One issue of a table. `effective` is the first day it speaks for as the newest; `until` the last it names."""

    kind: str
    setting: str  # practitioner, hospital, dme; "" when the table is for all
    name: str
    effective: date
    until: date | None = None

    @property
    def title(self) -> str:
        return " ".join(filter(None, (self.kind, self.setting, self.name)))


@dataclass(frozen=True, slots=True)
class Shape:
    """A table of the store. `key` tells rows of one edition apart; `key_text` names it to a person."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    key_text: str


Opened = tuple[Edition, Iterator[Row]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A published table. `is_history`: an issue holds all earlier rows with their dates, so the newest is enough."""

    name: str
    label: str
    shape: Shape
    wanted: Wanted
    open: Callable[[Sequence[Member], Reading, date | None], Opened]
    is_history: bool = False
    parts: tuple[str, ...] = ()  # what an issue consists of, when it is more than one file


MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def quarter_start(year: int, quarter: int) -> date:
    """The first day of a quarter, 1 to 4."""
    return date(year, 3 * quarter - 2, 1)


def month_number(text: str) -> int:
    """1 to 12; 0 when it is no month."""
    start = text.strip().casefold()[:3]
    return MONTHS.index(start) + 1 if start in MONTHS else 0


def written_date(text: str) -> date | None:
    """The date of "October 1, 2026"; None when it is none."""
    match = re.fullmatch(r"\s*([A-Za-z]+)\s+(\d{1,2}),?\s+(\d{4})\s*", text)
    if not match or not month_number(match[1]):
        return None
    try:
        return date(int(match[3]), month_number(match[1]), int(match[2]))
    except ValueError:
        return None
