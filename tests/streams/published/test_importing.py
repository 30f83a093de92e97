"""Importing: what is read out of each layout, what is refused with its line, and that nothing of it is stored then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest

from streams.published.catalogue import KINDS
from streams.published.importing import Imported, import_files
from streams.published.refusals import Refused
from streams.published.store import Store
from tests.published import layouts as cms

NOW = "2026-10-02T08:00:00+00:00"
WHY = "Misuse of Column Two code with Column One code"
PAIR = ["96365", "96360", "", "20090101", "*", "1", WHY]
OLD_PAIR = ["96365", "36000", "*", "19960101", "20231231", "1", WHY]
NEVER = ["0001A", "90473", "", "20220101", "20220101", "9", WHY]
LATER = ["96374", "96376", "", "20261001", "*", "0", WHY]
LIMIT = ["96365", "1", "3 Date of Service Edit: Clinical", "Clinical: Data"]
ADD_ON = ["1", "96366", "", "96365", "", "2014001", "", ""]
PRICE = ["J0696", "", "250 MG", "0.430", "20.000"]
PACKAGE = ["J9035", "", "Labeler, Inc.", "50242-0060-01", "Name", "10 MG", "4", "1", "10", "10"]
PAYMENT = ["96365", "", "S", "5693", "2.3775", "$217.31 ", "."]
Build = Callable[[Path], Sequence[Path]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "tables.db")
    yield opened
    opened.close()


def bring(store: Store, kind: str, paths: Sequence[Path], effective: date | None = None) -> Imported:
    return import_files(KINDS[kind], paths, store, effective, NOW)


def table(store: Store, name: str, columns: str) -> list[tuple[object, ...]]:
    return list(store.db.execute(f"SELECT {columns} FROM {name} ORDER BY member, line"))


def with_cell(row: Sequence[str], place: int, text: str) -> list[str]:
    return [*row[:place], text, *row[place + 1 :]]


def file(folder: Path, name: str, data: bytes) -> list[Path]:
    path = folder / name
    path.write_bytes(data)
    return [path]


def ptp(*rows: Sequence[str], name: str = "ccioph-v323r0") -> Build:
    """A set whose first part holds what matters; a pair in each other part."""
    others = [[f"9637{n}", "36410", "", "20090101", "*", "1", WHY] for n in range(3)]

    def build(folder: Path) -> list[Path]:
        paths = []
        for part, of_part in enumerate([list(rows), *([other] for other in others)], 1):
            path = folder / f"{name}-f{part}.txt"
            path.write_bytes(cms.ptp_text(of_part))
            paths.append(path)
        return paths

    return build


def mue(*rows: Sequence[object], setting: str = "hospital", name: str = "") -> Build:
    data = cms.csv_bytes(cms.mue_rows(setting, rows))
    return lambda folder: file(folder, name or cms.mue_name(setting, date(2026, 10, 1)), data)


def addon(*rows: Sequence[str]) -> Build:
    return lambda folder: file(folder, "AOC_V2026Q4-F-MCR.txt", cms.addon_text(rows))


def asp(*rows: Sequence[object], **more: str) -> Build:
    data = cms.csv_bytes(cms.asp_rows(rows, **more))
    return lambda folder: file(folder, "section 508 version of October 2026 Payment Limit File.csv", data)


def ndc(*rows: Sequence[object], head: Sequence[str] = cms.NDC_HEAD) -> Build:
    data = cms.csv_bytes(cms.asp_rows(rows, head))
    return lambda folder: file(folder, "section 508 version of October 2026 ASP NDC-HCPCS Crosswalk.csv", data)


def hcpcs(*lines: str) -> Build:
    return lambda folder: file(folder, "HCPC2026_OCT_ANWEB_v2.txt", cms.hcpcs_text(lines))


def addendum_b(*rows: Sequence[object], name: str = "2026 January Web Addendum B.12.29.25.csv") -> Build:
    return lambda folder: file(folder, name, cms.csv_bytes(cms.addendum_rows(rows)))


# -- what is read ------------------------------------------------------------------------------------------------


def test_pairs_keep_their_dates_and_an_edit_that_was_never_in_force(store: Store, tmp_path: Path) -> None:
    done = bring(store, "ptp", ptp(PAIR, OLD_PAIR, NEVER)(tmp_path))
    assert (done.edition.setting, done.edition.name, done.edition.effective) == (
        "hospital",
        "v323r0",
        date(2026, 10, 1),
    )
    assert done.rows == 6
    assert table(store, "pair", "column_one, column_two, before_1996, effective, deleted, indicator, line")[:3] == [
        ("96365", "96360", 0, 20090101, 0, "1", 7),
        ("96365", "36000", 1, 19960101, 20231231, "1", 8),
        ("0001A", "90473", 0, 20220101, 20220101, "9", 9),
    ]


def test_a_workbook_says_the_same_as_the_text(store: Store, tmp_path: Path) -> None:
    texts = ptp(PAIR, OLD_PAIR, ["00100", *PAIR[1:]])(tmp_path)
    bring(store, "ptp", texts)
    said = table(store, "pair", "member, column_one, column_two, before_1996, effective, deleted, indicator")
    texts[0].unlink()
    book = tmp_path / "ccioph-v323r0-f1.xlsx"
    book.write_bytes(cms.ptp_workbook([PAIR, OLD_PAIR, ["00100", *PAIR[1:]]]))
    assert bring(store, "ptp", [book, *texts[1:]]).rows == 6
    assert table(store, "pair", "member, column_one, column_two, before_1996, effective, deleted, indicator") == said


def test_a_zip_with_a_text_and_its_workbook_is_read_once(store: Store, tmp_path: Path) -> None:
    rows = [PAIR, OLD_PAIR, NEVER, LATER]
    paths = [
        cms.zipped(
            tmp_path / f"part{part}.zip",
            {
                f"CCIOPH-v323r0-f{part}.TXT": cms.ptp_text(rows[part - 1 : part]),
                f"CCIOPH-v323r0-f{part}.xlsx": cms.ptp_workbook(rows[part - 1 : part]),
            },
        )
        for part in range(1, 5)
    ]
    assert bring(store, "ptp", paths).rows == 4


def test_a_second_quarter_says_what_changed_for_our_codes_and_takes_the_place_of_the_first(
    store: Store, tmp_path: Path
) -> None:
    bring(store, "ptp", ptp(PAIR, OLD_PAIR, name="ccioph-v322r0")(tmp_path))
    changed = with_cell(PAIR, 5, "0")
    done = bring(store, "ptp", ptp(changed, OLD_PAIR, LATER)(tmp_path))
    assert done.changes is not None
    assert done.changes.since == "ptp hospital v322r0"
    assert done.changes.added == ("96374/96376: indicator 0",)
    assert done.changes.ended == ()
    assert done.changes.changed == ("96365/96360: indicator 1 to indicator 0",)
    assert [(one.edition.name, one.replaced_by) for one in store.editions("ptp")] == [
        ("v322r0", "v323r0"),
        ("v323r0", ""),
    ]
    assert table(store, "pair", "count(*)") == [(6,)]


def test_the_same_files_again_change_nothing(store: Store, tmp_path: Path) -> None:
    paths = mue(LIMIT)(tmp_path)
    assert bring(store, "mue", paths).rows == 1
    assert bring(store, "mue", paths).rows is None
    assert bring(store, "mue", mue(LIMIT, ["96366", *LIMIT[1:]])(tmp_path)).rows == 2  # issued again
    assert len(store.editions()) == 1


def test_an_older_issue_of_a_table_with_its_history_is_refused(store: Store, tmp_path: Path) -> None:
    bring(store, "ptp", ptp(PAIR)(tmp_path))
    with pytest.raises(Refused, match="older than ptp hospital v323r0 in the store"):
        bring(store, "ptp", ptp(PAIR, name="ccioph-v322r0")(tmp_path))


def test_practitioner_and_hospital_stay_apart(store: Store, tmp_path: Path) -> None:
    bring(store, "mue", mue(["96376", "10", "3", "x"])(tmp_path))
    bring(store, "mue", mue(["96376", "0", "3", "x"], setting="practitioner")(tmp_path))
    found = store.db.execute("SELECT setting, units FROM unit_limit JOIN edition ON edition.id = edition ORDER BY 1")
    assert list(found) == [("hospital", 10), ("practitioner", 0)]


def test_limits_of_a_workbook_get_their_zeros_back(store: Store, tmp_path: Path) -> None:
    path = tmp_path / cms.mue_name("dme", date(2026, 10, 1), "xlsx")
    path.write_bytes(
        cms.workbook(cms.mue_rows("dme", [[100, 1, "2 Date of Service Edit: Policy", "x"], ["A4216", 3, 3, "x"]]))
    )
    bring(store, "mue", [path])
    assert table(store, "unit_limit", "code, units, adjudication, line") == [("00100", 1, "2", 3), ("A4216", 3, "3", 4)]


def test_add_ons_are_read_by_place_with_deletions_in_any_of_three(store: Store, tmp_path: Path) -> None:
    rows = [
        ADD_ON,
        with_cell(with_cell(ADD_ON, 3, "96360"), 7, "96360 (Practitioner Only)"),
        ["2", "0054T", "2019365", "CCCCC", "", "2013091", "", "Contractor Defined Primary Codes"],
        ["3", "96160", "", "99202", "", "2017001", "2023365", ""],
    ]
    bring(store, "addon", addon(*rows)(tmp_path))
    columns = "add_on, primary_code, edit_type, add_on_deleted, primary_deleted, effective, deleted, instruction"
    assert table(store, "add_on", columns) == [
        ("96366", "96365", "1", 0, 0, 20140101, 0, ""),
        ("96366", "96360", "1", 0, 0, 20140101, 0, "96360 (Practitioner Only)"),
        ("0054T", "CCCCC", "2", 20191231, 0, 20130401, 0, "Contractor Defined Primary Codes"),
        ("96160", "99202", "3", 0, 0, 20170101, 20231231, ""),
    ]


@pytest.mark.parametrize("form", ["xlsx", "tabs"])
def test_add_ons_with_a_header_say_the_same(store: Store, tmp_path: Path, form: str) -> None:
    cells = ["1", "96366", "", "96365", "", "2014001 Julian", "", ""]
    if form == "xlsx":
        head = ["AOC Edit Type", *cms.ADDON_HEAD[1:]]
        name, data = "AOC_V2026Q2-MCR.xlsx", cms.workbook([["notice"], head, [1, 96366, None, 96365, None, cells[5]]])
    else:
        lines = ["\t".join(cms.ADDON_HEAD), "\t".join(cells)]
        name, data = "AOC_V2025Q4_01-MCR.txt", "\r\n".join(lines).encode()
    done = bring(store, "addon", file(tmp_path, name, data))
    assert done.edition.name == ("2026Q2" if form == "xlsx" else "2025Q4_01")
    assert table(store, "add_on", "add_on, primary_code, effective") == [("96366", "96365", 20140101)]


def test_payment_limits_keep_the_size_of_the_unit_and_no_description(store: Store, tmp_path: Path) -> None:
    note = ["A9606", "text that is not kept", "1 microCurie", "N/A", "20.000", "", "", "", "", "", "AWP\nWAC"]
    done = bring(store, "asp", asp(PRICE, note)(tmp_path))
    assert (done.edition.effective, done.edition.until) == (date(2026, 10, 1), date(2026, 12, 31))
    assert table(store, "payment_limit", "code, dosage, payment_limit, notes") == [
        ("J0696", "250 MG", "0.430", ""),
        ("A9606", "1 microCurie", "", "AWP WAC"),
    ]
    assert b"text that is not kept" not in store.path.read_bytes()


def test_older_payment_limits_lack_the_coinsurance(store: Store, tmp_path: Path) -> None:
    head = [name for name in cms.ASP_HEAD if name and not name.startswith("Co-")]
    bring(store, "asp", asp(["J0696", "", "250 MG", "1,234.5", "", "", "", "", "", "old"], head=head)(tmp_path))  # type: ignore[arg-type]
    assert table(store, "payment_limit", "payment_limit, coinsurance, notes") == [("1234.5", "", "old")]


def test_only_a_package_number_of_the_standard_form_is_an_ndc(store: Store, tmp_path: Path) -> None:
    other = with_cell(with_cell(PACKAGE, 3, "888867413689"), 0, "J7331")
    twice = with_cell(PACKAGE, 0, "Q5106")  # one package, two codes
    bring(store, "ndc", ndc(PACKAGE, other, twice)(tmp_path))
    assert table(store, "crosswalk", "code, ndc, units_per_package") == [
        ("J9035", "50242006001", "10"),
        ("J7331", "", "10"),
        ("Q5106", "50242006001", "10"),
    ]


def test_the_zip_of_the_payment_limits_knows_its_two_tables_apart(store: Store, tmp_path: Path) -> None:
    path = cms.zipped(
        tmp_path / "october-2026.zip",
        {
            "section 508 version of October 2026 Payment Limit File 091026.csv": cms.csv_bytes(cms.asp_rows([PRICE])),
            "section 508 version of October 2026 NOC Payment Limit File.csv": b"x",
            "October 2026 Payment Limit File.xlsx": b"x",
            "section 508 version of October 2026 NDC-HCPCS Crosswalk 091026.csv": cms.csv_bytes(
                cms.asp_rows([PACKAGE], cms.NDC_HEAD)
            ),
            "section 508 version of October 2026 AWP NDC-HCPCS Crosswalk 091026.csv": b"x",
        },
    )
    assert bring(store, "asp", [path]).rows == 1
    assert bring(store, "ndc", [path]).rows == 1


def test_a_code_of_several_records_is_one_with_the_unit_of_its_whole_text(store: Store, tmp_path: Path) -> None:
    text = "Injection, a drug whose name is so long that its description goes on in another record, per 250 mg"
    lines = [*cms.hcpcs_lines("J1561", text), *cms.hcpcs_lines("J9999", "Something", ended="20201231")]
    bring(store, "hcpcs", hcpcs(*lines, *cms.hcpcs_lines("A1", "Modifier text"))(tmp_path))
    columns = "code, is_modifier, unit_amount, unit, added, terminated, coverage, betos"
    assert table(store, "hcpcs_code", columns) == [
        ("J1561", 0, "250", "mg", 20080101, 0, "D", "O1E"),
        ("J9999", 0, "", "", 20080101, 20201231, "D", "O1E"),
        ("A1", 1, "", "", 20080101, 0, "D", "O1E"),
    ]
    assert b"so long that its" not in store.path.read_bytes()


def test_the_workbook_of_the_codes_says_the_same(store: Store, tmp_path: Path) -> None:
    def row(record: int, text: str) -> list[object]:
        cells: dict[str, object] = {"HCPC": "J1561", "RECID": record, "LONG DESCRIPTION": text, "ADD DT": 20080101}
        cells |= {"COV": "D", "BETOS": "O1E", "ACTION CD": "N"}
        return [cells.get(name) for name in cms.HCPCS_HEAD]

    book = cms.workbook([["notice"], cms.HCPCS_HEAD, row(3, "Injection, something,"), row(4, "500 mg")])
    bring(store, "hcpcs", file(tmp_path, "HCPC2026_OCT_ANWEB_v2.xlsx", book))
    assert table(store, "hcpcs_code", "code, unit_amount, unit, added") == [("J1561", "500", "mg", 20080101)]


def test_addendum_b_strips_a_stray_byte_and_says_so(store: Store, tmp_path: Path) -> None:
    drug = ["J0129\xff", "", "K", "9230", "", "$4,146.335", "."]
    done = bring(store, "addendum-b", addendum_b(PAYMENT, drug, ["96368", "", "N"])(tmp_path))
    assert done.edition.effective == date(2026, 1, 1)
    assert [warning for warning in done.warnings if "0xFF" in warning]
    assert table(store, "opps_payment", "code, status, apc, rate") == [
        ("96365", "S", "5693", "217.31"),
        ("J0129", "K", "9230", "4146.335"),
        ("96368", "N", "", ""),
    ]


# -- what is refused ---------------------------------------------------------------------------------------------

HCPCS_LINE = cms.hcpcs_lines("J1561", "Injection, 500 mg")[0]
OPH = "ccioph-v323r0-f1.txt"
MUE_FILE = "MCR_MUE_OutpatientHospitalServices_Eff_10-01-2026.csv"
AOC = "AOC_V2026Q4-F-MCR.txt"
LIMITS = "section 508 version of October 2026 Payment Limit File.csv"
PACKAGES = "section 508 version of October 2026 ASP NDC-HCPCS Crosswalk.csv"
ANWEB = "HCPC2026_OCT_ANWEB_v2.txt"
ADDENDUM = "2026 January Web Addendum B.12.29.25.csv"


def mixed_sets(folder: Path) -> list[Path]:
    return [*ptp(PAIR, name="ccipra-v322r0")(folder)[:1], *ptp(PAIR)(folder)[1:]]


def zip_of(names: Sequence[str], data: bytes = b"") -> Build:
    return lambda folder: [cms.zipped(folder / "a.zip", dict.fromkeys(names, data))]


def plain(name: str, data: bytes) -> Build:
    return lambda folder: file(folder, name, data)


def header_of(rows: Sequence[Sequence[object]], at: int, cell: int, text: str) -> bytes:
    changed = [list(row) for row in rows]
    changed[at][cell] = text
    return cms.csv_bytes(changed)


REFUSED = [
    # of any file
    ("mue", plain(MUE_FILE, b"\n <html>"), f"{MUE_FILE}: this is a web page (the licence page?)"),
    ("mue", plain("MCR_MUE.xls", b"\xd0\xcf\x11\xe0rest"), "MCR_MUE.xls: old .xls; use csv, txt or xlsx"),
    ("mue", zip_of(["readme.txt"]), "a.zip: no mue member in the zip"),
    (
        "mue",
        zip_of([MUE_FILE, MUE_FILE.replace("10-01", "07-01")], b"x"),
        f"a.zip: two mue members: {MUE_FILE.replace('10-01', '07-01')}, {MUE_FILE}",
    ),
    ("mue", plain(MUE_FILE, b"a,b\r\n" * 50), f'{MUE_FILE}: no header "HCPCS/ CPT Code" in the first 40 records'),
    (
        "mue",
        plain(MUE_FILE, header_of(cms.mue_rows("hospital", [LIMIT]), 1, 3, "Why")),
        f'{MUE_FILE}: line 8: header cell 4 is not "MUE Rationale", found "Why"',
    ),
    ("mue", mue(), f"{MUE_FILE}: no data rows"),
    ("mue", mue(LIMIT, LIMIT[:3]), f"{MUE_FILE}: line 11: expected 4 fields, found 3"),
    ("mue", mue(["9636", *LIMIT[1:]]), None),
    ("mue", mue(["9636X", *LIMIT[1:]]), f'{MUE_FILE}: line 10: HCPCS/CPT Code is not a HCPCS/CPT code, found "9636X"'),
    ("mue", mue(LIMIT, LIMIT), f'{MUE_FILE}: line 11: code twice, first at line 10, found "96365"'),
    # PTP
    ("ptp", ptp(with_cell(PAIR, 2, "x")), f'{OPH}: line 7: prior-to-1996 flag is not "*" or empty, found "x"'),
    ("ptp", ptp(with_cell(PAIR, 4, "soon")), f'{OPH}: line 7: deletion date is not "*" or YYYYMMDD, found "soon"'),
    (
        "ptp",
        ptp(with_cell(PAIR, 4, "20081231")),
        f'{OPH}: line 7: deletion date is before the effective date, found "20081231"',
    ),
    (
        "ptp",
        ptp(with_cell(PAIR, 3, "20090230")),
        f'{OPH}: line 7: Effective is not a date (YYYYMMDD), found "20090230"',
    ),
    ("ptp", ptp(with_cell(PAIR, 5, "2")), f'{OPH}: line 7: modifier indicator is not 0, 1 or 9, found "2"'),
    ("ptp", ptp(PAIR, with_cell(PAIR, 3, "20100101")), f"{OPH}: line 8: second active edit for 96365/96360"),
    (
        "ptp",
        ptp(PAIR, with_cell(PAIR, 4, "20101231")),
        f'{OPH}: line 8: pair and effective date twice, first at line 7, found "96365/96360/20090101"',
    ),
    ("ptp", ptp(PAIR[:6]), f"{OPH}: line 7: expected 7 fields, found 6"),
    ("ptp", ptp(with_cell(PAIR, 1, "9636")), None),
    ("ptp", ptp(with_cell(PAIR, 1, "W0000")), f'{OPH}: line 7: Column 2 is not a HCPCS/CPT code, found "W0000"'),
    (
        "ptp",
        lambda folder: [*ptp(PAIR)(folder), ptp(PAIR)(folder)[0]],
        f"{OPH}: part f1 twice, first in {OPH}",
    ),
    ("ptp", lambda folder: [p for p in ptp(PAIR)(folder) if "-f3" not in p.name], "ccioph v323r0: part f3 is missing"),
    ("ptp", mixed_sets, "ccipra-v322r0-f1.txt: parts differ: ccipra v322r0, ccioph v323r0"),
    # MUE
    (
        "mue",
        mue(LIMIT, setting="dme", name="MCR_MUE_PractitionerServices_Eff_10-01-2026.csv"),
        "MCR_MUE_PractitionerServices_Eff_10-01-2026.csv: line 8: header says DME Supplier, the file name Practitioner",
    ),
    ("mue", mue(LIMIT, name="limits.csv"), "limits.csv: no date in the file name; give --effective"),
    ("mue", mue(with_cell(LIMIT, 1, "1.5")), f'{MUE_FILE}: line 10: MUE value is not a whole number, found "1.5"'),
    (
        "mue",
        mue(with_cell(LIMIT, 2, "Line Edit")),
        f'{MUE_FILE}: line 10: adjudication indicator does not start with 1, 2 or 3, found "Line Edit"',
    ),
    # add-on codes
    (
        "addon",
        plain(AOC, cms.addon_text([ADD_ON]) + b"196366       9636\r\n"),
        f"{AOC}: line 2: shorter than 32 characters",
    ),
    ("addon", addon(with_cell(ADD_ON, 0, "4"), ADD_ON), f'{AOC}: line 1: edit type is not 1, 2 or 3, found "4"'),
    ("addon", addon(ADD_ON, with_cell(ADD_ON, 0, "4")), f'{AOC}: line 2: edit type is not 1, 2 or 3, found "4"'),
    (
        "addon",
        addon(with_cell(ADD_ON, 3, "ABCDE")),
        f'{AOC}: line 1: primary is not CCCCC or a HCPCS/CPT code, found "ABCDE"',
    ),
    (
        "addon",
        addon(with_cell(ADD_ON, 5, "2013366")),
        f'{AOC}: line 1: AOC_Edit_EffDT is not a date (YYYYDDD), found "2013366"',
    ),
    ("addon", addon(ADD_ON, ADD_ON), f"{AOC}: line 2: add-on, primary and effective date twice, first at line 1"),
    # ASP
    (
        "asp",
        plain(LIMITS, cms.csv_bytes([cms.ASP_HEAD, [*PRICE, *[""] * 8]])),
        f'{LIMITS}: line 1: no "Effective ... through ..." line',
    ),
    ("asp", asp(with_cell(PRICE, 3, "free")), f'{LIMITS}: line 10: payment limit is not a number or N/A, found "free"'),
    ("asp", asp(with_cell(PRICE, 3, "N/A")), f'{LIMITS}: line 10: N/A limit without a note, found "N/A"'),
    ("asp", asp(with_cell(PRICE, 4, "21")), f'{LIMITS}: line 10: coinsurance is not 0-20, found "21"'),
    ("asp", asp(PRICE, PRICE), f'{LIMITS}: line 11: code twice, first at line 10, found "J0696"'),
    ("asp", asp(with_cell(PRICE, 0, "J069")), f'{LIMITS}: line 10: HCPCS Code is not a HCPCS/CPT code, found "J069"'),
    ("ndc", ndc(with_cell(PACKAGE, 6, "four")), f'{PACKAGES}: line 10: PKG SIZE is not a number, found "four"'),
    ("ndc", ndc(PACKAGE, PACKAGE), f"{PACKAGES}: line 11: code and NDC twice, first at line 10"),
    # HCPCS
    ("hcpcs", hcpcs(HCPCS_LINE, HCPCS_LINE[:292]), f"{ANWEB}: line 10: shorter than 293 characters"),
    (
        "hcpcs",
        hcpcs(HCPCS_LINE, HCPCS_LINE[:10] + "5" + HCPCS_LINE[11:]),
        f'{ANWEB}: line 10: record id is not 3, 4, 7 or 8, found "5"',
    ),
    (
        "hcpcs",
        hcpcs(HCPCS_LINE[:10] + "5" + HCPCS_LINE[11:], HCPCS_LINE),
        f'{ANWEB}: line 9: record id is not 3, 4, 7 or 8, found "5"',
    ),
    ("hcpcs", hcpcs(HCPCS_LINE, HCPCS_LINE), f"{ANWEB}: line 10: code twice, first at line 9"),
    (
        "hcpcs",
        hcpcs(cms.hcpcs_lines("J1111", "x")[0], HCPCS_LINE[:10] + "4" + HCPCS_LINE[11:]),
        f"{ANWEB}: line 10: continuation of J1561 without its first record",
    ),
    (
        "hcpcs",
        hcpcs(cms.hcpcs_lines("J1561", "x", added="20081301")[0]),
        f'{ANWEB}: line 9: ADD DT is not a date (YYYYMMDD), found "20081301"',
    ),
    # Addendum B
    (
        "addendum-b",
        addendum_b(with_cell(PAYMENT, 2, "SS")),
        f'{ADDENDUM}: line 7: status indicator is not a letter and an optional digit, found "SS"',
    ),
    ("addendum-b", addendum_b(with_cell(PAYMENT, 3, "569")), f'{ADDENDUM}: line 7: APC is not 4 digits, found "569"'),
    (
        "addendum-b",
        addendum_b(with_cell(PAYMENT, 5, "lots")),
        f'{ADDENDUM}: line 7: payment rate is not money, found "lots"',
    ),
    ("addendum-b", addendum_b(PAYMENT, PAYMENT), f'{ADDENDUM}: line 8: code twice, first at line 7, found "96365"'),
    (
        "addendum-b",
        addendum_b(with_cell(PAYMENT, 4, "much")),
        f'{ADDENDUM}: line 7: Relative Weight is not a number, found "much"',
    ),
    ("addendum-b", addendum_b(PAYMENT, name="b.csv"), "b.csv: no quarter in the file name; give --effective"),
]


@pytest.mark.parametrize(("kind", "build", "text"), [case for case in REFUSED if case[2]], ids=lambda value: "")
def test_a_broken_file_is_refused_with_its_line_and_nothing_is_stored(
    store: Store, tmp_path: Path, kind: str, build: Build, text: str
) -> None:
    with pytest.raises(Refused) as caught:
        bring(store, kind, build(tmp_path))
    assert str(caught.value).startswith(text), str(caught.value)
    assert store.editions() == []
    assert table(store, KINDS[kind].shape.name, "count(*)") == [(0,)]


@pytest.mark.parametrize(("kind", "build"), [case[:2] for case in REFUSED if not case[2]])
def test_a_number_that_lost_its_zeros_gets_them_back(store: Store, tmp_path: Path, kind: str, build: Build) -> None:
    bring(store, kind, build(tmp_path))
    column = "code" if kind == "mue" else "column_two"
    assert table(store, KINDS[kind].shape.name, column)[0] == ("09636",)


def test_the_first_twenty_refusals_are_told_and_all_are_counted(store: Store, tmp_path: Path) -> None:
    rows = [[f"{code:05d}", "x", "3", ""] for code in range(10000, 10030)]
    with pytest.raises(Refused) as caught:
        bring(store, "mue", mue(*rows)(tmp_path))
    assert caught.value.count == 30
    assert len(str(caught.value).splitlines()) == 20
    assert store.editions() == []


def test_an_unusual_number_of_rows_is_told_and_stored(store: Store, tmp_path: Path) -> None:
    rows = [[f"{code:05d}", "1", "3", ""] for code in range(10000, 10010)]
    bring(store, "mue", mue(*rows, name=cms.mue_name("hospital", date(2026, 7, 1)))(tmp_path))
    assert bring(store, "mue", mue(*rows[:8])(tmp_path)).warnings == ()
    few = mue(*rows[:6], name=cms.mue_name("hospital", date(2027, 1, 1)))(tmp_path)
    assert bring(store, "mue", few).warnings == ("6 rows, mue hospital 2026-10-01 had 8: is the file whole?",)
    assert len(store.editions("mue")) == 3


def test_what_was_stored_before_survives_a_refused_import(store: Store, tmp_path: Path) -> None:
    bring(store, "ptp", ptp(PAIR, name="ccioph-v322r0")(tmp_path))
    with pytest.raises(Refused):
        bring(store, "ptp", ptp(PAIR, with_cell(PAIR, 5, "7"))(tmp_path))
    assert [(one.edition.name, one.replaced_by, one.rows) for one in store.editions()] == [("v322r0", "", 4)]
    assert table(store, "pair", "count(*)") == [(4,)]
