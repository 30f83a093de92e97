"""The front page: what came, what became of it, where it waits and how long, asked of the shelf."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from streams import records
from streams.read_model import shown
from streams.read_model.histograms import Buckets, added, quantile
from streams.read_model.notices import Notice, read_notices
from streams.read_model.shelf import Shelf
from streams.read_model.shown import DEAD_LETTER, ENCOUNTER, FINDING, SOURCE, TALLY
from streams.read_model.views import SEVERITIES, KindRow, kinds_waiting
from streams.topics import Topics

MINUTE = 60
_SOURCES_MOST = 1000
_DEAD_MOST = 20

# What a message goes through, by the metrics' names; a histogram each. The listener measures the answer to the sender.
STAGES = (
    "given_to_charted",
    "charted_to_received",
    "received_to_acknowledged",
    "received_to_applied",
    "last_message_to_closed",
    "closed_to_emitted",
)


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
    place: str  # as `dripcode dead-letters show` takes it: partition@offset
    at: float


@dataclass(frozen=True, slots=True)
class PartitionRow:
    """A partition of the inbound topic: the worker that owns it ("" for none), how many are done, how many wait."""

    number: int
    worker: str
    done: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Throughput:
    """The front page. Series are (minute since 1970, how many), oldest first, no minute left out."""

    at: float
    balance: Balance
    received: Sequence[tuple[int, float]]
    applied: Sequence[tuple[int, float]]
    lines: Sequence[tuple[int, float]]  # added, in every version
    closed: Mapping[str, float]  # by cause, over the same minutes
    dead_lately: Mapping[str, float]  # by reason, over the same minutes
    sources: Sequence[SourceRow]
    partitions: Sequence[PartitionRow]
    processes: Sequence[Notice]
    dead_letters: Sequence[DeadLetterRow]
    findings: Mapping[str, int]  # open, by severity
    encounters_waiting: int
    kinds: Sequence[KindRow]  # of findings that ask for something

    @property
    def lag(self) -> dict[str, float]:
        """Messages waiting by topic, over all workers."""
        return lag_of(self.processes)

    @property
    def behind(self) -> int:
        """Records that the projector has still to read; what the page shows is so much older than the topics."""
        return round(sum(value for _, value in samples(self.processes, "dripcode_projection_behind_records")))

    @property
    def ack_seconds(self) -> tuple[float, float]:
        """Median and 99th percentile of what a sender waited for its answer, since the listeners began; seconds."""
        buckets = stages_of(self.processes).get("received_to_acknowledged", {})
        return quantile(buckets, 0.5), quantile(buckets, 0.99)

    def of_role(self, role: str) -> list[Notice]:
        """What the processes of a role say."""
        return [notice for notice in self.processes if notice.role == role]


def samples(processes: Iterable[Notice], name: str) -> Iterator[tuple[Mapping[str, str], float]]:
    """A metric's samples over all processes."""
    for notice in processes:
        yield from ((labels, value) for metric, labels, value in notice.samples if metric == name)


def lag_of(processes: Iterable[Notice]) -> dict[str, float]:
    """Messages waiting by topic, over all workers."""
    found: dict[str, float] = {}
    for labels, value in samples(processes, "dripcode_lag_messages"):
        found[labels["topic"]] = found.get(labels["topic"], 0) + value
    return found


def stages_of(processes: Sequence[Notice]) -> dict[str, Buckets]:
    """How long each stage took since its processes began: a histogram of seconds, over all of them."""
    by_stage: dict[str, list[tuple[float, float]]] = {}
    for labels, value in samples(processes, "dripcode_stage_seconds_bucket"):
        by_stage.setdefault(labels["stage"], []).append((float(labels["le"]), value))
    for labels, value in samples(processes, "dripcode_mllp_ack_seconds_bucket"):
        by_stage.setdefault("received_to_acknowledged", []).append((float(labels["le"]), value))
    return {stage: added(by_stage[stage]) for stage in STAGES if stage in by_stage}


async def throughput(shelf: Shelf, topics: Topics, minutes: int = 60) -> Throughput:
    """The front page over the last `minutes`."""
    now = time.time()
    shown_minutes = range(int(now) // MINUTE - minutes + 1, int(now) // MINUTE + 1)
    outcomes, lines = await shelf.counts("outcome", shown_minutes), await shelf.counts("lines", shown_minutes)
    processes = read_notices(await shelf.notices())
    done, read = await _partitions(shelf, topics)
    return Throughput(
        at=now,
        balance=_balance(done, read),
        received=_series(await shelf.counts("received", shown_minutes), shown_minutes),
        applied=_series({at: n for at, n in outcomes.items() if at[0] == "applied"}, shown_minutes),
        lines=_series({at: n for at, n in lines.items() if at[0].startswith("add|")}, shown_minutes),
        closed=_by_label(await shelf.counts("closed", shown_minutes)),
        dead_lately=_by_label(await shelf.counts("dead", shown_minutes)),
        sources=await _sources(shelf, now),
        partitions=_rows(done, read, _owners(processes, topics.inbound)),
        processes=processes,
        dead_letters=await dead_letters(shelf, _DEAD_MOST),
        findings={level: await shelf.size(FINDING, f"oldest:severity:{level}") for level in SEVERITIES},
        encounters_waiting=await shelf.size(ENCOUNTER, "waiting"),
        kinds=await kinds_waiting(shelf),
    )


def _series(counts: Mapping[tuple[str, int], float], minutes: range) -> list[tuple[int, float]]:
    by_minute = dict.fromkeys(minutes, 0.0)
    for (_, minute), number in counts.items():
        by_minute[minute] += number
    return sorted(by_minute.items())


def _by_label(counts: Mapping[tuple[str, int], float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for (label, _), number in sorted(counts.items()):
        found[label] = found.get(label, 0) + number
    return found


async def balance(shelf: Shelf, topics: Topics) -> Balance:
    """The equation, over all partitions."""
    return _balance(*await _partitions(shelf, topics))


async def _partitions(shelf: Shelf, topics: Topics) -> tuple[dict[int, records.Tally], dict[int, int]]:
    """Of the inbound topic by partition: what became of its messages, and up to where it has been read."""
    read = {part: at for (topic, part), at in (await shelf.positions()).items() if topic == topics.inbound}
    keys = [key for key, _ in await shelf.ranked(TALLY, "partition", 10_000)]
    done = {int(key): records.decode_tally(value) for key, value in (await shelf.documents(TALLY, keys)).items()}
    for part, tally in done.items():
        # The worker may be ahead of the projector: what it has done was received.
        read[part] = max(read.get(part, 0), tally.next_offset)
    return done, read


def _balance(done: Mapping[int, records.Tally], read: Mapping[int, int]) -> Balance:
    total = records.Tally()
    for tally in done.values():
        total.add(tally)
    waiting = sum(read.values()) - sum(tally.next_offset for tally in done.values())
    return Balance(sum(read.values()), total.applied, total.duplicate, total.dead, total.ignored, waiting)


def _owners(processes: Iterable[Notice], topic: str) -> dict[int, str]:
    """Which worker owns each partition of a topic."""
    return {
        int(labels["partition"]): notice.process
        for notice in processes
        for labels, _ in samples([notice], "dripcode_partition_lag_messages")
        if labels["topic"] == topic
    }


def _rows(done: Mapping[int, records.Tally], read: Mapping[int, int], owners: Mapping[int, str]) -> list[PartitionRow]:
    rows = []
    for part in sorted({*read, *owners}):
        passed = done[part].next_offset if part in done else 0
        rows.append(PartitionRow(part, owners.get(part, ""), passed, read.get(part, 0) - passed))
    return rows


async def _sources(shelf: Shelf, now: float) -> list[SourceRow]:
    names = [name for name, _ in await shelf.ranked(SOURCE, "last", _SOURCES_MOST)]
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
    return [DeadLetterRow(one.reason, one.where, f"{one.partition}@{one.offset}", one.at) for one in letters]
