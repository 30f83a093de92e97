"""One member being read: its records with their lines, its header, its cells checked."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from itertools import islice

from streams.published.members import Member
from streams.published.refusals import Refusal, Refusals, Refused, refuse_file

Record = tuple[int, list[str]]  # the physical line where it starts (of a workbook: the row), its cells
HEADER_WITHIN = 40
CODE = re.compile(r"[0-9]{4}[0-9AFMTU]|[A-V][0-9]{4}")
DATE = re.compile(r"(\d{4})(\d\d)(\d\d)")
DAY_OF_YEAR = re.compile(r"(\d{4})(\d{3})")
NONE = 0  # no date; every other is the number YYYYMMDD


@dataclass(slots=True)
class Reading:
    """Where the reading of one import stands, and what was refused or is worth telling."""

    refusals: Refusals = field(default_factory=Refusals)
    warnings: list[str] = field(default_factory=list)
    member: str = ""
    line: int = 0

    def refuse(self, text: str, found: str | None = None) -> None:
        self.refusals.add(Refusal(self.member, self.line, text, found))

    def refuse_header(self, text: str, found: str | None = None) -> Refused:
        """The error of a header, to be raised; whatever else was refused is told with it."""
        self.refusals.add(Refusal(self.member, self.line or None, text, found))
        return Refused(self.refusals.first, self.refusals.count)

    # -- cells ---------------------------------------------------------------------------------------------------

    def code(self, text: str, column: str) -> str:
        """A HCPCS or CPT code; a workbook's number gets its leading zeros back."""
        code = text.strip()
        if code.isdecimal():
            code = code.zfill(5)
        if not CODE.fullmatch(code):
            self.refuse(f"{column} is not a HCPCS/CPT code", text)
        return code

    def number(self, text: str, column: str) -> str:
        """A number as it is written, without thousands commas; "" is none."""
        plain = text.strip().replace(",", "")
        try:
            if plain and Decimal(plain).is_finite():
                return plain
        except InvalidOperation:
            pass
        if plain:
            self.refuse(f"{column} is not a number", text)
        return ""

    def day(self, text: str, column: str) -> int:
        """YYYYMMDD as a number; blank or 00000000 is NONE."""
        plain = text.strip()
        if not plain or plain == "00000000":
            return NONE
        number = day_number(plain)
        if number == NONE:
            self.refuse(f"{column} is not a date (YYYYMMDD)", text)
        return number


def day_number(text: str) -> int:
    """YYYYMMDD as a number when it is a date, else NONE."""
    match = DATE.fullmatch(text)
    if not match:
        return NONE
    try:
        date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return NONE
    return int(text)


def to_date(number: int) -> date | None:
    """The date of a number YYYYMMDD; None for NONE."""
    return date(number // 10000, number // 100 % 100, number % 100) if number else None


# -- records -----------------------------------------------------------------------------------------------------


def simple(text: str) -> str:
    """A header cell to compare: white space collapsed, any case."""
    return " ".join(text.split()).casefold()


def lines_of(member: Member) -> Iterator[tuple[int, str]]:
    """The lines of a fixed-width text, without their ends."""
    with member.text() as text:
        for number, line in enumerate(text, 1):
            yield number, line.rstrip("\r\n")


def records_of(member: Member, delimiter: str = ",") -> Iterator[Record]:
    """The records of a delimited text or of the first sheet of a workbook. Raises Refused when it is none."""
    return _rows_of_workbook(member) if member.form == "xlsx" else _records_of_text(member, delimiter)


def _records_of_text(member: Member, delimiter: str) -> Iterator[Record]:
    with member.text() as text:
        if delimiter == "\t":
            reader = csv.reader(text, delimiter=delimiter, quoting=csv.QUOTE_NONE)
        else:
            reader = csv.reader(text, delimiter=delimiter)
        start = 1
        try:
            for cells in reader:
                yield start, cells
                start = reader.line_num + 1
        except csv.Error as wrong:
            raise Refused([Refusal(member.name, start, f"cannot be read as CSV: {wrong}")]) from None


def _rows_of_workbook(member: Member) -> Iterator[Record]:
    # A quarter of a second to import, and only who brings a workbook needs it.
    from openpyxl import load_workbook  # noqa: PLC0415
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415

    with member.open() as file:
        try:
            book = load_workbook(file, read_only=True, data_only=True)
        except (zipfile.BadZipFile, InvalidFileException, KeyError) as wrong:
            raise refuse_file(member.name, f"cannot be read as xlsx: {wrong}") from None
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()
            for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
                yield number, [_text_of(value) for value in row]
        finally:
            book.close()


def _text_of(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date):
        return f"{value:%Y%m%d}"
    return str(value)


# -- headers -----------------------------------------------------------------------------------------------------

Name = str | re.Pattern[str]


def is_named(cell: str, name: Name) -> bool:
    """Say whether a header cell has the name."""
    text = simple(cell)
    return text == simple(name) if isinstance(name, str) else bool(name.fullmatch(text))


def shown(name: Name) -> str:
    return name if isinstance(name, str) else name.pattern


def find_header(
    records: Iterator[Record], names: Sequence[Name], reading: Reading, label: str = ""
) -> tuple[list[str], list[Record]]:
    """The header's cells and the records before it; `records` stands behind it then.

    Args:
        names: what the first cells must be called. The first of them finds the header.
        label: the first name for the error, when it is a pattern.
    """
    before: list[Record] = []
    for line, cells in islice(records, HEADER_WITHIN):
        if not cells or not is_named(cells[0], names[0]):
            before.append((line, cells))
            continue
        reading.line = line
        for place, name in enumerate(names[1:], 2):
            cell = cells[place - 1] if len(cells) >= place else ""
            if not is_named(cell, name):
                raise reading.refuse_header(f'header cell {place} is not "{shown(name)}"', " ".join(cell.split()))
        return cells, before
    reading.line = 0
    raise reading.refuse_header(f'no header "{label or shown(names[0])}" in the first {HEADER_WITHIN} records')


def data_rows(records: Iterable[Record], width: int, member: Member, reading: Reading) -> Iterator[list[str]]:
    """The rows behind a header that have a first cell, each of the header's width; others are refused."""
    is_book, seen = member.form == "xlsx", False
    for line, cells in records:
        if not cells or not any(cells):
            continue
        reading.line, seen = line, True
        if is_book:
            filled = len(cells) - next((n for n, cell in enumerate(reversed(cells)) if cell), len(cells))
            if filled <= width:
                yield (cells + [""] * width)[:width]
                continue
        if len(cells) != width:
            reading.refuse(f"expected {width} fields, found {len(cells)}")
            continue
        yield cells
    if not seen:
        reading.line = 0
        raise reading.refuse_header("no data rows")
