"""Writes tables as CMS lays them out, quirks included: what the importers are tested with."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from openpyxl import Workbook

NOTICE = b"CPT only copyright \xae. All rights\xa0reserved."
CRLF = "\r\n"


def zipped(path: Path, members: Mapping[str, bytes]) -> Path:
    """A zip of these members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def csv_bytes(rows: Iterable[Sequence[object]], end: str = CRLF) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator=end).writerows(rows)
    return text.getvalue().encode("latin-1")


def workbook(rows: Iterable[Sequence[object]]) -> bytes:
    """An xlsx of one sheet."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    for row in rows:
        sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


# -- PTP edits: column one, column two, "*" or "", effective, deletion, indicator, rationale ------------------

PTP_HEAD = [
    ["Column1/Column2 Edits"] + [""] * 6,
    ["Column 1", "Column 2", "*=in existence", "Effective", "Deletion", "Modifier", "PTP Edit Rationale"],
    ["", "", "prior to 1996", "Date", "Date", "0=not allowed", ""],
    ["", "", "", "", "*=no data", "1=allowed", ""],
    ["", "", "", "", "", "9=not applicable", ""],
]


def ptp_text(rows: Iterable[Sequence[str]]) -> bytes:
    head = [NOTICE.decode("latin-1") + "\t" * 6, *("\t".join(line) for line in PTP_HEAD)]
    return (CRLF.join([*head, *("\t".join(row) for row in rows)]) + CRLF).encode("latin-1")


def ptp_workbook(rows: Iterable[Sequence[str]]) -> bytes:
    """As the workbooks hold it: codes and dates as numbers where they look like ones."""

    def number(text: str) -> object:
        return int(text) if text.isdecimal() else text or None

    return workbook([["notice"], *PTP_HEAD, *([number(cell) for cell in row] for row in rows)])


def ptp_set(folder: Path, rows: Sequence[Sequence[str]], name: str = "ccioph-v323r0") -> list[Path]:
    """The four zips of a set, a text in each; two of the four texts end in .TXT."""
    size = -(-len(rows) // 4)
    setting = "practitioner" if name.startswith("ccipra") else "hospital"
    return [
        zipped(
            folder / f"medicare-ncci-2026q4-{setting}-ptp-edits-{name}-f{part}.zip",
            {f"{name}-f{part}.{'TXT' if part < 3 else 'txt'}": ptp_text(rows[(part - 1) * size : part * size])},
        )
        for part in range(1, 5)
    ]


# -- MUE: code, units, indicator, rationale -------------------------------------------------------------------

MUE_SETTINGS = {
    "practitioner": ("PractitionerServices", "Practitioner Services MUE Values"),
    "hospital": ("OutpatientHospitalServices", "Outpatient Hospital Services MUE Values"),
    "dme": ("DMESupplierServices", "DME Supplier Services MUE Values"),
}
MUE_NOTICE = "Current Procedural Terminology (CPT) codes, only \xae.\n\nfirst\nsecond\nthird\nfourth\n(goes on)"


def mue_name(setting: str, day: date, form: str = "csv") -> str:
    return f"MCR_MUE_{MUE_SETTINGS[setting][0]}_Eff_{day:%m-%d-%Y}.{form}"


def mue_rows(setting: str, rows: Iterable[Sequence[object]]) -> list[Sequence[object]]:
    head = ["HCPCS/\nCPT Code", MUE_SETTINGS[setting][1], "MUE Adjudication Indicator", "MUE Rationale"]
    return [[MUE_NOTICE, "", "", ""], head, *rows]


# -- add-on codes: type, add-on, its deletion, primary, its deletion, effective, deletion, instruction; dates YYYYDDD


def addon_line(row: Sequence[str]) -> str:
    widths = (1, 5, 7, 5, 7, 7, 7, 58)
    return "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))


def addon_text(rows: Iterable[Sequence[str]]) -> bytes:
    return (CRLF.join(addon_line(row) for row in rows) + CRLF).encode("latin-1")


ADDON_HEAD = [
    "AOC_Edit_Type", "Add-On_Code", "AOC_DelDT", "Primary_Code", "Primary_Code_DelDT", "AOC_Edit_EffDT",
    "AOC_Edit_DelDT", "Special_Instruction_Notes",
]  # fmt: skip


def day_of_year(day: date | None) -> str:
    return f"{day:%Y%j}" if day else ""


# -- ASP ------------------------------------------------------------------------------------------------------

ASP_HEAD = [
    "HCPCS Code", "Short Description", "HCPCS Code Dosage", "Payment Limit", "Co-insurance Percentage", "Vaccine AWP%",
    "Vaccine Limit", "Blood AWP%", "Blood limit", "Clotting Factor", "Notes", "", "",
]  # fmt: skip
NDC_HEAD = [
    "_2026_CODE", "Short Description", "LABELER NAME", "NDC2", "Drug Name", "HCPCS dosage", "PKG SIZE", "PKG QTY",
    "BILLUNITS", "BILLUNITSPKG",
]  # fmt: skip


def asp_rows(
    rows: Iterable[Sequence[object]],
    head: Sequence[str] = ASP_HEAD,
    effective: str = "October 1, 2026 through December 31, 2026",
) -> list[Sequence[object]]:
    """Eight records above the header, each as wide as it."""
    above: list[Sequence[object]] = [
        [text, *[""] * (len(head) - 1)]
        for text in (
            "Payment Allowance Limits for Medicare Part B Drugs", "", f"  Effective {effective}", "Note 1", "Note 2",
            "", "CPT \xae", "",
        )
    ]  # fmt: skip
    return [*above, head, *([*row, *[""] * (len(head) - len(row))] for row in rows)]


# -- HCPCS Level II -------------------------------------------------------------------------------------------


def hcpcs_lines(
    code: str, text: str, added: str = "20080101", ended: str = "", *, coverage: str = "D", betos: str = "O1E"
) -> list[str]:
    """The records of one code: the first has everything, the others only code and text. 80 characters each."""
    pieces = [text[at : at + 80] for at in range(0, len(text), 80)] or [""]
    first = f"{code:>5}00100{'3' if len(code) == 5 else '7'}{pieces[0]:<80}{'short':<28}" + " " * 110 + f"{coverage:<1}"
    first = f"{first:<256}{betos:<3} {'1':<5}{'':<3}{added:<8}{added:<8}{ended:<8}N".ljust(320)
    more = [
        f"{code:>5}{n:03d}00{'4' if len(code) == 5 else '8'}{piece:<80}".ljust(320)
        for n, piece in enumerate(pieces[1:], 2)
    ]
    return [first, *more]


def hcpcs_text(lines: Iterable[str]) -> bytes:
    return (CRLF.join([*(f"disclaimer {n}" for n in range(8)), *lines]) + CRLF).encode("latin-1")


HCPCS_HEAD = [
    "HCPC", "SEQNUM", "RECID", "LONG DESCRIPTION", "SHORT DESCRIPTION", "PRICE1", "PRICE2", "PRICE3", "PRICE4",
    "MULT_PI", "CIM1", "CIM2", "CIM3", "MCM1", "MCM2", "MCM3", "STATUTE", *(f"LABCERT{n}" for n in range(1, 9)),
    *(f"XREF{n}" for n in range(1, 6)), "COV", "ASC_GRP", "ASC_DT", "OPPS", "OPPS_PI", "OPPS_DT", "PROCNOTE", "BETOS",
    *(f"TOS{n}" for n in range(1, 6)), "ANEST_BU", "ADD DT", "ACT EFF DT", "TERM DT", "ACTION CD",
]  # fmt: skip


# -- Addendum B -----------------------------------------------------------------------------------------------

ADDENDUM_HEAD = [
    "HCPCS Code", "Short Descriptor", " SI", "APC ", "Relative Weight", "Payment Rate",
    "National Unadjusted Copayment", "Minimum Unadjusted Copayment", "IRA Coinsurance percentage",
    "Adjusted Beneficiary Copayment", "Drug and Device Pass-Through Expiration during Calendar Year", "Note",
    "* Indicates a Change",
]  # fmt: skip


def addendum_rows(rows: Iterable[Sequence[object]]) -> list[Sequence[object]]:
    wide = len(ADDENDUM_HEAD)
    above = [
        ["", "Addendum B.-Final OPPS Payment by HCPCS Code for CY 2026"],
        ["", "CPT \xae"],
        ["", ""],
        ["", "x"],
        [""],
    ]
    filled = [[*row, *[""] * (wide - len(row))] for row in [*above, *rows]]
    return [*filled[: len(above)], ADDENDUM_HEAD, *filled[len(above) :]]
