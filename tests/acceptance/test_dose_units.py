"""Our table of dose units against UCUM's own: the same ratios."""

import csv
import re
from decimal import Decimal
from pathlib import Path

from coding.measures import units
from coding.rules import read_toml

ARBITRARY = {"[iU]", "[USP'U]"}


def ucum(shared: Path) -> tuple[dict[str, Decimal], dict[str, tuple[str, Decimal]]]:
    """Prefixes, and units as (what they are defined by, how much of it)."""
    with (shared / "cms/ucum_units.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    prefixes = {row["code_cs"]: Decimal(row["defined_value"]) for row in rows if row["kind"] == "prefix"}
    known = {
        row["code_cs"]: (row["defined_unit"], Decimal(row["defined_value"] or 1))
        for row in rows
        if row["kind"] != "prefix"
    }
    return prefixes, known


def ratio(code: str, prefixes: dict[str, Decimal], known: dict[str, tuple[str, Decimal]]) -> tuple[str, Decimal]:
    """The base that a code comes down to, and how much of it."""
    if match := re.fullmatch(r"10\*(\d+)\.(.+)", code):
        base, value = ratio(match[2], prefixes, known)
        return base, value * 10 ** int(match[1])
    if match := re.fullmatch(r"(.*[^\d])(\d)", code):  # dm3, cm2
        base, value = ratio(match[1], prefixes, known)
        return f"{base}{match[2]}", value ** int(match[2])
    if code in known:
        defined, value = known[code]
        if code in ARBITRARY or defined in {"", "1", "s-1", "10*23"}:
            return code, Decimal(1)
        base, more = ratio(defined, prefixes, known)
        return base, value * more
    prefix = next(prefix for prefix in sorted(prefixes, key=len, reverse=True) if code.startswith(prefix))
    base, value = ratio(code.removeprefix(prefix), prefixes, known)
    return base, prefixes[prefix] * value


def test_units_that_measure_the_same_have_the_ratios_of_ucum(shared: Path) -> None:
    prefixes, known = ucum(shared)
    by_name = {unit.name: unit for unit in units().values()}
    measured: dict[str, list[tuple[str, Decimal]]] = {}
    for name, row in read_toml("dose_units.toml").items():
        if "ucum" in row:
            base, value = ratio(row["ucum"], prefixes, known)
            measured.setdefault(by_name[name].measures, []).append((base, value / by_name[name].factor))
    assert sum(map(len, measured.values())) >= 18
    for measures, found in measured.items():
        assert len(set(found)) == 1, (measures, found)
