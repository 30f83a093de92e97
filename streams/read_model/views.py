"""What each page shows, asked of the shelf. Nothing here writes, and nothing reads a topic."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import msgspec

from streams import records
from streams.claims import Line
from streams.read_model import shown
from streams.read_model.notices import Notice, read_notices
from streams.read_model.shelf import EVERYTHING, Shelf, Window
from streams.read_model.shown import DEAD_LETTER, ENCOUNTER, FINDING, LINE, SOURCE, TALLY, EncounterShown
from streams.topics import Topics

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Balance:
    """received = applied + duplicate + dead + ignored + waiting, in messages since the topics began.

    `waiting` lie on the topic and are not done yet; `difference` is what the equation leaves over: not zero means
    that messages are lost or counted twice.
    """

    received: int
    applied: int
    duplicate: int
    dead: Mapping[str, int]  # by reason
    ignored: Mapping[str, int]  # by reason
    waiting: int

    @property
    def difference(self) -> int:
        done = self.applied + self.duplicate + sum(self.dead.values()) + sum(self.ignored.values())
        return self.received - done - self.waiting


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A sender (MSH-3|MSH-4): when it sent last, how much in all, and how its usual gap compares with its silence."""

    name: str
    last_at: float
    messages: int
    types: Mapping[str, int]
    usual_gap: float  # seconds between two messages at this hour; 0 when nothing was sent at it before
    silence: float  # seconds since the last one

    @property
    def is_silent(self) -> bool:
        """For more than three times the gap that is usual at this hour, and for more than a minute.

        A source without a usual gap is not called silent: its first day, or a day on which it never sends.
        """
        return self.silence > max(3 * self.usual_gap, MINUTE) if self.usual_gap else False


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """Where an unusable message lies, and why it is there."""

    reason: str
    where: str
    place: str  # topic[partition]@offset
    at: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """The front page. Series are (minute since 1970, how many), oldest first, no minute left out."""

    at: float
    balance: Balance
    received: Sequence[tuple[int, float]]
    applied: Sequence[tuple[int, float]]
    lines: Sequence[tuple[int, float]]
    closed: Mapping[str, float]  # by cause, over the same minutes
    sources: Sequence[SourceRow]
    processes: Sequence[Notice]
    dead_letters: Sequence[DeadLetterRow]
    findings: Mapping[str, int] = field(default_factory=dict)  # open, by severity
    encounters_waiting: int = 0

    @property
    def lag(self) -> dict[str, float]:
        """Messages waiting by topic, over all workers."""
        found: dict[str, float] = {}
        for labels, value in self.samples("worker", "dripcode_lag_messages"):
            found[labels["topic"]] = found.get(labels["topic"], 0) + value
        return found

    @property
    def ack_seconds(self) -> tuple[float, float]:
        """Median and 99th percentile of what a sender waited for its answer, since the listeners began; seconds."""
        buckets: dict[float, float] = {}
        for labels, value in self.samples("listener", "dripcode_mllp_ack_seconds_bucket"):
            edge = float(labels["le"])
            buckets[edge] = buckets.get(edge, 0) + value
        return quantile(buckets, 0.5), quantile(buckets, 0.99)

    def samples(self, role: str, name: str) -> Iterable[tuple[Mapping[str, str], float]]:
        """A metric's samples over all processes of a role."""
        for notice in self.processes:
            if notice.role == role:
                yield from ((labels, value) for metric, labels, value in notice.samples if metric == name)


def quantile(buckets: Mapping[float, float], q: float) -> float:
    """The q-quantile of a cumulative histogram (upper edge to count), linear within a bucket; 0 for an empty one."""
    edges = sorted(buckets)
    if not edges or not buckets[edges[-1]]:
        return 0.0
    rank = q * buckets[edges[-1]]
    low, below = 0.0, 0.0
    for edge in edges:
        if buckets[edge] >= rank:
            if edge == float("inf"):
                return low
            share = (rank - below) / (buckets[edge] - below) if buckets[edge] > below else 1.0
            return low + (edge - low) * share
        low, below = edge, buckets[edge]
    return low


async def throughput(shelf: Shelf, topics: Topics, minutes: int = 60) -> Throughput:
    """The front page over the last `minutes`."""
    now = time.time()
    shown_minutes = range(int(now) // MINUTE - minutes + 1, int(now) // MINUTE + 1)
    outcomes = await shelf.counts("outcome", shown_minutes)
    closed: dict[str, float] = {}
    for (cause, _), number in (await shelf.counts("closed", shown_minutes)).items():
        closed[cause] = closed.get(cause, 0) + number
    return Throughput(
        at=now,
        balance=await balance(shelf, topics),
        received=_series(await shelf.counts("received", shown_minutes), shown_minutes),
        applied=_series({at: n for at, n in outcomes.items() if at[0] == "applied"}, shown_minutes),
        lines=_series(await shelf.counts("lines", shown_minutes), shown_minutes),
        closed=closed,
        sources=await _sources(shelf, now),
        processes=read_notices(await shelf.notices()),
        dead_letters=await dead_letters(shelf, 20),
        findings={level: await shelf.size(FINDING, f"oldest:severity:{level}") for level in SEVERITIES},
        encounters_waiting=await shelf.size(ENCOUNTER, "waiting"),
    )


def _series(counts: Mapping[tuple[str, int], float], minutes: range) -> list[tuple[int, float]]:
    by_minute = dict.fromkeys(minutes, 0.0)
    for (_, minute), number in counts.items():
        by_minute[minute] += number
    return sorted(by_minute.items())


async def balance(shelf: Shelf, topics: Topics) -> Balance:
    """The equation, over all partitions."""
    read = {part: at for (topic, part), at in (await shelf.positions()).items() if topic == topics.inbound}
    total, waiting = records.Tally(), dict(read)
    keys = [key for key, _ in await shelf.ranked(TALLY, "partition", 10_000)]
    for key, value in (await shelf.documents(TALLY, keys)).items():
        tally = records.decode_tally(value)
        total.add(tally)
        # The worker may be ahead of the projector: what it has done was received.
        read[int(key)] = max(read.get(int(key), 0), tally.next_offset)
        waiting[int(key)] = read[int(key)] - tally.next_offset
    return Balance(sum(read.values()), total.applied, total.duplicate, total.dead, total.ignored, sum(waiting.values()))


async def _sources(shelf: Shelf, now: float) -> list[SourceRow]:
    names = [name for name, _ in await shelf.ranked(SOURCE, "last", 1000)]
    rows = []
    for name, value in (await shelf.documents(SOURCE, names)).items():
        source = shown.decode_source(value)
        silence = max(0.0, now - source.last_at)
        rows.append(SourceRow(name, source.last_at, source.messages, source.types, source.usual_gap(now), silence))
    return sorted(rows, key=lambda row: row.name)


async def dead_letters(shelf: Shelf, limit: int, reason: str = "") -> list[DeadLetterRow]:
    """The newest, of one reason or of all."""
    index = f"reason:{reason}" if reason else "recent"
    keys = [key for key, _ in await shelf.ranked(DEAD_LETTER, index, limit)]
    letters = [shown.decode_dead_letter(value) for value in (await shelf.documents(DEAD_LETTER, keys)).values()]
    return [
        DeadLetterRow(one.reason, one.where, f"{one.topic}[{one.partition}]@{one.offset}", one.at) for one in letters
    ]


# -- work queue --------------------------------------------------------------------------------------------------

SEVERITIES = ("hold", "review", "notice")
ORDERS = ("urgent", "oldest", "stake")  # what holds a line first; as they came; most units at stake first


@dataclass(frozen=True, slots=True)
class Which:
    """Which open findings: those of a kind, or of a severity, or all but notices, which ask for nothing."""

    kind: str = ""
    severity: str = ""
    order: str = ORDERS[0]

    @property
    def index(self) -> str:
        narrowed = f":kind:{self.kind}" if self.kind else f":severity:{self.severity}" if self.severity else ""
        return (self.order if self.order in ORDERS else ORDERS[0]) + narrowed


class Where(msgspec.Struct):
    """Where to ask about an encounter, of its snapshot."""

    facility: str = ""
    location: str = ""


_decode_where = msgspec.json.Decoder(Where | None).decode


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """A page of open findings with where they are from, and how many there are by kind."""

    findings: Sequence[tuple[Line, Where]]
    total: int
    kinds: Mapping[str, int]


async def work_queue(shelf: Shelf, which: Which, *, skip: int = 0, limit: int = 50) -> WorkQueue:
    """A page of those open findings."""
    keys = [key for key, _ in await shelf.ranked(FINDING, which.index, limit, skip=skip)]
    found = await shelf.documents(FINDING, keys)
    findings: list[Line] = [shown.decode_json(found[key]) for key in keys if key in found]
    where = await _where(shelf, {finding["encounter_id"] for finding in findings})
    return WorkQueue(
        [(finding, where.get(finding["encounter_id"], Where())) for finding in findings],
        await shelf.size(FINDING, which.index),
        await _kinds(shelf),
    )


async def _where(shelf: Shelf, encounter_ids: Iterable[str]) -> dict[str, Where]:
    found = await shelf.documents(ENCOUNTER, sorted(encounter_ids))
    return {key: _decode_where(shown.decode_encounter(value).encounter) or Where() for key, value in found.items()}


async def _kinds(shelf: Shelf) -> dict[str, int]:
    """How many are open of each kind, those that hold first."""
    names = [key for key, _ in await shelf.ranked(FINDING, "kinds", 1000)]
    sizes = {name: await shelf.size(FINDING, f"oldest:kind:{name}") for name in names}
    return {name: size for name, size in sizes.items() if size}


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
