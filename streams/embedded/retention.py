"""What may be deleted from the broker file: records that every group has read and that are old, or too many.

Kept always: what a group that ever committed on the topic has still to read, everything of a topic on which nobody
ever committed, and a partition's last record, from which the next offset is counted.
"""

import time
from collections.abc import Iterator

from .records import Topic
from .store import Store

TOMBSTONE_MS = 24 * 60 * 60 * 1000  # a deletion stays so long, for a reader with a copy of its own
ROWS_MAX = 1000  # of one partition in one transaction: a few milliseconds
_FREE_PAGES_KEPT = 16 * 1024  # of 4 KiB: 64 MB stay free for what comes next
_VACUUM_PAGES = 1000


def trim_all(store: Store, default_ms: int | None, bytes_max: int) -> Iterator[bool]:
    """Trim every partition, yielding after each, so that others can work in between, whether it may have more to go.

    Args:
        default_ms: how long plain topics are kept that do not say so themselves; None for ever.
        bytes_max: above this many bytes, what was read goes at any age; 0 is no bound.
    """
    now_ms = time.time_ns() // 1_000_000
    for topic in store.topics():
        old = cutoff_ms(topic, default_ms, now_ms)
        for partition in range(topic.partitions):
            deleted = 0
            if is_too_large(store, bytes_max) and not topic.compacted:
                deleted = trim(store, topic, partition, None)
            elif old is not None:
                deleted = trim(store, topic, partition, old)
            trim_tombstones(store, topic, partition, now_ms)
            yield deleted == ROWS_MAX
    give_back(store)


def trim(store: Store, topic: Topic, partition: int, older_than_ms: int | None, rows_max: int = ROWS_MAX) -> int:
    """Delete the oldest records of a partition, as far as the rules above allow; return how many.

    A compacted topic's records are looked at by age alone: a table reads them, and no group commits there.

    Args:
        older_than_ms: only records from before this time, milliseconds since 1970; None takes any age.
        rows_max: the most to look at in one call, so that the loop is not held up for long.
    """
    if topic.compacted:
        floor = store.highwater(topic.name, partition)
    else:
        read = store.read_by_all(topic.name, partition)
        if read is None:
            return 0
        floor = read
    return store.delete_oldest(topic.name, partition, floor, older_than_ms, rows_max)


def trim_tombstones(store: Store, topic: Topic, partition: int, now_ms: int, rows_max: int = ROWS_MAX) -> None:
    """Delete old deletions of a compacted topic."""
    if topic.compacted:
        store.delete_tombstones(topic.name, partition, now_ms - TOMBSTONE_MS, rows_max)


def cutoff_ms(topic: Topic, default_ms: int | None, now_ms: int) -> int | None:
    """Return the time before which records of the topic are old, or None when they never are."""
    kept_ms = topic.retention_ms
    if kept_ms is None and not topic.compacted:
        kept_ms = default_ms
    return None if kept_ms is None else now_ms - kept_ms


def is_too_large(store: Store, bytes_max: int) -> bool:
    """Whether the records take more room than they may; 0 is no bound."""
    return bytes_max > 0 and store.bytes_used() > bytes_max


def give_back(store: Store) -> None:
    """Return room to the file system, a little at a time, when most of the file stands empty."""
    free, total = store.free_pages(), store.total_pages()
    if free > _FREE_PAGES_KEPT and free * 2 > total:
        store.vacuum(_VACUUM_PAGES)
