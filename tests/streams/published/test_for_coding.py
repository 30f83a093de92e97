"""What was imported decides the coding, for the dates it covers and the setting it is for."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

import coding
from streams.cli.code import command
from streams.demo.hospital_day import seed_examples
from streams.published.catalogue import KINDS
from streams.published.for_coding import issues_of, tables_of
from streams.published.importing import import_files
from streams.published.store import Store
from tests.published import layouts as cms

NOW = "2026-10-02T08:00:00+00:00"
FACILITY, PROFESSIONAL = coding.Setting.FACILITY, coding.Setting.PROFESSIONAL
Bring = Callable[..., None]


@pytest.fixture
def bring(tmp_path: Path) -> Bring:
    """Import one file of a kind into tmp_path, as a site's data_dir."""

    def call(kind: str, name: str, data: bytes, effective: date | None = None) -> None:
        path = tmp_path / name
        path.write_bytes(data)
        store = Store(tmp_path / "tables.db")
        import_files(KINDS[kind], [path], store, effective, NOW)
        store.close()

    return call


def limits(setting: str, day: date, *rows: tuple[str, int]) -> tuple[str, str, bytes]:
    table = cms.mue_rows(setting, [[code, units, "3 x", "x"] for code, units in rows])
    return "mue", cms.mue_name(setting, day), cms.csv_bytes(table)


def test_an_imported_table_wins_from_its_first_day_until_the_next_one(bring: Bring, tmp_path: Path) -> None:
    bring(*limits("hospital", date(2026, 7, 1), ("96366", 20)))
    bring(*limits("hospital", date(2026, 10, 1), ("96366", 22)))
    tables = tables_of(tmp_path)
    found = {
        day: tables.on(day, FACILITY).limits
        for day in map(date.fromisoformat, ("2026-06-30", "2026-09-30", "2026-10-01"))
    }
    assert [one["96366"].units for one in found.values()] == [24, 20, 22]
    assert "96365" in found[date(2026, 6, 30)]
    assert "96365" not in found[date(2026, 9, 30)]  # the issue speaks for itself: what it lacks is not filled up
    assert tables.on(date(2026, 10, 1), PROFESSIONAL).limits["96366"].units == 8


def test_the_version_names_the_tables_in_force(bring: Bring, tmp_path: Path) -> None:
    bring(*limits("hospital", date(2026, 10, 1), ("96366", 22)))
    tables = tables_of(tmp_path)
    own = coding.builtin_tables().version_on(date(2026, 10, 1), FACILITY)
    assert tables.version_on(date(2026, 10, 1), FACILITY) == f"{own}; mue 2026-10-01"
    assert tables.version_on(date(2026, 9, 30), FACILITY) == own
    assert tables.version_on(date(2026, 10, 1), PROFESSIONAL) == own


def test_pairs_hold_in_their_windows_and_in_their_setting(tmp_path: Path) -> None:
    rows = [
        ["96365", "96360", "", "20090101", "20261231", "0", "x"],
        ["96365", "96374", "", "20200101", "20200101", "9", "x"],
        ["96365", "96372", "", "20090101", "*", "1", "x"],
        ["96365", "99999", "", "20090101", "*", "1", "x"],
    ]
    store = Store(tmp_path / "tables.db")
    import_files(KINDS["ptp"], cms.ptp_set(tmp_path, rows), store, None, NOW)
    store.close()
    tables = tables_of(tmp_path)
    assert tables.on(date(2020, 1, 1), FACILITY).pairs == {("96365", "96360"): False, ("96365", "96372"): True}
    assert tables.on(date(2027, 1, 1), FACILITY).pairs == {("96365", "96372"): True}
    assert len(tables.on(date(2027, 1, 1), PROFESSIONAL).pairs) > 100


def test_add_ons_know_their_setting_their_end_and_what_the_contractor_defines(bring: Bring, tmp_path: Path) -> None:
    rows = [
        ["1", "96366", "", "96365", "", "2014001", "", ""],
        ["1", "96366", "", "96360", "", "2014001", "", "96360 (Practitioner Only)"],
        ["1", "96366", "", "96413", "2015365", "2014001", "", ""],
        ["1", "96376", "", "96365", "", "2014001", "", "96376 may be reported by facilities only"],
        ["2", "96361", "", "CCCCC", "", "2014001", "", ""],
        ["3", "96375", "", "96374", "", "2014001", "", ""],
    ]
    bring("addon", "AOC_V2026Q4-F-MCR.txt", cms.addon_text(rows))
    tables = tables_of(tmp_path)
    hospital, office = (tables.on(date(2026, 10, 1), setting).primaries for setting in (FACILITY, PROFESSIONAL))
    assert hospital == {"96366": {"96365"}, "96376": {"96365"}}
    assert office == {"96366": {"96365", "96360"}}
    assert tables.on(date(2015, 12, 31), FACILITY).primaries["96366"] == {"96365", "96413"}


def test_tables_of_drugs_say_unit_package_and_payment(bring: Bring, tmp_path: Path) -> None:
    lines = [*cms.hcpcs_lines("J0696", "Injection, per 250 mg"), *cms.hcpcs_lines("J1111", "x", ended="20261231")]
    bring("hcpcs", "HCPC2026_OCT_ANWEB.txt", cms.hcpcs_text(lines))
    prices = [["J0696", "", "500 MG", "0.4", "20"], ["J7030", "", "1000 CC", "2.4", "20"]]
    bring("asp", "Payment Limit File.csv", cms.csv_bytes(cms.asp_rows(prices)))
    package = ["J0696", "", "L", "00409-7332-01", "Name", "250 MG", "1", "10", "4", "40"]
    bring("ndc", "NDC-HCPCS Crosswalk.csv", cms.csv_bytes(cms.asp_rows([package], cms.NDC_HEAD)))
    paid = cms.csv_bytes(cms.addendum_rows([["J0696", "", "N"], ["J9035", "", "K"]]))
    bring("addendum-b", "2026 October Addendum B.csv", paid)
    drugs = tables_of(tmp_path).drugs_on(date(2026, 10, 1), FACILITY)
    assert {code: (str(amount), unit) for code, (amount, unit) in drugs.units.items()} == {
        "J0696": ("250", "mg"),
        "J7030": ("1000", "cc"),
    }
    assert drugs.codes == {"J0696", "J1111"}
    assert tables_of(tmp_path).drugs_on(date(2027, 1, 1), FACILITY).codes == {"J0696"}
    assert [(row.code, row.units) for row in drugs.packages["00409733201"]] == [("J0696", 40)]
    assert drugs.status == {"J0696": "N", "J9035": "K"}


def test_dripcode_code_rests_on_the_store_and_says_so(
    bring: Bring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = tmp_path / "seeds.hl7"
    seeds.write_bytes(b"".join(message.text for message in seed_examples(date(2026, 3, 2))))
    monkeypatch.setenv("DRIPCODE_DATA_DIR", str(tmp_path))
    bring(*limits("hospital", date(2026, 1, 1), ("96366", 0)))
    done = CliRunner().invoke(command, [str(seeds)])
    lines = [json.loads(text) for text in done.stdout.splitlines()]
    assert {line["rules_version"].partition("; ")[2] for line in lines} == {"mue 2026-01-01"}
    over = [line for line in lines if line["code"] == "96366"]
    assert over
    assert {line["status"] for line in over} == {"review"}
    assert "MUE_EXCEEDED" in done.stderr


def test_an_issue_is_told_once_for_each_setting(bring: Bring, tmp_path: Path) -> None:
    bring(*limits("hospital", date(2026, 10, 1), ("96366", 22)))
    bring(*limits("dme", date(2026, 10, 1), ("E0781", 1)))
    store = Store(tmp_path / "tables.db", read_only=True)
    assert [(one.table, one.setting) for one in issues_of(store)] == [("limits", FACILITY)]
