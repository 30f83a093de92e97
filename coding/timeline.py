"""When each administration of an encounter ran and the codes it came to, in rows by access site."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from coding.claim import ClaimLine, CodedEncounter, Status
from coding.encounter import Administration, Encounter, Run
from coding.tables import engine_numbers

NO_STOP = {"NO_STOP", "NO_STOP_NO_LINE", "STOP_MISSING_PUSH", "HYDRATION_NOT_TIMED"}
GAP = "  "  # before each column
NO_TIME, HOUR = timedelta(), timedelta(hours=1)


class Row(NamedTuple):
    """One row: the first run of an administration, or a later one without the rest."""

    times: str
    drug: str = ""
    codes: str = ""
    name: str = ""


def timeline(encounter: Encounter, coded: CodedEncounter, zone: tzinfo | None, width: int) -> dict[str, list[str]]:
    """Return the rows of each access site, each column as wide as what stands in it.

    Args:
        width: columns of a row, which the names of drugs are cut to; 0 where nothing limits it.
    """
    lacking = {name for finding in coded.findings if finding.kind in NO_STOP for name in finding.administration_ids}
    by_site: dict[str, list[Row]] = {}
    shown: set[str] = set()
    for one in sorted(encounter.administrations, key=lambda one: (one.access_site, _first(one), one.administration_id)):
        times = list(_times(one, zone, is_lacking=one.administration_id in lacking))
        row = Row(times[0], one.drug.name, _codes(one, coded.lines, shown), one.administration_id)
        by_site.setdefault(one.access_site, []).extend([row, *map(Row, times[1:])])
    rows = [row for of_site in by_site.values() for row in of_site]
    if not rows:
        return {}
    times_width, longest, codes_width, name_width = (max(map(len, column)) for column in zip(*rows, strict=True))
    numbers = engine_numbers()
    left = width - times_width - codes_width - name_width - len(GAP) * len(Row._fields)
    drug = min(longest, max(left, numbers["timeline_drug_min"]) if width else numbers["timeline_drug"])
    widths = (times_width, drug, codes_width, name_width)
    return {site: [_told(row, widths, is_cut=bool(width)) for row in of_site] for site, of_site in by_site.items()}


def _told(row: Row, widths: tuple[int, ...], *, is_cut: bool) -> str:
    """Return a row as text; a name that is longer than its column is cut, or pushes what follows aside."""
    told = ""
    for text, width in zip(row, widths, strict=True):
        told += GAP + (f"{text[: width - 1]}…" if is_cut and len(text) > width else text.ljust(width))
    return told.rstrip()


def _first(one: Administration) -> str:
    """Return an administration's first time as text that sorts; what has no time comes last."""
    times = [time for run in one.runs for time in (run.start, run.stop) if time]
    return min(times).isoformat() if times else "~"


def _times(one: Administration, zone: tzinfo | None, *, is_lacking: bool) -> Iterator[str]:
    """Say when an administration ran, a text for each run; a question mark for a time that is missing."""
    day = ""
    for run in one.runs:
        text = _run(run, zone, is_lacking=is_lacking)
        yield " " * len(day) + text.removeprefix(day) if text.startswith(day) else text
        day = text[:6]


def _run(run: Run, zone: tzinfo | None, *, is_lacking: bool) -> str:
    """Say when a run began and ended: the day of the end where it is another, and where the clock changed between."""
    start = clock(run.start, zone)
    if run.stop is None:
        return f"{start}-?" if is_lacking else start
    stop = clock(run.stop, zone)
    if run.start is None:
        return f"{start}-{stop}"
    began, ended = (time.astimezone(zone) if zone else time for time in (run.start, run.stop))
    shift = (ended.utcoffset() or NO_TIME) - (began.utcoffset() or NO_TIME)
    changed = f" (clock {'on' if shift > NO_TIME else 'back'} {abs(shift) / HOUR:g} h)" if shift else ""
    return f"{start}-{stop[6:] if stop[:6] == start[:6] else stop}{changed}"


def clock(time: datetime | None, zone: tzinfo | None) -> str:
    """Return a time as month, day, hour and minute; a question mark when it is not documented."""
    if time is None:
        return "?"
    return (time.astimezone(zone) if zone else time).strftime("%m-%d %H:%M")


def _codes(one: Administration, lines: Iterable[ClaimLine], shown: set[str]) -> str:
    """Return the codes that an administration came to, once with their units by date, then in brackets."""
    units: dict[str, list[int]] = {}
    again: list[str] = []
    for line in lines:
        if one.administration_id in line.administration_ids:
            code = "-".join((line.code, *line.modifiers))
            if line.claim_line_id in shown:
                again.append(f"({code})")
            else:
                shown.add(line.claim_line_id)
                hold = " hold" if line.status is Status.HOLD else ""
                units.setdefault(f"{code}x{{}}{hold}", []).append(line.units)
    first = [text.format("+".join(map(str, of_dates))) for text, of_dates in units.items()]
    return " ".join([*first, *dict.fromkeys(again)]) or "-"
