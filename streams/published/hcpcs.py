"""HCPCS Level II: which codes there are from when to when, and how large the billing unit of a drug is.

The long description is read for its billing unit and not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from streams.published.kinds import Edition, Kind, Opened, Row, Shape, month_number
from streams.published.members import Member, Wanted
from streams.published.reading import (
    CODE,
    HEADER_WITHIN,
    Reading,
    data_rows,
    find_header,
    lines_of,
    records_of,
    simple,
)
from streams.published.refusals import refuse_file

NAME = re.compile(r"^HCPC\w*ANWEB", re.IGNORECASE)
NOT_NAME = re.compile(r"transaction|layout|report", re.IGNORECASE)
QUARTER = re.compile(r"HCPC(\d{4})_([A-Z]{3})", re.IGNORECASE)
SHORTEST = 293
FIRST, CONTINUED = {"3", "7"}, {"4", "8"}
HEADER = ("HCPC", "SEQNUM", "RECID", "LONG DESCRIPTION")
COLUMNS = (
    "code", "is_modifier", "unit_amount", "unit", "coverage", "betos", "added", "effective", "terminated", "action",
)  # fmt: skip
# Places of the fixed-width text, from 0.
PLACES = {
    "coverage": (229, 230),
    "betos": (256, 259),
    "added": (268, 276),
    "effective": (276, 284),
    "terminated": (284, 292),
    "action": (292, 293),
}
IN_HEADER = {
    "coverage": "cov", "betos": "betos", "added": "add dt", "effective": "act eff dt", "terminated": "term dt",
    "action": "action cd",
}  # fmt: skip
STARTS_DATA = re.compile(r"(?:[A-V]\d{4}|\d{4}[0-9A-Z]|   [0-9A-Z]{2})\d{5}")


@dataclass(slots=True)
class Item:
    """One code while its records are put together."""

    line: int
    code: str
    is_modifier: bool
    text: str
    values: dict[str, str]


def open_hcpcs(members: Sequence[Member], reading: Reading, effective: date | None) -> Opened:
    """The edition and the rows of one table."""
    if len(members) > 1:
        raise refuse_file(members[1].name, "one table at a time; the first is", members[0].name)
    member = members[0]
    match = QUARTER.search(member.name)
    month = month_number(match[2]) if match else 0
    day = effective or (date(int(match[1]), month, 1) if match and month else None)
    if day is None:
        raise refuse_file(member.name, "no quarter in the file name; give --effective")
    reading.member = member.name
    items = _of_cells(member, reading) if member.form != "txt" else _of_lines(member, reading)
    return Edition("hcpcs", "", day.isoformat(), day), (_row(item, reading) for item in items)


def _of_lines(member: Member, reading: Reading) -> Iterator[Item]:
    item: Item | None = None
    begun = False
    for number, line in lines_of(member):
        if not begun and not STARTS_DATA.match(line):
            if number >= HEADER_WITHIN:
                break
            continue
        begun = True
        if not line.strip():
            continue
        reading.line = number
        if len(line) < SHORTEST:
            reading.refuse(f"shorter than {SHORTEST} characters", line[:11])
            continue
        values = {name: line[start:end].strip() for name, (start, end) in PLACES.items()}
        made = _taken(item, (line[:5].strip(), line[10], line[11:91]), values, reading)
        if made is not item:
            if item:
                yield item
            item = made
    if item:
        yield item
    if not begun:
        reading.line = 0
        raise reading.refuse_header("no data rows")


def _of_cells(member: Member, reading: Reading) -> Iterator[Item]:
    records = records_of(member)
    header, _ = find_header(records, HEADER, reading)
    places = {simple(name): place for place, name in enumerate(header)}
    if missing := [name for name in IN_HEADER.values() if name not in places]:
        raise reading.refuse_header(f'header cell is not "{missing[0].upper()}"', "")
    item: Item | None = None
    for cells in data_rows(records, len(header), member, reading):
        values = {name: cells[places[column]].strip() for name, column in IN_HEADER.items()}
        made = _taken(item, (cells[0].strip(), cells[2].strip(), cells[3]), values, reading)
        if made is not item:
            if item:
                yield item
            item = made
    if item:
        yield item


def _taken(item: Item | None, record: tuple[str, str, str], values: dict[str, str], reading: Reading) -> Item | None:
    """The item after one record: the same one, continued, or a new one."""
    code, record_id, text = record
    if record_id in CONTINUED:
        if item is None or item.code != code:
            reading.refuse(f"continuation of {code} without its first record")
            return item
        item.text = f"{item.text} {text.strip()}".strip()
        return item
    if record_id not in FIRST:
        reading.refuse("record id is not 3, 4, 7 or 8", record_id)
        return item
    return Item(reading.line, code, record_id == "7", text.strip(), values)


def _row(item: Item, reading: Reading) -> Row:
    code = item.code
    reading.line, line = item.line, reading.line
    if not item.is_modifier and not CODE.fullmatch(code.zfill(5)):
        reading.refuse("HCPC is not a HCPCS/CPT code", code)
    columns = (("added", "ADD DT"), ("effective", "ACT EFF DT"), ("terminated", "TERM DT"))
    days = [reading.day(item.values[name], column) for name, column in columns]
    amount, unit = billing_unit(item.text)
    reading.line = line
    kept = (item.values["coverage"], item.values["betos"])
    return (0, item.line, code, int(item.is_modifier), amount, unit, *kept, *days, item.values["action"])


AMOUNT = r"\d[\d,]*(?:\.\d+)?|\.\d+"
UNIT = (
    r"million units?|billion (?:viral )?(?:genomes?|vector genomes)|usp units?|units?|i\.u\.|iu|mcg|micrograms?|mg|"
    r"milligrams?|gm|grams?|g|ml|milliliters?|cc|meq|millicuries?|microcuries?|mci|square centimeters?"
)
# Not a part of a ratio: two strengths ("2 mg/3 mg") and a concentration ("10 mg/ml") are no billing unit.
OF_TEXT = re.compile(rf"(?:^|[\s,(])(?:per|up to|each)?\s*({AMOUNT})\s*({UNIT})(?![\w/])(?!\s*/)", re.IGNORECASE)
PER_ONE = re.compile(
    rf"\bper (?:factor \w+ |single[- ](?:use|dose) )?({UNIT}|vial|therapeutic dose|dose|treatment)(?!\w)", re.IGNORECASE
)
BRACKETED = re.compile(r"\([^)]*\)")


def billing_unit(description: str) -> tuple[str, str]:
    """Amount and unit that one billing unit covers, the last that a description names; ("", "") when it names none."""
    for text in (BRACKETED.sub(" ", description), description):
        if found := OF_TEXT.findall(text):
            amount, unit = found[-1]
            return amount.replace(",", ""), " ".join(unit.casefold().split())
        if one := PER_ONE.search(text):
            return "1", " ".join(one[1].casefold().split())
    return "", ""


HCPCS = Kind(
    "hcpcs",
    "HCPCS Level II codes, their dates and billing units",
    Shape("hcpcs_code", COLUMNS, ("code", "is_modifier"), "code"),
    Wanted("hcpcs", NAME, NOT_NAME),
    open_hcpcs,
)
