"""ASP payment limits: what Medicare pays for a billing unit of a drug, and how large that unit is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from streams.published.kinds import Edition, Kind, Opened, Row, Shape, written_date
from streams.published.members import Member, Wanted
from streams.published.reading import Reading, Record, data_rows, find_header, records_of, simple
from streams.published.refusals import refuse_file

NAME = re.compile(r"payment limit|asp pricing", re.IGNORECASE)
NOT_NAME = re.compile(r"\bnoc\b|not payable|crosswalk|vaccine", re.IGNORECASE)
NAMES = ("HCPCS Code", "Short Description", "HCPCS Code Dosage", "Payment Limit")
COINSURANCE_MAX = 20
EFFECTIVE = re.compile(r"\s*effective\s+(.+?)\s+through\s+(.+?)\s*", re.IGNORECASE | re.DOTALL)
COLUMNS = ("code", "dosage", "payment_limit", "coinsurance", "notes")


def open_payment_limits(members: Sequence[Member], reading: Reading, _effective: date | None) -> Opened:
    """The edition and the rows of one table."""
    if len(members) > 1:
        raise refuse_file(members[1].name, "one table at a time; the first is", members[0].name)
    member = members[0]
    reading.member = member.name
    records = records_of(member)
    header, before = find_header(records, NAMES, reading)
    since, until = effective_dates(before, reading)
    return Edition("asp", "", since.isoformat(), since, until), _rows(records, header, member, reading)


def effective_dates(before: Sequence[Record], reading: Reading) -> tuple[date, date]:
    """The two dates of the "Effective ... through ..." line above the header. Raises Refused."""
    for line, cells in before:
        match = next((found for cell in cells if (found := EFFECTIVE.fullmatch(cell.replace("\xa0", " ")))), None)
        if match:
            since, until = written_date(match[1]), written_date(match[2].rstrip("."))
            if since and until:
                return since, until
            reading.line = line
    raise reading.refuse_header('no "Effective ... through ..." line')


def _rows(records: Iterator[Record], header: Sequence[str], member: Member, reading: Reading) -> Iterator[Row]:
    places = {simple(name): place for place, name in enumerate(header) if name.strip()}
    notes_at = next((place for name, place in places.items() if name.startswith("note")), None)
    coinsurance_at = next((place for name, place in places.items() if re.match(r"co-?insurance", name)), None)
    for cells in data_rows(records, len(header), member, reading):
        notes = " ".join(cells[notes_at].split()) if notes_at is not None else ""
        coinsurance = cells[coinsurance_at] if coinsurance_at is not None else ""
        limit = _limit(cells[3], notes, reading)
        share = _coinsurance(coinsurance, reading)
        code = reading.code(cells[0], "HCPCS Code")
        yield (0, reading.line, code, " ".join(cells[2].split()), limit, share, notes)


def _limit(text: str, notes: str, reading: Reading) -> str:
    """The limit as it is written; "" for N/A, which needs a note."""
    plain = text.strip()
    if plain.upper() == "N/A":
        if not notes:
            reading.refuse("N/A limit without a note", text)
        return ""
    number = plain.replace(",", "").removeprefix("$")
    if not re.fullmatch(r"\d*\.?\d+|\d+\.", number):
        reading.refuse("payment limit is not a number or N/A", text)
    return number


def _coinsurance(text: str, reading: Reading) -> str:
    plain = text.strip().removesuffix("%")
    if not plain:
        return ""
    if not re.fullmatch(r"\d+(\.\d+)?", plain) or Decimal(plain) > COINSURANCE_MAX:
        reading.refuse("coinsurance is not 0-20", text)
    return plain


ASP = Kind(
    "asp",
    "payment limits and billing units (ASP)",
    Shape("payment_limit", COLUMNS, ("code",), "code"),
    Wanted("asp", NAME, NOT_NAME),
    open_payment_limits,
)
