"""NCCI procedure-to-procedure edits: which two codes are not paid together, practitioner and hospital apart.

Four files make an issue, all with the whole history; deleted edits stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from streams.published.kinds import Edition, Kind, Opened, Row, Shape, quarter_start
from streams.published.members import Member, Wanted
from streams.published.reading import CODE, NONE, Reading, data_rows, day_number, find_header, records_of
from streams.published.refusals import refuse_file

NAME = re.compile(r"(ccipra|ccioph)-v(\d\d)(\d)r(\d+)-f(\d)", re.IGNORECASE)
SETTINGS = {"ccipra": "practitioner", "ccioph": "hospital"}
PARTS = ("1", "2", "3", "4")
# Versions count from 1994, their last digit is the quarter less one: v323 is the fourth of 2026.
FIRST_YEAR = 1994
HEADER = ("Column 1", "Column 2", "*=in existence", "Effective", "Deletion", "Modifier", "PTP Edit Rationale")
COLUMNS = (
    "column_one", "column_two", "before_1996", "effective", "deleted", "indicator", "rationale",
)  # fmt: skip
WIDTH = len(HEADER)


def open_pairs(members: Sequence[Member], reading: Reading, _effective: date | None) -> Opened:
    """The edition and the rows of one complete set of files."""
    return _edition(members), _rows(members, reading)


def _edition(members: Sequence[Member]) -> Edition:
    """What the files' names say; one set, no part missing, none twice."""
    parts: dict[str, str] = {}
    sets: list[str] = []
    for member in members:
        match = NAME.search(member.name)
        if not match:
            raise refuse_file(member.name, "no ccipra or ccioph vNNNrN-fN in the file name")
        of_set = f"{match[1].casefold()} v{match[2]}{match[3]}r{match[4]}"
        sets += [of_set] if of_set not in sets else []
        if match[5] in parts:
            raise refuse_file(member.name, f"part f{match[5]} twice, first in {parts[match[5]]}")
        parts[match[5]] = member.name
    if len(sets) > 1:
        raise refuse_file(members[0].name, f"parts differ: {', '.join(sets)}")
    if missing := [part for part in PARTS if part not in parts]:
        plural = "parts" if len(missing) > 1 else "part"
        listed = ", ".join(f"f{part}" for part in missing)
        raise refuse_file(sets[0], f"{plural} {listed} {'are' if len(missing) > 1 else 'is'} missing")
    match = NAME.search(members[0].name)
    assert match
    year, quarter = FIRST_YEAR + int(match[2]), int(match[3]) + 1
    if quarter > len(PARTS):
        raise refuse_file(members[0].name, "no such quarter in the version", sets[0])
    setting = SETTINGS[match[1].casefold()]
    return Edition("ptp", setting, sets[0].split()[1], quarter_start(year, quarter))


def _rows(members: Sequence[Member], reading: Reading) -> Iterator[Row]:
    codes: dict[str, str] = {}  # as written: as stored; the same few thousand come millions of times
    days: dict[str, int] = {"*": NONE, "": NONE}
    for number, member in enumerate(members):
        reading.member, reading.line = member.name, 0
        records = records_of(member, "\t")
        find_header(records, HEADER, reading)
        for cells in data_rows(records, WIDTH, member, reading):
            if cells[0].strip():
                yield (number, reading.line, *_row(cells, codes, days, reading))


def _row(cells: list[str], codes: dict[str, str], days: dict[str, int], reading: Reading) -> Row:
    one, two, before, begins, ends, indicator, rationale = cells
    for code, column in ((one, "Column 1"), (two, "Column 2")):
        if code not in codes:
            codes[code] = reading.code(code, column) if not CODE.fullmatch(code) else code
    if begins not in days or begins in {"*", ""}:
        days[begins] = day_number(begins.strip())
    if ends not in days:
        days[ends] = NONE if ends.strip() in {"", "*"} else day_number(ends.strip())
    effective, deleted = days[begins], days[ends]
    if not effective:
        reading.refuse("Effective is not a date (YYYYMMDD)", begins)
    if not deleted and ends not in {"*", ""} and ends.strip():
        reading.refuse('deletion date is not "*" or YYYYMMDD', ends)
    if deleted and deleted < effective:
        reading.refuse("deletion date is before the effective date", ends)
    if before not in {"", "*"} and before.strip() not in {"", "*"}:
        reading.refuse('prior-to-1996 flag is not "*" or empty', before)
    if indicator not in {"0", "1", "9"} and (indicator := indicator.strip()) not in {"0", "1", "9"}:
        reading.refuse("modifier indicator is not 0, 1 or 9", indicator)
    return (codes[one], codes[two], 1 if "*" in before else 0, effective, deleted, indicator, rationale.strip())


PTP = Kind(
    "ptp",
    "code pairs (NCCI PTP edits)",
    Shape("pair", COLUMNS, ("column_one", "column_two", "effective"), "pair and effective date"),
    Wanted("ptp", NAME),
    open_pairs,
    is_history=True,
    parts=PARTS,
)
