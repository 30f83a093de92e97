"""Notices messages that were never delivered: an offset that is further than the next one to come.

Faust may resume a partition before it has emptied its queues, after a rebalance; what arrives in between is thrown
away, and its later acknowledgements commit past it. So each partition's progress is kept with its records, and a
worker that sees a gap notes it and ends before anything behind the gap is acknowledged: the next one reads from the
last commit. A gap that is still there then is one of the topic itself (a transaction's marker, say) and is passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from streams.log import Explained


class Progress(msgspec.Struct, omit_defaults=True):
    """How far a partition has come: the next offset to do, and the gap that was noted before the last restart."""

    next_offset: int = 0
    gap: tuple[int, int] | None = None


class MessagesSkipped(Explained):
    """Messages of a partition were not delivered; the worker must be started again to read them."""

    def __init__(self, topic: str, partition: int, gap: tuple[int, int]) -> None:
        super().__init__(
            f"{topic}[{partition}]: offset {gap[1]} was delivered where {gap[0]} was due; the worker ends, so that "
            "the messages between are read again"
        )
        self.gap = gap


def skipped(offsets: Iterable[tuple[int, int]], progress: Mapping[int, Progress]) -> dict[int, tuple[int, int]]:
    """The first unexpected gap of each partition in a batch of (partition, offset), in order of delivery.

    A partition that has done nothing yet may begin anywhere: its topic may be older than its worker.
    """
    due: dict[int, int] = {}
    gaps: dict[int, tuple[int, int]] = {}
    for partition, offset in offsets:
        known = progress.get(partition)
        expected = due.get(partition, known.next_offset if known else 0)
        gap = (expected, offset)
        if expected and offset > expected and not (known and known.gap == gap):
            gaps.setdefault(partition, gap)
        due[partition] = max(expected, offset + 1)
    return gaps
