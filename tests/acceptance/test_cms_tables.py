"""The trimmed CMS tables, written in the official layouts and imported: their row counts and the facts about them."""

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from streams.published.catalogue import KINDS
from streams.published.hcpcs import billing_unit
from streams.published.importing import Imported, import_files
from streams.published.store import Store
from tests.published import layouts

NOW = "2026-10-02T08:00:00+00:00"


def rows_of(path: Path) -> list[dict[str, str]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture
def cms(shared: Path) -> Path:
    return shared / "cms"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "tables.db")
    yield opened
    opened.close()


def bring(store: Store, kind: str, *paths: Path, effective: date | None = None) -> Imported:
    return import_files(KINDS[kind], paths, store, effective, NOW)


def compact(day: str) -> str:
    return day.replace("-", "")


def pair_rows(cms: Path, name: str) -> list[list[str]]:
    """The rows of a PTP table as the text has them.

    The trimmed tables lack the effective dates: a pair begins in 1996, or on the day after its last deletion.
    """
    rationales = {row["rationale_id"]: row["rationale"] for row in rows_of(cms / "ptp_rationale.csv")}
    last: dict[tuple[str, str], date] = {}
    made = []
    table = sorted(rows_of(cms / name), key=lambda row: (row["column1"], row["column2"], row["deletion_date"] or "9"))
    for number, row in enumerate(table):
        pair = row["column1"], row["column2"]
        ended = date.fromisoformat(row["deletion_date"]) if row["deletion_date"] else None
        begins = last[pair] + timedelta(days=1) if pair in last else date(1996, 1, 1)
        begins = ended if ended and (row["modifier_indicator"] == "9" or begins > ended) else begins
        last[pair] = ended or begins
        flag = "*" if number % 97 == 0 else ""
        days = f"{begins:%Y%m%d}", f"{ended:%Y%m%d}" if ended else "*"
        made.append([*pair, flag, *days, row["modifier_indicator"], rationales[row["rationale_id"]]])
    return made


def indicators(store: Store, one: str, two: str) -> dict[str, str]:
    """The modifier indicator of an active pair, by setting."""
    found = store.db.execute(
        "SELECT setting, indicator FROM pair JOIN edition ON edition.id = pair.edition"
        " WHERE column_one = ? AND column_two = ? AND deleted = 0",
        (one, two),
    )
    return {str(setting): str(indicator) for setting, indicator in found}


def test_the_pairs_come_in_whole_and_the_settings_differ(cms: Path, store: Store, tmp_path: Path) -> None:
    for table, name, count in (
        ("ptp_practitioner_2024q3.csv.gz", "ccipra-v302r0", 212_700),
        ("ptp_hospital_2024q3.csv.gz", "ccioph-v302r0", 120_010),
    ):
        done = bring(store, "ptp", *layouts.ptp_set(tmp_path, pair_rows(cms, table), name))
        assert (done.rows, done.edition.effective) == (count, date(2024, 7, 1))
    assert indicators(store, "96365", "96360") == {"practitioner": "1", "hospital": "1"}
    assert indicators(store, "96360", "96365") == {}
    assert indicators(store, "96413", "96365") == {"practitioner": "1", "hospital": "1"}
    assert indicators(store, "96365", "96374") == {"practitioner": "1", "hospital": "1"}
    assert indicators(store, "96365", "99211") == {"practitioner": "0", "hospital": "1"}
    assert indicators(store, "96365", "36591") == {"practitioner": "0"}
    assert indicators(store, "99283", "96365") == {"practitioner": "1"}
    assert indicators(store, "36430", "96360") == {}
    ended = store.db.execute("SELECT deleted FROM pair WHERE column_one = '36430' AND column_two = '96360'")
    assert {day for (day,) in ended} == {20110930}
    never = store.db.execute("SELECT count(*) FROM pair WHERE column_one = '94640' AND column_two = '96372'")
    assert list(never) == [(0,)]


LIMITS = (
    ("practitioner", "mue_practitioner_2026q2.csv", date(2026, 4, 1), 1695),
    ("hospital", "mue_hospital_2024q3.csv", date(2024, 7, 1), 1613),
    ("hospital", "mue_hospital_2026q4_core.csv", date(2026, 10, 1), 65),
)


@pytest.mark.parametrize(("setting", "table", "day", "count"), LIMITS)
def test_the_unit_limits_come_in_whole(  # noqa: PLR0917 - three fixtures and what differs
    cms: Path, store: Store, tmp_path: Path, setting: str, table: str, day: date, count: int
) -> None:
    rows = [
        [row["code"], row["mue_value"], f"{row['mai']} Date of Service Edit: Clinical", row["rationale"]]
        for row in rows_of(cms / table)
    ]
    path = tmp_path / layouts.mue_name(setting, day)
    path.write_bytes(layouts.csv_bytes(layouts.mue_rows(setting, rows)))
    done = bring(store, "mue", path)
    assert (done.rows, done.edition.setting, done.edition.effective) == (count, setting, day)
    repeat_push = list(store.db.execute("SELECT units FROM unit_limit WHERE code = '96376'"))
    assert repeat_push == [(0 if setting == "practitioner" else 10,)]


def test_the_add_on_codes_keep_their_notes(cms: Path, store: Store, tmp_path: Path) -> None:
    rows = [
        [
            row["edit_type"],
            row["add_on_code"],
            "",
            row["primary_code"],
            "",
            layouts.day_of_year(date.fromisoformat(row["effective_date"])),
            layouts.day_of_year(date.fromisoformat(row["deletion_date"]) if row["deletion_date"] else None),
            row["special_instruction"],
        ]
        for row in rows_of(cms / "aoc_2026q3.csv")
    ]
    text = layouts.addon_text(rows)
    path = layouts.zipped(tmp_path / "add-code-edits-medicare-effective-07012026.zip", {"AOC_V2026Q3-F-MCR.txt": text})
    assert bring(store, "addon", path).rows == 340
    noted = Counter(
        str(add_on)
        for (add_on,) in store.db.execute("SELECT add_on FROM add_on WHERE instruction LIKE '96360 (Pract%'")
    )
    assert noted == {"96366": 1, "96367": 1, "96368": 1, "96375": 1}
    hydration = store.db.execute("SELECT primary_code FROM add_on WHERE add_on = '96361' ORDER BY primary_code")
    assert [code for (code,) in hydration] == ["96360", "96365", "96374", "96409", "96413"]
    facility = store.db.execute("SELECT DISTINCT add_on FROM add_on WHERE instruction LIKE '%by facilities only'")
    assert list(facility) == [("96376",)]


def test_the_payment_limits_and_packages_come_in_whole(cms: Path, store: Store, tmp_path: Path) -> None:
    limits = [
        [
            row["hcpcs"], "", row["hcpcs_dosage"], row["payment_limit"], row["coinsurance_pct"], row["vaccine_awp_pct"],
            row["vaccine_limit"], row["blood_awp_pct"], row["blood_limit"], row["clotting_factor"],
            row["notes"].replace("WAC", "\nWAC", 1),
        ]
        for row in rows_of(cms / "asp_pricing_2025q4.csv")
    ]  # fmt: skip
    effective = "October 1, 2025 through December 31, 2025"
    path = tmp_path / "section 508 version of October 2025 ASP Pricing File 092025.csv"
    path.write_bytes(layouts.csv_bytes(layouts.asp_rows(limits, effective=effective)))
    done = bring(store, "asp", path)
    assert (done.rows, done.edition.effective, done.edition.until) == (1012, date(2025, 10, 1), date(2025, 12, 31))
    assert list(store.db.execute("SELECT dosage FROM payment_limit WHERE code = 'J0696'")) == [("250 MG",)]

    crosswalk = rows_of(cms / "asp_ndc_hcpcs_crosswalk_2025q4.csv")
    packages = [
        [
            row["hcpcs"], "", row["labeler"], row["ndc_as_published"], row["drug_name"], row["hcpcs_dosage"],
            row["pkg_size"], row["pkg_qty"], row["bill_units_per_item"], row["bill_units_per_pkg"],
        ]
        for row in crosswalk
    ]  # fmt: skip
    path = tmp_path / "section 508 version of October 2025 ASP NDC-HCPCS Crosswalk 092025.csv"
    path.write_bytes(layouts.csv_bytes(layouts.asp_rows(packages, layouts.NDC_HEAD, effective)))
    assert bring(store, "ndc", path).rows == 8245
    assert list(store.db.execute("SELECT count(*) FROM crosswalk WHERE ndc = ''")) == [(1284,)]
    known = store.db.execute("SELECT ndc FROM crosswalk WHERE published_id = '13533-0636-01'")
    assert {ndc for (ndc,) in known} == {"13533063601"}


def test_the_drug_codes_come_in_with_their_billing_units(cms: Path, store: Store, tmp_path: Path) -> None:
    table = rows_of(cms / "hcpcs_level2_drugs_2024q3.csv")
    lines = [
        line
        for row in table
        for line in layouts.hcpcs_lines(
            row["hcpcs"],
            row["long_description"].encode("latin-1", "replace").decode("latin-1"),
            compact(row["add_date"]),
            compact(row["term_date"]),
            coverage=row["coverage"],
            betos=row["betos"],
        )
    ]
    path = layouts.zipped(tmp_path / "july.zip", {"HCPC2024_JUL_ANWEB_v2.txt": layouts.hcpcs_text(lines)})
    assert bring(store, "hcpcs", path).rows == 2109
    assert not {"long_description", "short_description"} & {
        str(row[1]) for row in store.db.execute("PRAGMA table_info(hcpcs_code)")
    }
    parsed = [row for row in table if row["hcpcs"].startswith("J") and row["dose_unit_parsed"]]
    differing = [row["hcpcs"] for row in parsed if not same_unit(row)]
    assert len(parsed) > 1000
    # Two strengths, a concentration, and what stands in brackets are no billing unit.
    assert set(differing) == {"J0714", "J0741", "J3265", "J3471", "J9298"}


def same_unit(row: dict[str, str]) -> bool:
    amount, unit = billing_unit(row["long_description"])
    return bool(amount) and float(amount) == float(row["dose_qty_parsed"]) and unit[:2] == row["dose_unit_parsed"][:2]


def test_addendum_b_comes_in_whole(cms: Path, store: Store, tmp_path: Path) -> None:
    rows = [
        [
            row["hcpcs"],
            "",
            row["status_indicator_2026q2"],
            row["apc_2023q1"],
            row["relative_weight_2023q1"],
            f"${float(row['payment_rate_2026q2']):,.2f} " if row["payment_rate_2026q2"] else "",
            ".",
        ]
        for row in rows_of(cms / "opps_addendum_b_2026q2.csv")
    ]
    path = layouts.zipped(
        tmp_path / "april.zip",
        {"508 Version/2026 April Web Addendum B.03.30.26.csv": layouts.csv_bytes(layouts.addendum_rows(rows))},
    )
    done = bring(store, "addendum-b", path)
    assert (done.rows, done.edition.effective) == (2197, date(2026, 4, 1))
    found = {
        str(code): (status, rate)
        for code, status, rate in store.db.execute("SELECT code, status, rate FROM opps_payment")
    }
    assert found["96365"] == ("S", "217.31")
    assert (found["96376"][0], found["96368"][0], found["96372"][0]) == ("N", "N", "Q1")
