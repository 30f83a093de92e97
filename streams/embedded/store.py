"""The broker file: append, read, commit offsets. Knows nothing of Faust; any process may use it.

One table per partition; the offset is its row id, so appending is writing at the end of a B-tree. A partition's last
row is never deleted: the next offset is the highest one plus one, whoever asks, read inside the write transaction.
"""

import contextlib
import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import apsw
import msgspec

from . import schema, wake
from .errors import BadRecord, StoreFailed, TopicMismatch, UnknownTopic
from .partition_table import PartitionTable
from .partitioner import partition_for
from .records import Headers, Position, Record, StoredRecord, Topic

_encode_headers = msgspec.msgpack.Encoder().encode
_decode_headers = msgspec.msgpack.Decoder(Headers).decode

#: A topic's name and a partition: TopicPartition, Faust's TP or a plain pair.
Pair = TypeVar("Pair", bound=tuple[str, int])


class Store:
    """One connection to a broker file. Not for several threads at once.

    After a write failed every later write raises the same StoreFailed, so that nothing can be committed on top of a
    gap. What was read stays readable. To go on, mend the cause and open a new Store.

    Never open the same file with the standard library's sqlite3 in a process that has a Store: it is another copy of
    SQLite, and closing it drops the locks of ours.
    """

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self.path = path
        self.connection = connection
        self.failure: StoreFailed | None = None
        self._topics: dict[str, Topic] = {}
        self._tables: dict[tuple[str, int], PartitionTable] = {}
        self._wake_key = str(path)

    @classmethod
    def open(cls, path: Path | str, *, synchronous: str = "FULL", busy_seconds: float = 10.0) -> "Store":
        """Open the broker file, making it when it is missing.

        Args:
            synchronous: FULL (a return means it is on the disk) or NORMAL (a power cut may take the last commits).
            busy_seconds: how long a write waits for another process's before it fails.
        """
        if synchronous not in ("FULL", "NORMAL"):
            raise ValueError(f"synchronous must be FULL or NORMAL, not {synchronous}")
        real_path = Path(path).resolve()
        return cls(real_path, schema.open_connection(real_path, synchronous=synchronous, busy_seconds=busy_seconds))

    def close(self) -> None:
        """Close the connection; a second time does nothing."""
        self.connection.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # -- topics

    def create_topic(
        self, name: str, partitions: int, *, compacted: bool = False, retention_ms: int | None = None
    ) -> Topic:
        """Return the topic, creating it when it is missing; a retention given again replaces the former one.

        Raises:
            TopicMismatch: it exists with another partition count, or as the other of compacted and plain.
        """
        if partitions < 1:
            raise ValueError(f"topic {name}: a topic needs at least one partition, not {partitions}")
        if (known := self.topic(name)) is None or (retention_ms is not None and retention_ms != known.retention_ms):
            with self._transaction():
                known = self._put_topic(name, partitions, compacted, retention_ms)
        if (known.partitions, known.compacted) != (partitions, compacted):
            raise TopicMismatch(
                f"topic {name} exists with {known.partitions} partitions{' (compacted)' * known.compacted}, not "
                f"{partitions}{' (compacted)' * compacted}. Keys would land elsewhere: keep the count, or copy the "
                "topic into one of another name."
            )
        self._topics[name] = known
        return known

    def _put_topic(self, name: str, partitions: int, compacted: bool, retention_ms: int | None) -> Topic:
        """Create the topic and its tables, or set the retention of one that is there and alike."""
        self.connection.execute(
            "INSERT INTO topic (name, partitions, compacted, retention_ms) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET retention_ms = coalesce(excluded.retention_ms, retention_ms) "
            "WHERE partitions = excluded.partitions AND compacted = excluded.compacted",
            (name, partitions, int(compacted), retention_ms),
        )
        topic = self._load_topic(name)
        assert topic is not None
        for partition in range(topic.partitions):
            table = PartitionTable(topic, partition)
            if not self._exists(table.name):
                for statement in table.create(compacted=topic.compacted):
                    self.connection.execute(statement)
        return topic

    def _exists(self, table: str) -> bool:
        return bool(self._rows("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", table))

    def _load_topic(self, name: str) -> Topic | None:
        rows = self._rows("SELECT number, name, partitions, compacted, retention_ms FROM topic WHERE name = ?", name)
        return next((Topic(row[0], row[1], row[2], bool(row[3]), row[4]) for row in rows), None)

    def topic(self, name: str) -> Topic | None:
        """Return the topic, or None when nobody has created it yet."""
        known = self._topics.get(name)
        if known is None and (known := self._load_topic(name)) is not None:
            self._topics[name] = known
        return known

    def topics(self) -> list[Topic]:
        """Return every topic, by name."""
        names = [row[0] for row in self._rows("SELECT name FROM topic ORDER BY name")]
        return [topic for name in names if (topic := self.topic(name)) is not None]

    def partition_for(self, topic: str, key: bytes | None) -> int:
        """Return the partition Kafka's default partitioner would choose for the key."""
        return partition_for(key, range(self._require(topic).partitions))

    def _require(self, name: str) -> Topic:
        topic = self.topic(name)
        if topic is None:
            raise UnknownTopic(f"topic {name} does not exist in {self.path}; create it before using it")
        return topic

    def _table(self, topic: str, partition: int) -> PartitionTable:
        table = self._tables.get((topic, partition))
        if table is None:
            known = self._require(topic)
            if not 0 <= partition < known.partitions:
                raise BadRecord(f"topic {topic} has partitions 0 to {known.partitions - 1}, not {partition}")
            table = self._tables[topic, partition] = PartitionTable(known, partition)
        return table

    # -- writing

    def append(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]] = ()
    ) -> Position:
        """Append one record; with synchronous FULL it is on the disk when this returns."""
        return self.append_many([Record(topic, key, value, tuple(headers))])[0]

    def append_many(self, records: Sequence[Record]) -> list[Position]:
        """Append all records or none, in one transaction; return where each was put, in the same order."""
        return self.append_and_commit(records, "", {})

    def append_and_commit(self, records: Sequence[Record], group: str, offsets: Mapping[Pair, int]) -> list[Position]:
        """Append all records and move the group's committed offsets, in one transaction.

        Args:
            offsets: the next offset the group has to read, per partition. A committed offset never moves back.
        """
        tables = [self._table_of(record) for record in records]
        with self._transaction():
            positions = self._insert(records, tables)
            self._advance(group, offsets)
        if records:
            wake.notify(self._wake_key)
        return positions

    def commit(self, group: str, offsets: Mapping[Pair, int]) -> None:
        """Move the group's committed offsets (the next to read) forward; none ever moves back."""
        with self._transaction():
            self._advance(group, offsets)

    def check(self, record: Record) -> None:
        """Raise UnknownTopic or BadRecord when the record could not be appended."""
        self._table_of(record)

    def _table_of(self, record: Record) -> PartitionTable:
        topic = self._require(record.topic)
        _check_types(record)
        if topic.compacted and record.key is None:
            raise BadRecord(f"topic {record.topic} is compacted, so its records need a key")
        if record.partition is not None:
            return self._table(record.topic, record.partition)
        return self._table(record.topic, partition_for(record.key, range(topic.partitions)))

    def _insert(self, records: Sequence[Record], tables: Sequence[PartitionTable]) -> list[Position]:
        now_ms = time.time_ns() // 1_000_000
        rows: dict[PartitionTable, list[tuple[object, ...]]] = {}
        first: dict[PartitionTable, int] = {}
        positions = []
        for record, table in zip(records, tables, strict=True):
            pending = rows.get(table)
            if pending is None:
                pending = rows[table] = []
                first[table] = self._number(table.next)
            offset = first[table] + len(pending)
            headers = _encode_headers(record.headers) if record.headers else None
            at_ms = now_ms if record.timestamp_ms is None else record.timestamp_ms
            pending.append((offset, at_ms, record.key, record.value, headers))
            positions.append(Position(table.tp.partition, offset))
        for table, pending in rows.items():
            self.connection.executemany(table.insert, pending)
        return positions

    def _advance(self, group: str, offsets: Mapping[Pair, int]) -> None:
        rows = [(group, topic, partition, offset) for (topic, partition), offset in offsets.items()]
        if rows:
            self.connection.executemany(
                "INSERT INTO committed VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE "
                "SET next_offset = excluded.next_offset WHERE excluded.next_offset > next_offset",
                rows,
            )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit what the block writes, or nothing of it; remember an SQLite failure for good."""
        if self.failure is not None:
            raise self.failure
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            finally:
                self._roll_back_open()
        except apsw.Error as error:
            self.failure = StoreFailed(
                f"{self.path} cannot be written ({type(error).__name__}: {error}). Nothing is committed from here on. "
                "See that the disk has room and works and that no other process holds the file, then start again."
            )
            raise self.failure from error

    def _roll_back_open(self) -> None:
        """Roll back what is still open; a failing disk may have made SQLite do so already, or refuse."""
        if self.connection.in_transaction:
            with contextlib.suppress(apsw.Error):
                self.connection.execute("ROLLBACK")

    # -- reading

    def read(self, topic: str, partition: int, from_offset: int, limit: int = 500) -> list[StoredRecord]:
        """Return at most `limit` records from that offset on, in order; offsets may have gaps."""
        table = self._table(topic, partition)
        return [
            StoredRecord(topic, partition, offset, at_ms, key, value, _decode_headers(headers) if headers else ())
            for offset, at_ms, key, value, headers in self._rows(table.read, from_offset, limit)
        ]

    def highwater(self, topic: str, partition: int) -> int:
        """Return the offset the next record will get: the last one there plus one, 0 for an empty partition."""
        return self._number(self._table(topic, partition).next)

    def earliest(self, topic: str, partition: int) -> int:
        """Return the lowest offset still there; the highwater when the partition is empty."""
        table = self._table(topic, partition)
        lowest: int | None = self._rows(table.earliest)[0][0]
        return self._number(table.next) if lowest is None else lowest

    def committed(self, group: str, tp: tuple[str, int]) -> int | None:
        """Return the next offset the group has to read, or None when it never committed there."""
        rows = self._rows(
            "SELECT next_offset FROM committed WHERE consumer_group = ? AND topic = ? AND partition = ?", group, *tp
        )
        return rows[0][0] if rows else None

    def lag(self, group: str, topic: str) -> dict[int, int]:
        """Return, per partition, how many offsets the group is behind; what it never read counts from the earliest."""
        behind = {}
        for partition in range(self._require(topic).partitions):
            done = self.committed(group, (topic, partition))
            start = self.earliest(topic, partition) if done is None else done
            behind[partition] = self.highwater(topic, partition) - start
        return behind

    def read_by_all(self, topic: str, partition: int) -> int | None:
        """Return the offset below which every group has read that ever committed on the topic.

        None when there is no such group, or one of them has not committed on this partition yet.
        """
        everywhere = "SELECT count(DISTINCT consumer_group) FROM committed WHERE topic = ?"
        here = "SELECT count(*), min(next_offset) FROM committed WHERE topic = ? AND partition = ?"
        count, lowest = self._rows(here, topic, partition)[0]
        return lowest if count == self._rows(everywhere, topic)[0][0] else None

    def data_version(self) -> int:
        """Return a number that differs after another connection has committed something."""
        return self._number("PRAGMA data_version")

    # -- housekeeping

    def delete_oldest(self, topic: str, partition: int, floor: int, older_than_ms: int | None, rows_max: int) -> int:
        """Delete records from the start of a partition, below `floor`, never the last one; return how many.

        It stops at the first record that is not older than `older_than_ms` (None: any age) and after `rows_max`.
        """
        table = self._table(topic, partition)
        floor = min(floor, self._number(table.next) - 1)

        def is_old(row: tuple[int, int]) -> bool:
            return older_than_ms is None or row[1] < older_than_ms

        old = [row[0] for row in itertools.takewhile(is_old, self._rows(table.oldest, floor, rows_max))]
        if old:
            with self._transaction():
                self.connection.execute(table.delete_below, (old[-1] + 1,))
        return len(old)

    def delete_tombstones(self, topic: str, partition: int, older_than_ms: int, rows_max: int) -> None:
        """Delete the deletions of a compacted partition that are older, never its last record."""
        with self._transaction():
            self.connection.execute(self._table(topic, partition).delete_tombstones, (older_than_ms, rows_max))

    def forget_group(self, group: str) -> None:
        """Drop the committed offsets of a group that reads no longer, so that it keeps no record from deletion."""
        with self._transaction():
            self.connection.execute("DELETE FROM committed WHERE consumer_group = ?", (group,))

    def bytes_used(self) -> int:
        """Return the bytes of the file that hold something."""
        return (self.total_pages() - self.free_pages()) * self._number("PRAGMA page_size")

    def total_pages(self) -> int:
        """Return the file's size in pages."""
        return self._number("PRAGMA page_count")

    def free_pages(self) -> int:
        """Return how many pages of the file stand empty."""
        return self._number("PRAGMA freelist_count")

    def vacuum(self, pages: int) -> None:
        """Give so many empty pages back to the file system."""
        with self._transaction():
            self._rows(f"PRAGMA incremental_vacuum({int(pages)})")

    def _rows(self, sql: str, *values: int | str) -> list[Any]:
        # All rows at once: a statement left half read would hold its snapshot, and the next write would fail on it.
        return self.connection.execute(sql, values).fetchall()

    def _number(self, sql: str) -> int:
        number: int = self._rows(sql)[0][0]
        return number


def _check_types(record: Record) -> None:
    """Raise BadRecord for what could be written but never read back as it was: text where bytes belong."""
    if not isinstance(record.key, bytes | None) or not isinstance(record.value, bytes | None):
        raise BadRecord(f"topic {record.topic}: key and value are bytes or None, encode them first")
    for name, value in record.headers:
        if not isinstance(name, str) or not isinstance(value, bytes):
            raise BadRecord(f"topic {record.topic}: a header is a pair of text and bytes")
