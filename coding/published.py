"""The tables that CMS publishes, in force on a date: unit limits, add-on codes, code pairs, and those of drugs.

Each issue speaks for the dates it covers. What a site imported wins there over the built-in tables, which are cut to
our codes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Set
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from msgspec import Struct

from coding.encounter import Setting
from coding.tables import engine_numbers, rows_of, rules_version


class LimitRow(NamedTuple):
    """Most units of a code on a date. A `deleted` date is the last day; None is no end."""

    code: str
    effective: date
    deleted: date | None
    units: int
    adjudication: str  # 1 line, 2 absolute by policy, 3 clinical


class AddOnRow(NamedTuple):
    """A code that an add-on code may hang from. `setting` is "" when it is for both claims."""

    add_on: str
    primary: str
    setting: str
    effective: date
    deleted: date | None


class PairRow(NamedTuple):
    """Two codes of which the second is not paid. `indicator` 1: a modifier lifts it; 0: none does."""

    column_one: str
    column_two: str
    effective: date
    deleted: date | None
    indicator: str


class DrugCodeRow(NamedTuple):
    """A code that a drug is billed with, from when to when, and what one unit of it covers; None and "" unknown."""

    code: str
    effective: date
    deleted: date | None
    amount: Decimal | None
    unit: str


class PackageRow(NamedTuple):
    """A package by its eleven digits, the code it is billed with, and how many units the package holds."""

    ndc: str
    code: str
    effective: date
    deleted: date | None
    units: Decimal | None


class PaymentRow(NamedTuple):
    """How Medicare pays a hospital for a code: the status indicator."""

    code: str
    effective: date
    deleted: date | None
    status: str


PublishedRow = LimitRow | AddOnRow | PairRow | DrugCodeRow | PackageRow | PaymentRow
NO_END = date.max


class Issue(Struct, frozen=True, gc=False):
    """One edition of a table, for one claim setting or (None) for both, and the dates it speaks for."""

    table: str  # limits, add_ons, pairs, drug_codes, billing_units, packages, payments
    setting: Setting | None
    name: str  # as it is told on a line; "" for what is built in
    since: date
    until: date  # last day; date.max when no later issue is known
    rows: tuple[PublishedRow, ...]

    def covers(self, day: date, setting: Setting) -> bool:
        """Say whether this edition speaks for a date and setting."""
        return self.since <= day <= self.until and self.setting in (None, setting)


class UnitLimit(NamedTuple):
    """Most units of a code on one date. `is_absolute`: set by policy, no documentation overcomes it."""

    units: int
    is_absolute: bool


class Verdict(Struct, frozen=True, gc=False):
    """What the edits say of the units of one date."""

    orphans: frozenset[str]  # add-on codes without a primary among them
    pairs: Mapping[str, bool]  # second codes of pairs: a modifier lifts the edit
    over: Mapping[str, UnitLimit]  # limits that are exceeded, by code


class Edits(Struct, frozen=True, gc=False, eq=False):
    """The published edits in force on a date, for one setting."""

    limits: Mapping[str, UnitLimit]
    primaries: Mapping[str, frozenset[str]]  # add-on code: codes it may hang from
    pairs: Mapping[tuple[str, str], bool]  # (column one, column two): a modifier lifts the edit
    columns_two: Mapping[str, frozenset[str]]  # column one: its column twos
    verdicts: dict[tuple[frozenset[tuple[str, int]], str], Verdict] = {}  # by the units of a date and whose caps

    def orphans(self, codes: Set[str]) -> frozenset[str]:
        """Return the add-on codes among the codes of a claim that have none of their primaries among them."""
        add_ons = codes & self.primaries.keys()
        return frozenset(code for code in add_ons if self.primaries[code].isdisjoint(codes))

    def paired(self, codes: Set[str]) -> Mapping[str, bool]:
        """Return the second codes of pairs among the codes of a date, and whether a modifier lifts the edit."""
        found: dict[str, bool] = {}
        for first in codes & self.columns_two.keys():
            for second in self.columns_two[first] & codes:
                found[second] = found.get(second, True) and self.pairs[first, second]
        return found


class DrugTables(Struct, frozen=True, gc=False):
    """The published tables of drugs in force on a date; empty where none was imported."""

    units: Mapping[str, tuple[Decimal, str]]  # code: what one unit covers
    codes: frozenset[str] | None  # every code in force; None when no table of codes was imported
    packages: Mapping[str, tuple[PackageRow, ...]]  # eleven digits: its codes
    status: Mapping[str, str]  # code: status indicator


class Tables(Struct, frozen=True, gc=False, eq=False):
    """Every issue that is known. What was worked out for a stretch of dates is kept."""

    issues: tuple[Issue, ...]
    changes: tuple[date, ...]  # dates from which something else is in force, rising
    has_packages: bool = False  # so that a scanned one may name a code
    # What holds between two changes, by the number of those before it.
    edits: dict[tuple[int, Setting], Edits] = {}
    drugs: dict[tuple[int, Setting], DrugTables] = {}
    versions: dict[tuple[int, Setting], str] = {}

    def on(self, day: date, setting: Setting) -> Edits:
        """Return the edits in force. Before the first issue of a table it is empty: nothing is checked."""
        since = bisect_right(self.changes, day), setting
        try:
            return self.edits[since]
        except KeyError:
            edits = self.edits[since] = self._edits(day, setting)
            return edits

    def drugs_on(self, day: date, setting: Setting) -> DrugTables:
        """Return the tables of drugs in force."""
        since = bisect_right(self.changes, day), setting
        try:
            return self.drugs[since]
        except KeyError:
            tables = self.drugs[since] = self._drugs(day, setting)
            return tables

    def version_on(self, day: date, setting: Setting) -> str:
        """Return what a line rests on: the version of the engine's own data, and every imported table in force."""
        since = bisect_right(self.changes, day), setting
        try:
            return self.versions[since]
        except KeyError:
            named = [issue for table in TABLES if (issue := self._issue(table, day, setting)) and issue.name]
            version = self.versions[since] = "; ".join([rules_version(), *(issue.name for issue in named)])
            return version

    def _issue(self, table: str, day: date, setting: Setting) -> Issue | None:
        """Return the newest issue of a table that covers a date."""
        covering = [one for one in self.issues if one.table == table and one.covers(day, setting)]
        return max(covering, key=lambda one: (one.since, bool(one.name), one.name), default=None)

    def _rows(self, table: str, day: date, setting: Setting) -> list[PublishedRow]:
        """Return the rows of a table in force on a date."""
        issue = self._issue(table, day, setting)
        rows = issue.rows if issue else ()
        return [row for row in rows if row.effective <= day <= (row.deleted or NO_END)]

    def _edits(self, day: date, setting: Setting) -> Edits:
        absolute = str(engine_numbers()["absolute_adjudication"])
        limits = [row for row in self._rows("limits", day, setting) if isinstance(row, LimitRow)]
        primaries: dict[str, set[str]] = {}
        for row in self._rows("add_ons", day, setting):
            if isinstance(row, AddOnRow) and row.setting in {"", setting.value}:
                primaries.setdefault(row.add_on, set()).add(row.primary)
        pairs = [row for row in self._rows("pairs", day, setting) if isinstance(row, PairRow)]
        columns: dict[str, set[str]] = {}
        for pair in pairs:
            columns.setdefault(pair.column_one, set()).add(pair.column_two)
        return Edits(
            {row.code: UnitLimit(row.units, row.adjudication == absolute) for row in limits},
            {code: frozenset(codes) for code, codes in primaries.items()},
            {(pair.column_one, pair.column_two): pair.indicator == "1" for pair in pairs},
            {code: frozenset(codes) for code, codes in columns.items()},
        )

    def _drugs(self, day: date, setting: Setting) -> DrugTables:
        """Return the tables of drugs; the code's own description wins over the payment limit's dosage."""
        codes = [row for row in self._rows("drug_codes", day, setting) if isinstance(row, DrugCodeRow)]
        dosages = [row for row in self._rows("billing_units", day, setting) if isinstance(row, DrugCodeRow)]
        packages: dict[str, tuple[PackageRow, ...]] = {}
        for row in self._rows("packages", day, setting):
            if isinstance(row, PackageRow):
                packages[row.ndc] = (*packages.get(row.ndc, ()), row)
        payments = [row for row in self._rows("payments", day, setting) if isinstance(row, PaymentRow)]
        return DrugTables(
            {row.code: (row.amount, row.unit) for row in (*dosages, *codes) if row.amount},
            frozenset(row.code for row in codes) if codes else None,
            packages,
            {row.code: row.status for row in payments},
        )


TABLES = ("limits", "add_ons", "pairs", "drug_codes", "billing_units", "packages", "payments")


def load_tables(imported: Iterable[Issue]) -> Tables:
    """Return the built-in tables with a site's own issues on top."""
    issues = (*builtin_tables().issues, *imported)
    return Tables(issues, _changes(issues), any(issue.table == "packages" for issue in issues))


def _changes(issues: Iterable[Issue]) -> tuple[date, ...]:
    """Return every date on which an issue or a row begins, or the day after it ends, rising."""
    begins: set[date] = set()
    ends: set[date | None] = set()
    for issue in issues:
        begins |= {issue.since, *(row.effective for row in issue.rows)}
        ends |= {issue.until, *(row.deleted for row in issue.rows)}
    after = {end + timedelta(days=1) for end in ends if end and end != NO_END}
    return tuple(sorted(begins | after))


@cache
def builtin_tables() -> Tables:
    """Return the tables of coding/data."""
    limits = rows_of("mue.csv", "code,setting,effective,deleted,units,adjudication,quarter")
    add_ons = rows_of("add_on.csv", "add_on,primary,setting,effective,deleted,quarter")
    pairs = rows_of("pairs.csv", "column_one,column_two,setting,effective,deleted,indicator,quarter")
    issues = []
    for setting in Setting:
        of_setting = [row for row in limits if row["setting"] in {"", setting.value}]
        rows: tuple[PublishedRow, ...] = tuple(
            LimitRow(row["code"], *_dates(row), int(row["units"]), row["adjudication"]) for row in of_setting
        )
        issues.append(Issue("limits", setting, "", date.min, NO_END, rows))
        of_setting = [row for row in pairs if row["setting"] in {"", setting.value}]
        rows = tuple(
            PairRow(row["column_one"], row["column_two"], *_dates(row), row["indicator"]) for row in of_setting
        )
        issues.append(Issue("pairs", setting, "", date.min, NO_END, rows))
    rows = tuple(AddOnRow(row["add_on"], row["primary"], row["setting"], *_dates(row)) for row in add_ons)
    issues.append(Issue("add_ons", None, "", date.min, NO_END, rows))
    return Tables(tuple(issues), _changes(issues))


def _dates(row: Mapping[str, str]) -> tuple[date, date | None]:
    """Return from when to when a row of coding/data is in force."""
    return date.fromisoformat(row["effective"]), date.fromisoformat(row["deleted"]) if row["deleted"] else None
