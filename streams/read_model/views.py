"""What each page shows, asked of the shelf. Nothing here writes, and nothing reads a topic."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from streams import records
from streams.claims import Line
from streams.read_model import shown
from streams.read_model.notices import Notice, read_notices
from streams.read_model.shelf import EVERYTHING, Shelf
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
    usual_gap: float  # seconds between messages over the last hours; 0 when it cannot be told
    silence: float  # seconds since the last one

    @property
    def is_silent(self) -> bool:
        """Silent for more than three times its usual gap, and for more than a minute."""
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
    first = int(now) // MINUTE - minutes + 1
    outcomes = await shelf.counts("outcome", first)
    closed: dict[str, float] = {}
    for (cause, _), number in (await shelf.counts("closed", first)).items():
        closed[cause] = closed.get(cause, 0) + number
    return Throughput(
        at=now,
        balance=await balance(shelf, topics),
        received=_series(await shelf.counts("received", first), first, minutes),
        applied=_series({at: n for at, n in outcomes.items() if at[0] == "applied"}, first, minutes),
        lines=_series(await shelf.counts("lines", first), first, minutes),
        closed=closed,
        sources=await _sources(shelf, now),
        processes=read_notices(await shelf.notices()),
        dead_letters=await dead_letters(shelf, 20),
        findings={level: await shelf.size(FINDING, f"severity:{level}") for level in ("hold", "review", "notice")},
        encounters_waiting=await shelf.size(ENCOUNTER, "waiting"),
    )


def _series(counts: Mapping[tuple[str, int], float], first: int, minutes: int) -> list[tuple[int, float]]:
    by_minute = dict.fromkeys(range(first, first + minutes), 0.0)
    for (_, minute), number in counts.items():
        by_minute[minute] = by_minute.get(minute, 0.0) + number
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
    hours = 6
    counts: dict[str, tuple[float, int]] = {}
    for (name, minute), number in (await shelf.counts("received", int(now) // MINUTE - hours * 60)).items():
        so_far, since = counts.get(name, (0.0, minute))
        counts[name] = so_far + number, min(since, minute)
    rows = []
    for name, value in (await shelf.documents(SOURCE, names)).items():
        source = shown.decode_source(value)
        number, since = counts.get(name, (0.0, 0))
        gap = (source.last_at - since * MINUTE) / number if number > 1 else 0.0
        rows.append(SourceRow(name, source.last_at, source.messages, source.types, gap, max(0.0, now - source.last_at)))
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


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """A page of open findings, the oldest first, and how many there are by kind."""

    findings: Sequence[Line]
    total: int
    kinds: Mapping[str, int]


async def work_queue(shelf: Shelf, *, kind: str = "", severity: str = "", skip: int = 0, limit: int = 50) -> WorkQueue:
    """Open findings of one kind, or of one severity, or all."""
    index = f"open:{kind}" if kind else f"severity:{severity}" if severity else "open"
    total = await shelf.size(FINDING, index)
    # Ranked from the newest down; a person begins with the oldest.
    low = max(0, total - skip - limit)
    keys = [key for key, _ in await shelf.ranked(FINDING, index, total - skip - low, skip=low)]
    found = await shelf.documents(FINDING, keys)
    kinds = {name: await shelf.size(FINDING, f"open:{name}") for name in await _kinds(shelf)}
    findings = [shown.decode_json(found[key]) for key in reversed(keys) if key in found]
    return WorkQueue(findings, total, {name: number for name, number in kinds.items() if number})


async def _kinds(shelf: Shelf) -> list[str]:
    return sorted(key for key, _ in await shelf.ranked(FINDING, "kinds", 1000))


# -- encounter and claim lines -----------------------------------------------------------------------------------


async def encounter_shown(shelf: Shelf, encounter_id: str) -> EncounterShown | None:
    """One encounter with its claim sets and findings; None when the read model does not know it."""
    found = await shelf.documents(ENCOUNTER, [encounter_id])
    return shown.decode_encounter(found[encounter_id]) if encounter_id in found else None


async def claim_lines(
    shelf: Shelf, *, code: str = "", days: tuple[date, date] | None = None, skip: int = 0, limit: int = 100
) -> tuple[list[Line], int]:
    """Lines that stand, of one code or all, newest service date first (by coding time without code and days)."""
    index = f"code:{code}" if code else "day" if days else "recent"
    window = (float(days[0].toordinal()), float(days[1].toordinal())) if days else EVERYTHING
    ranked = await shelf.ranked(LINE, index, limit, skip=skip, window=window)
    total = await shelf.size(LINE, index) if days is None else await _size_within(shelf, index, window)
    found = await shelf.documents(LINE, [key for key, _ in ranked])
    return [shown.decode_json(found[key]) for key, _ in ranked if key in found], total


async def _size_within(shelf: Shelf, index: str, window: tuple[float, float]) -> int:
    return len(await shelf.ranked(LINE, index, 1_000_000, window=window))


def difference(before: Iterable[Line], after: Iterable[Line]) -> dict[str, list[dict[str, Any]]]:
    """What a version of a claim set changed: lines added, lines gone. Lines are equal when their ids are."""
    old, new = ({line["claim_line_id"]: line for line in lines} for lines in (before, after))
    return {
        "added": [line for key, line in new.items() if key not in old],
        "gone": [line for key, line in old.items() if key not in new],
    }
