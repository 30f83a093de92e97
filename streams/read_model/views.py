"""The work queue, an encounter, the claim lines, asked of the shelf. Nothing here writes, nothing reads a topic."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from heapq import merge
from typing import Any

import msgspec

from streams.claims import Line
from streams.read_model import shown
from streams.read_model.shelf import EVERYTHING, Shelf, Window
from streams.read_model.shown import ENCOUNTER, FINDING, LINE, OPEN_FINDING, RANK, EncounterShown, Where

SEVERITIES = ("hold", "review", "notice")
ORDERS = ("urgent", "oldest", "stake")  # what holds a line first; as they came; most units at stake first
_NAMES_MOST = 1000


@dataclass(frozen=True, slots=True)
class Which:
    """Which open findings: of a unit or all; of a kind, or of a severity, or all but notices, which ask for nothing.

    `state`: of encounters that are closed, of those still open (what would be a finding), or "" for both.
    `waits_seconds`: those that have waited so long or longer, the longest first whatever the order.
    """

    kind: str = ""
    severity: str = ""
    unit: str | None = None
    waits_seconds: float = 0.0
    order: str = ORDERS[0]
    state: str = ""

    @property
    def holdings(self) -> tuple[str, ...]:
        """The kinds of documents asked for."""
        return {"closed": (FINDING,), "open": (OPEN_FINDING,)}.get(self.state, (FINDING, OPEN_FINDING))

    @property
    def index(self) -> str:
        what = f":kind:{self.kind}" if self.kind else f":severity:{self.severity}" if self.severity else ""
        where = "" if self.unit is None else f":unit:{self.unit}"
        order = self.order if self.order in ORDERS else ORDERS[0]
        if self.waits_seconds or (order == "urgent" and what):  # of one severity the oldest is the most urgent
            order = "oldest"
        return order + where + what

    def window(self, now: float) -> Window:
        return (self.waits_seconds - now, float("inf")) if self.waits_seconds else EVERYTHING


@dataclass(frozen=True, slots=True)
class KindRow:
    """The open findings of a kind: how many, units that depend on them, when the oldest was opened."""

    kind: str
    severity: str
    number: int
    units: int
    oldest: float


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """A page of open findings with where they are from, and how many there are by kind and by unit."""

    findings: Sequence[tuple[Line, Where]]
    total: int
    kinds: Mapping[str, int]
    units: Mapping[str, int]


async def work_queue(shelf: Shelf, which: Which, *, skip: int = 0, limit: int = 50) -> WorkQueue:
    """A page of those open findings."""
    window, index, held = which.window(time.time()), which.index, which.holdings
    ranked = [
        [(score, key, kind) for key, score in await shelf.ranked(kind, index, skip + limit, window=window)]
        for kind in held
    ]
    chosen = list(merge(*ranked, key=lambda place: -place[0]))[skip : skip + limit]
    documents = {kind: await shelf.documents(kind, [key for _, key, of in chosen if of == kind]) for kind in held}
    findings: list[Line] = [
        shown.decode_json(documents[kind][key]) for _, key, kind in chosen if key in documents[kind]
    ]
    where = await _where(shelf, {finding["encounter_id"] for finding in findings})
    return WorkQueue(
        [(finding, where.get(finding["encounter_id"], Where())) for finding in findings],
        sum([await shelf.size(kind, index, window) for kind in held]),
        await _sizes(shelf, held, "kinds", "oldest:kind:"),
        dict(sorted((await _sizes(shelf, held, "units", "oldest:unit:")).items())),
    )


async def _where(shelf: Shelf, encounter_ids: Iterable[str]) -> dict[str, Where]:
    found = await shelf.documents(ENCOUNTER, sorted(encounter_ids))
    return {key: shown.decode_encounter(value).where for key, value in found.items()}


async def _sizes(shelf: Shelf, held: Sequence[str], names: str, index: str) -> dict[str, int]:
    """How many are in each of the indexes that an index names, in its order; those that have any."""
    found: dict[str, int] = {}
    for kind in held:
        for name, _ in await shelf.ranked(kind, names, _NAMES_MOST):
            if size := await shelf.size(kind, index + name):
                found[name] = found.get(name, 0) + size
    return found


async def kinds_waiting(shelf: Shelf) -> list[KindRow]:
    """The kinds that ask for something, what holds a line first, then by units at stake; figures only."""
    rows = []
    for kind, urgency in await shelf.ranked(FINDING, "kinds", _NAMES_MOST, window=(1, float("inf"))):
        oldest = await shelf.ranked(FINDING, f"oldest:kind:{kind}", 1)
        if oldest:
            units = await _units_at_stake(shelf, f"stake:kind:{kind}")
            severity = "hold" if urgency > 1 else "review"
            rows.append(KindRow(kind, severity, await shelf.size(FINDING, f"oldest:kind:{kind}"), units, -oldest[0][1]))
    return sorted(rows, key=lambda row: (row.severity, -row.units, row.kind))


async def _units_at_stake(shelf: Shelf, index: str) -> int:
    """Of all findings of an index, without reading each: as many steps as there are different numbers of units."""
    units, below = 0, float("inf")
    while highest := await shelf.ranked(FINDING, index, 1, window=(0, below)):
        # A place is units times RANK less a moment, and no moment reaches RANK.
        each = math.ceil(highest[0][1] / RANK)
        units += each * await shelf.size(FINDING, index, ((each - 1) * RANK, below))
        below = (each - 1) * RANK
    return units


async def encounter_of(shelf: Shelf, name: str) -> str:
    """The encounter that an id names: its own, or that of a claim line or an open finding; "" when none is known."""
    if await shelf.documents(ENCOUNTER, [name]):
        return name
    for kind in (LINE, FINDING, OPEN_FINDING):
        for value in (await shelf.documents(kind, [name])).values():
            return str(shown.decode_json(value)["encounter_id"])
    return ""


# -- encounter and claim lines -----------------------------------------------------------------------------------


async def encounter_shown(shelf: Shelf, encounter_id: str) -> EncounterShown | None:
    """One encounter with its claim sets and findings; None when the read model does not know it."""
    found = await shelf.documents(ENCOUNTER, [encounter_id])
    return shown.decode_encounter(found[encounter_id]) if encounter_id in found else None


@dataclass(frozen=True, slots=True)
class LinesOf:
    """Which lines that stand: of one code or all, served within days or ever."""

    code: str = ""
    days: tuple[date, date] | None = None

    @property
    def index(self) -> str:
        return f"code:{self.code}" if self.code else "day" if self.days else "recent"

    @property
    def window(self) -> Window:
        return (float(self.days[0].toordinal()), float(self.days[1].toordinal())) if self.days else EVERYTHING


async def claim_lines(shelf: Shelf, which: LinesOf, *, skip: int = 0, limit: int = 100) -> tuple[list[Line], int]:
    """A page of them and how many there are: newest service date first, without code and days newest coded first."""
    ranked = await shelf.ranked(LINE, which.index, limit, skip=skip, window=which.window)
    found = await shelf.documents(LINE, [key for key, _ in ranked])
    lines = [shown.decode_json(found[key]) for key, _ in ranked if key in found]
    return lines, await shelf.size(LINE, which.index, which.window)


class _Counted(msgspec.Struct):
    status: str
    units: int


_decode_counted = msgspec.json.Decoder(_Counted).decode
ADDED_UP_MOST = 10_000  # lines


async def units_by_status(shelf: Shelf, which: LinesOf) -> dict[str, tuple[int, int]]:
    """Lines and units of those lines by status; of the first ADDED_UP_MOST of them."""
    keys = [key for key, _ in await shelf.ranked(LINE, which.index, ADDED_UP_MOST, window=which.window)]
    sums: dict[str, tuple[int, int]] = {}
    for value in (await shelf.documents(LINE, keys)).values():
        line = _decode_counted(value)
        lines, units = sums.get(line.status, (0, 0))
        sums[line.status] = lines + 1, units + line.units
    return sums


def difference(before: Iterable[Line], after: Iterable[Line]) -> dict[str, list[dict[str, Any]]]:
    """What a version of a claim set changed: lines added, lines gone. Lines are equal when their ids are."""
    old, new = ({line["claim_line_id"]: line for line in lines} for lines in (before, after))
    return {
        "added": [line for key, line in new.items() if key not in old],
        "gone": [line for key, line in old.items() if key not in new],
    }
