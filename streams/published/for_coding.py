"""From the store of imported tables to what the coding takes: each issue with the dates it speaks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

import coding
from streams.published.catalogue import KINDS
from streams.published.hcpcs import billing_unit
from streams.published.reading import to_date
from streams.published.store import Store, Stored, store_path

SETTINGS = {"practitioner": coding.Setting.PROFESSIONAL, "hospital": coding.Setting.FACILITY, "": None}
ANY_PRIMARY = "CCCCC"
LISTED_IN_FULL = "1"  # the type of an add-on edit that names every primary; others leave some to the contractor
NEVER_IN_FORCE = "9"


def tables_of(data_dir: Path) -> coding.Tables:
    """The built-in tables with what was imported on top. Raises StoreError."""
    store = Store(store_path(data_dir), read_only=True)
    try:
        with store.reading():
            return coding.load_tables(issues_of(store))
    finally:
        store.close()


def issues_of(store: Store) -> list[coding.Issue]:
    """Every imported issue that has its rows."""
    issues: list[coding.Issue] = []
    for kind in KINDS.values():
        for setting, claim_setting in SETTINGS.items():
            stored = [one for one in store.editions(kind.name, setting) if not one.replaced_by and one.rows]
            for place, one in enumerate(stored):
                since = date.min if kind.is_history else one.edition.effective
                until = stored[place + 1].edition.effective - timedelta(days=1) if stored[place + 1 :] else date.max
                table, read = _READERS[kind.name]
                name = f"{kind.name} {one.edition.name}"
                issues.append(coding.Issue(table, claim_setting, name, since, until, tuple(read(store, one))))
    return issues


def _pairs(store: Store, stored: Stored) -> Iterator[coding.PairRow]:
    """The pairs of which both codes are ours; an edit that was never in force is none."""
    ours = coding.catalogue_codes()
    columns = "column_one, column_two, effective, deleted, indicator"
    marks = ", ".join("?" * len(ours))
    found = store.db.execute(
        f"SELECT {columns} FROM pair WHERE edition = ? AND column_one IN ({marks}) AND indicator <> ?",  # noqa: S608
        (stored.id, *ours, NEVER_IN_FORCE),
    )
    for one, two, effective, deleted, indicator in found:
        if str(two) in ours:
            yield coding.PairRow(str(one), str(two), _day(effective), to_date(_int(deleted)), str(indicator))


def _limits(store: Store, stored: Stored) -> Iterator[coding.LimitRow]:
    """The limits of our codes and of those that drugs are billed with."""
    ours = coding.catalogue_codes()
    for code, units, adjudication in store.rows_of(stored, ("code", "units", "adjudication")):
        if str(code) in ours or str(code)[:1].isalpha():
            yield coding.LimitRow(str(code), stored.edition.effective, None, _int(units), str(adjudication))


def _add_ons(store: Store, stored: Stored) -> Iterator[coding.AddOnRow]:
    """The primaries of our add-on codes; a row ends with the first of its three deletions."""
    ours = coding.catalogue_codes()
    columns = (
        "add_on", "primary_code", "edit_type", "instruction", "effective", "add_on_deleted", "primary_deleted",
        "deleted",
    )  # fmt: skip
    for add_on, primary, edit_type, note, effective, *ends in store.rows_of(stored, columns):
        if str(add_on) in ours and edit_type == LISTED_IN_FULL and primary != ANY_PRIMARY:
            deleted = min((_int(end) for end in ends if end), default=0)
            setting = _setting_of(str(note))
            yield coding.AddOnRow(str(add_on), str(primary), setting, _day(effective), to_date(deleted))


def _setting_of(note: str) -> str:
    said = note.casefold()
    if "practitioner only" in said:
        return coding.Setting.PROFESSIONAL.value
    return coding.Setting.FACILITY.value if "facilities only" in said else ""


def _billing_units(store: Store, stored: Stored) -> Iterator[coding.DrugCodeRow]:
    """What one unit covers, by the dosage of the payment limits."""
    for code, dosage in store.rows_of(stored, ("code", "dosage")):
        amount, unit = billing_unit(str(dosage))
        if amount:
            since = stored.edition.effective
            yield coding.DrugCodeRow(str(code), since, None, _decimal(amount), unit)


def _drug_codes(store: Store, stored: Stored) -> Iterator[coding.DrugCodeRow]:
    """Every code that is no modifier, from when to when, and what one unit covers."""
    columns = ("code", "is_modifier", "added", "terminated", "unit_amount", "unit")
    for code, is_modifier, added, terminated, amount, unit in store.rows_of(stored, columns):
        if not is_modifier:
            begins = to_date(_int(added)) or date.min
            yield coding.DrugCodeRow(str(code), begins, to_date(_int(terminated)), _decimal(amount), str(unit))


def _packages(store: Store, stored: Stored) -> Iterator[coding.PackageRow]:
    """The packages that have a standard NDC."""
    for ndc, code, units in store.rows_of(stored, ("ndc", "code", "units_per_package")):
        if ndc:
            yield coding.PackageRow(str(ndc), str(code), stored.edition.effective, None, _decimal(units))


def _payments(store: Store, stored: Stored) -> Iterator[coding.PaymentRow]:
    """The status of every code."""
    for code, status in store.rows_of(stored, ("code", "status")):
        yield coding.PaymentRow(str(code), stored.edition.effective, None, str(status))


def _int(value: object) -> int:
    return int(str(value))


def _day(value: object) -> date:
    day = to_date(_int(value))
    assert day
    return day


def _decimal(value: object) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


Read = Callable[[Store, Stored], Iterator[coding.PublishedRow]]
_READERS: Mapping[str, tuple[str, Read]] = {
    "ptp": ("pairs", _pairs),
    "mue": ("limits", _limits),
    "addon": ("add_ons", _add_ons),
    "asp": ("billing_units", _billing_units),
    "ndc": ("packages", _packages),
    "hcpcs": ("drug_codes", _drug_codes),
    "addendum-b": ("payments", _payments),
}
