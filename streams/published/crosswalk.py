"""ASP NDC-HCPCS crosswalk: which code a package is billed with, and how many billing units it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from streams.published.kinds import Edition, Kind, Opened, Row, Shape
from streams.published.members import Member, Wanted
from streams.published.payment_limits import effective_dates
from streams.published.reading import Reading, Record, data_rows, find_header, records_of
from streams.published.refusals import refuse_file

NAME = re.compile(r"ndc[- _]*hcpcs.*crosswalk", re.IGNORECASE)
NOT_NAME = re.compile(r"\b(awp|opps|noc|prep)\b", re.IGNORECASE)
CODE_HEADER = re.compile(r"_?\d{4}[_ ]?code")
NAMES = (
    CODE_HEADER, "Short Description", "LABELER NAME", re.compile("ndc2?"), "Drug Name", "HCPCS dosage", "PKG SIZE",
    "PKG QTY", "BILLUNITS", "BILLUNITSPKG",
)  # fmt: skip
# 5-4-2 is the one form whose eleven digits are certain; nothing is padded by guess.
STANDARD = re.compile(r"(\d{5})-(\d{4})-(\d{2})")
COLUMNS = (
    "code", "published_id", "ndc", "drug_name", "labeler", "dosage", "package_size", "package_quantity",
    "units_per_item", "units_per_package",
)  # fmt: skip


def open_crosswalk(members: Sequence[Member], reading: Reading, _effective: date | None) -> Opened:
    """The edition and the rows of one table."""
    if len(members) > 1:
        raise refuse_file(members[1].name, "one table at a time; the first is", members[0].name)
    member = members[0]
    reading.member = member.name
    records = records_of(member)
    header, before = find_header(records, NAMES, reading, "_YYYY_CODE")
    since, until = effective_dates(before, reading)
    return Edition("ndc", "", since.isoformat(), since, until), _rows(records, len(header), member, reading)


def _rows(records: Iterator[Record], width: int, member: Member, reading: Reading) -> Iterator[Row]:
    for cells in data_rows(records, width, member, reading):
        code, _, labeler, published, name, dosage, *sizes = (" ".join(cell.split()) for cell in cells[: len(NAMES)])
        columns = ("PKG SIZE", "PKG QTY", "BILLUNITS", "BILLUNITSPKG")
        numbers = [reading.number(text, column) for text, column in zip(sizes, columns, strict=True)]
        yield (
            0,
            reading.line,
            reading.code(code, "_YYYY_CODE"),
            published,
            standard_ndc(published),
            name,
            labeler,
            dosage,
            *numbers,
        )


def standard_ndc(text: str) -> str:
    """The eleven digits of a 5-4-2 NDC; "" for anything else."""
    match = STANDARD.fullmatch(text)
    return "".join(match.groups()) if match else ""


NDC = Kind(
    "ndc",
    "packages and their codes (ASP NDC-HCPCS crosswalk)",
    Shape("crosswalk", COLUMNS, ("code", "published_id"), "code and NDC"),
    Wanted("ndc", NAME, NOT_NAME),
    open_crosswalk,
)
