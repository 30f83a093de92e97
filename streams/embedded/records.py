"""What is put into the broker file and what comes out of it."""

from typing import NamedTuple

import msgspec

Headers = tuple[tuple[str, bytes], ...]


class TopicPartition(NamedTuple):
    """One partition of a topic; equal to Faust's TP, which is the same pair."""

    topic: str
    partition: int


class Position(NamedTuple):
    """Where a record was put."""

    partition: int
    offset: int


class Record(msgspec.Struct, frozen=True):
    """A record to append.

    partition: None lets the key decide, as Kafka's default partitioner would.
    timestamp_ms: None means now, in milliseconds since 1970.
    headers: (name, value) pairs in any sequence; kept in order.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers | list[tuple[str, bytes]] = ()
    partition: int | None = None
    timestamp_ms: int | None = None


class StoredRecord(msgspec.Struct, frozen=True):
    """A record as it was read back."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Topic(msgspec.Struct, frozen=True):
    """A topic of the file.

    compacted: keyed; a later record replaces the earlier one of the same key, under a higher offset.
    retention_ms: how long records are kept once every group has read them; None for ever.
    """

    number: int
    name: str
    partitions: int
    compacted: bool
    retention_ms: int | None
