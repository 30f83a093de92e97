"""The table of one partition: its statements, written once.

Its name is made of two integers of ours, so there is nothing to quote.
"""

from .records import Topic, TopicPartition

_COLUMNS = "offset, timestamp_ms, key, value, headers"


class PartitionTable:
    """Statements for one partition. Offset is the row id, so a new record goes to the end of the B-tree."""

    __slots__ = ("delete_below", "delete_tombstones", "earliest", "insert", "name", "next", "oldest", "read", "tp")

    def __init__(self, topic: Topic, partition: int) -> None:
        self.tp = TopicPartition(topic.name, partition)
        self.name = name = f"log_{topic.number}_{partition}"
        verb = "INSERT OR REPLACE" if topic.compacted else "INSERT"
        self.insert = f"{verb} INTO {name} ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)"
        self.next = f"SELECT coalesce(max(offset), -1) + 1 FROM {name}"  # noqa: S608
        self.earliest = f"SELECT min(offset) FROM {name}"  # noqa: S608
        self.read = f"SELECT {_COLUMNS} FROM {name} WHERE offset >= ? ORDER BY offset LIMIT ?"  # noqa: S608
        self.oldest = f"SELECT offset, timestamp_ms FROM {name} WHERE offset < ? ORDER BY offset LIMIT ?"  # noqa: S608
        self.delete_below = f"DELETE FROM {name} WHERE offset < ?"  # noqa: S608
        self.delete_tombstones = (
            f"DELETE FROM {name} WHERE offset IN (SELECT offset FROM {name} "  # noqa: S608
            f"WHERE value IS NULL AND timestamp_ms < ? AND offset < (SELECT max(offset) FROM {name}) LIMIT ?)"
        )

    def create(self, *, compacted: bool) -> list[str]:
        """Return the statements that make the table; a compacted one holds each key once."""
        key = "BLOB NOT NULL UNIQUE" if compacted else "BLOB"
        table = (
            f"CREATE TABLE {self.name} (offset INTEGER PRIMARY KEY, timestamp_ms INTEGER NOT NULL, "
            f"key {key}, value BLOB, headers BLOB)"
        )
        tombstones = f"CREATE INDEX {self.name}_tombstone ON {self.name} (timestamp_ms) WHERE value IS NULL"
        return [table, tombstones] if compacted else [table]
