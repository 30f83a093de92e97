"""NCCI add-on code edits: which primaries an add-on code may hang from. Deleted rows stay, dated in three places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from streams.published.kinds import Edition, Kind, Opened, Row, Shape, quarter_start
from streams.published.members import Member, Wanted
from streams.published.reading import (
    CODE,
    DAY_OF_YEAR,
    HEADER_WITHIN,
    NONE,
    Reading,
    Record,
    data_rows,
    day_number,
    find_header,
    lines_of,
    records_of,
)
from streams.published.refusals import refuse_file

NAME = re.compile(r"AOC_V(\d{4})Q([1-4])(_\d+)?(?:-F)?-MCR", re.IGNORECASE)
HEADER = tuple(
    re.compile(pattern)
    for pattern in (
        "aoc[^a-z]*edit[^a-z]*type.*",
        "add[^a-z]*on[^a-z]*code",
        "add[^a-z]*on[^a-z]*del.*|aoc[^a-z]*del.*",
        "primary[^a-z]*code",
        "primary[^a-z]*code[^a-z]*del.*",
        "aoc[^a-z]*edit[^a-z]*eff.*",
        "aoc[^a-z]*edit[^a-z]*del.*",
        "special[^a-z]*instruction.*",
    )
)
# Places of the fixed-width text, from 0.
FIELDS = ((0, 1), (1, 6), (6, 13), (13, 18), (18, 25), (25, 32), (32, 39), (39, 97))
SHORTEST = 32
ANY_PRIMARY = "CCCCC"  # the contractor defines the primaries
COLUMNS = (
    "add_on", "primary_code", "edit_type", "add_on_deleted", "primary_deleted", "effective", "deleted", "instruction",
)  # fmt: skip
DATES = ("Add-On_Code deletion date", "Primary_Code deletion date", "AOC_Edit_EffDT", "AOC_Edit_DelDT")


def open_add_ons(members: Sequence[Member], reading: Reading, effective: date | None) -> Opened:
    """The edition and the rows of one table."""
    if len(members) > 1:
        raise refuse_file(members[1].name, "one table at a time; the first is", members[0].name)
    member = members[0]
    match = NAME.search(member.name)
    if match is None and effective is None:
        raise refuse_file(member.name, "no quarter in the file name; give --effective")
    first = effective or (quarter_start(int(match[1]), int(match[2])) if match else date.min)
    name = f"{match[1]}Q{match[2]}{match[3] or ''}" if match else first.isoformat()
    reading.member = member.name
    return Edition("addon", "", name, first), _rows(member, reading)


def _rows(member: Member, reading: Reading) -> Iterator[Row]:
    if member.form != "txt":
        records = records_of(member)
        find_header(records, HEADER, reading, "AOC_Edit_Type")
        return _of_cells(data_rows(records, len(HEADER), member, reading), reading)
    if (tabbed := _tabbed(member)) is not None:
        find_header(tabbed, HEADER, reading, "AOC_Edit_Type")
        return _of_cells(data_rows(tabbed, len(HEADER), member, reading), reading)
    return _of_lines(member, reading)


def _tabbed(member: Member) -> Iterator[Record] | None:
    """The records of a text that has tabs and a header; None for a fixed-width one."""
    for number, line in lines_of(member):
        if "\t" in line and HEADER[0].fullmatch(line.split("\t")[0].strip().casefold()):
            return records_of(member, "\t")
        if number >= HEADER_WITHIN:
            break
    return None


def _of_lines(member: Member, reading: Reading) -> Iterator[Row]:
    """The rows of the fixed-width text; leading lines without a code in its place are skipped."""
    begun = False
    for number, line in lines_of(member):
        if not begun and not CODE.fullmatch(line[1:6]):
            if number >= HEADER_WITHIN:
                break
            continue
        begun = True
        if not line.strip():
            continue
        reading.line = number
        if len(line) < SHORTEST:
            reading.refuse(f"shorter than {SHORTEST} characters", line)
            continue
        yield _row([line[start:end].strip() for start, end in FIELDS], reading)
    if not begun:
        reading.line = 0
        raise reading.refuse_header("no data rows")


def _of_cells(rows: Iterator[list[str]], reading: Reading) -> Iterator[Row]:
    for cells in rows:
        yield _row([cell.strip() for cell in cells], reading)


def _row(cells: Sequence[str], reading: Reading) -> Row:
    kind, add_on, add_on_deleted, primary, primary_deleted, effective, deleted, instruction = cells
    if kind not in {"1", "2", "3"}:
        reading.refuse("edit type is not 1, 2 or 3", kind)
    primary = primary.zfill(5) if primary.isdecimal() else primary
    if primary != ANY_PRIMARY and not CODE.fullmatch(primary):
        reading.refuse("primary is not CCCCC or a HCPCS/CPT code", primary)
    written = (add_on_deleted, primary_deleted, effective, deleted)
    days = [_day(text, column, reading) for text, column in zip(written, DATES, strict=True)]
    if not days[2] and not effective:
        reading.refuse("AOC_Edit_EffDT is not a date (YYYYDDD)", effective)
    code = reading.code(add_on, "Add-On_Code")
    return (0, reading.line, code, primary, kind, *days, instruction)


def _day(text: str, column: str, reading: Reading) -> int:
    """YYYYDDD as YYYYMMDD; NONE when blank. Workbooks of 2024 append "Julian"; some hold real dates."""
    plain = re.sub(r"julian", "", text, flags=re.IGNORECASE).strip()
    if not plain:
        return NONE
    if match := DAY_OF_YEAR.fullmatch(plain):
        year, day = int(match[1]), int(match[2])
        if year and 0 < day <= (date(year, 12, 31) - date(year - 1, 12, 31)).days:
            found = date(year, 1, 1) + timedelta(days=day - 1)
            return int(f"{found:%Y%m%d}")
    elif number := day_number(plain):
        return number
    reading.refuse(f"{column} is not a date (YYYYDDD)", text)
    return NONE


ADDON = Kind(
    "addon",
    "add-on codes and their primaries (NCCI add-on code edits)",
    Shape("add_on", COLUMNS, ("add_on", "primary_code", "effective"), "add-on, primary and effective date"),
    Wanted("addon", NAME),
    open_add_ons,
    is_history=True,
)
