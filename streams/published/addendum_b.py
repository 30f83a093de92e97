"""OPPS Addendum B: how Medicare pays a hospital for a code: packaged, by its group, or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from streams.published.kinds import Edition, Kind, Opened, Row, Shape, month_number
from streams.published.members import Member, Wanted
from streams.published.reading import Reading, Record, data_rows, find_header, records_of
from streams.published.refusals import refuse_file

NAME = re.compile(r"addendum[ _.]*b\b|addendum_b", re.IGNORECASE)
QUARTER = re.compile(r"(20\d\d)[ _.-]*([A-Za-z]{3,9})|([A-Za-z]{3,9})[ _.-]*(20\d\d)")
HEADER = ("HCPCS Code", "Short Descriptor", "SI", "APC", "Relative Weight", "Payment Rate")
STATUS = re.compile(r"[A-Z][0-9]?")
MONEY = re.compile(r"\$?\s*(\d[\d,]*(?:\.\d*)?|\.\d+)")
NO_MONEY = {"", "."}
STRAY = "\xff"
COLUMNS = ("code", "status", "apc", "weight", "rate")


def open_addendum_b(members: Sequence[Member], reading: Reading, effective: date | None) -> Opened:
    """The edition and the rows of one table."""
    if len(members) > 1:
        raise refuse_file(members[1].name, "one table at a time; the first is", members[0].name)
    member = members[0]
    day = effective or _quarter(member.name)
    if day is None:
        raise refuse_file(member.name, "no quarter in the file name; give --effective")
    reading.member = member.name
    records = records_of(member)
    header, _ = find_header(records, HEADER, reading)
    return Edition("addendum-b", "", day.isoformat(), day), _rows(records, len(header), member, reading)


def _quarter(name: str) -> date | None:
    for match in QUARTER.finditer(name):
        month = month_number(match[2] or match[3])
        if month:
            return date(int(match[1] or match[4]), month, 1)
    return None


def _rows(records: Iterator[Record], width: int, member: Member, reading: Reading) -> Iterator[Row]:
    stray = 0
    for cells in data_rows(records, width, member, reading):
        code, _, status, apc, weight, rate = cells[: len(HEADER)]
        if code.rstrip().endswith(STRAY):
            code, stray = code.rstrip().removesuffix(STRAY), stray + 1
        status = status.strip()
        if status and not STATUS.fullmatch(status):
            reading.refuse("status indicator is not a letter and an optional digit", status)
        apc = apc.strip()
        if apc and not re.fullmatch(r"\d{4}", apc):
            reading.refuse("APC is not 4 digits", apc)
        number = "" if weight.strip() in NO_MONEY else reading.number(weight, "Relative Weight")
        yield (0, reading.line, reading.code(code, "HCPCS Code"), status, apc, number, _money(rate, reading))
    if stray:
        reading.warnings.append(f"{member.name}: {stray} code cells end in the byte 0xFF, which was taken off")


def _money(text: str, reading: Reading) -> str:
    plain = text.replace("\xa0", " ").strip()
    if plain in NO_MONEY:
        return ""
    match = MONEY.fullmatch(plain)
    if not match:
        reading.refuse("payment rate is not money", text)
        return ""
    return match[1].replace(",", "")


ADDENDUM_B = Kind(
    "addendum-b",
    "hospital payment by code (OPPS Addendum B)",
    Shape("opps_payment", COLUMNS, ("code",), "code"),
    Wanted("addendum-b", NAME),
    open_addendum_b,
)
