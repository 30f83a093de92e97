"""NCCI medically unlikely edits: the most units of a code on a date, practitioner, hospital and supplier apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from streams.published.kinds import Edition, Kind, Opened, Row, Shape
from streams.published.members import Member, Wanted
from streams.published.reading import Reading, Record, data_rows, find_header, records_of, simple
from streams.published.refusals import refuse_file

NAME = re.compile(r"MCR_MUE_(Practitioner|OutpatientHospital|DMESupplier)Services", re.IGNORECASE)
DAY = re.compile(r"_Eff_(\d\d)-(\d\d)-(\d{4})", re.IGNORECASE)
# What the header calls a setting: as the file's name does, and as we do.
IN_HEADER = {
    "practitioner": "Practitioner",
    "outpatient hospital": "Outpatient Hospital",
    "dme supplier": "DME Supplier",
}
SETTINGS = {"Practitioner": "practitioner", "Outpatient Hospital": "hospital", "DME Supplier": "dme"}
OF_SETTING = re.compile(r"(practitioner|outpatient hospital|dme supplier) services mue values")
HEADER = (re.compile(r"hcpcs/ ?cpt code"), OF_SETTING, "MUE Adjudication Indicator", "MUE Rationale")
INDICATOR = re.compile(r"([123])\b.*", re.DOTALL)


def open_limits(members: Sequence[Member], reading: Reading, effective: date | None) -> Opened:
    """The edition and the rows of one table."""
    member = _one(members)
    day = effective or _day(member.name)
    if day is None:
        raise refuse_file(member.name, "no date in the file name; give --effective")
    reading.member = member.name
    records = records_of(member)
    header, _ = find_header(records, HEADER, reading, "HCPCS/ CPT Code")
    match = OF_SETTING.fullmatch(simple(header[1]))
    assert match
    said = IN_HEADER[match[1]]
    if (named := NAME.search(member.name)) and named[1].casefold() != said.replace(" ", "").casefold():
        in_name = next(one for one in SETTINGS if one.replace(" ", "").casefold() == named[1].casefold())
        raise reading.refuse_header(f"header says {said}, the file name {in_name}")
    return Edition("mue", SETTINGS[said], day.isoformat(), day), _rows(records, member, reading)


def _one(members: Sequence[Member]) -> Member:
    if len(members) > 1:
        raise refuse_file(members[1].name, "one table at a time; the first is", members[0].name)
    return members[0]


def _day(name: str) -> date | None:
    match = DAY.search(name)
    try:
        return date(int(match[3]), int(match[1]), int(match[2])) if match else None
    except ValueError:
        return None


def _rows(records: Iterator[Record], member: Member, reading: Reading) -> Iterator[Row]:
    for cells in data_rows(records, len(HEADER), member, reading):
        code, units, indicator, rationale = (cell.strip() for cell in cells)
        match = INDICATOR.fullmatch(indicator)
        if not match:
            reading.refuse("adjudication indicator does not start with 1, 2 or 3", indicator)
        if not units.isdecimal():
            reading.refuse("MUE value is not a whole number", units)
        yield (
            0,
            reading.line,
            reading.code(code, "HCPCS/CPT Code"),
            int(units) if units.isdecimal() else None,
            match[1] if match else None,
            rationale,
        )


MUE = Kind(
    "mue",
    "unit limits (NCCI medically unlikely edits)",
    Shape("unit_limit", ("code", "units", "adjudication", "rationale"), ("code",), "code"),
    Wanted("mue", NAME),
    open_limits,
)
