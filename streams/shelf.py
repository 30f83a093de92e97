"""A worker's local state on disk, in RocksDB: what the changelog says, so that a restart reads only what it missed.

It is written after the broker has confirmed the same records, in one atomic batch with the offset that it has come to.
So it may be behind the changelog, by what was confirmed just before a crash, and recovery reads on from there; it is
never ahead, where a fact would look like a duplicate that the changelog does not have. What a power failure takes of
its end is only read again.

State that was written by another layout, or for another broker or application, is deleted and made anew.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBatch

from streams.log import Explained

# Raised when what is kept here, or how, changes.
LAYOUT = "1"
_IDENTITY = b"\x00identity"
_OFFSET = b"\x00"
_CACHE_BYTES = 64 * 1024 * 1024
_WRITE_BUFFER_BYTES = 32 * 1024 * 1024
_BLOOM_BITS = 10


class ShelfInUse(Explained):
    """Another process works with this folder; each worker needs a `data_dir` of its own."""


class ShelfFailed(Explained):
    """The disk under the local state cannot be read or written. The broker has everything: mend the disk, or delete the
    folder, and start again."""


class Shelf:
    """The records of one worker's partitions. A key belongs to a room: one table's partition."""

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        self._identity = f"{LAYOUT} {identity}".encode()
        self._rocks: Any = None

    def open(self) -> None:
        """Open the folder, once; made when it is not there, emptied when it is not of this identity.

        Raises:
            ShelfInUse: another process has it open.
        """
        if self._rocks is not None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        rocks = _open(self.path)
        if rocks.get(_IDENTITY) not in (None, self._identity):
            rocks.close()
            shutil.rmtree(self.path)
            rocks = _open(self.path)
        rocks[_IDENTITY] = self._identity
        self._rocks = rocks

    def close(self) -> None:
        """Close the folder; a process that ends without is as good."""
        self._rocks.close()
        self._rocks = None

    def has(self, room: bytes, key: bytes) -> bool:
        with _told(self.path):
            found: bool = room + key in self._rocks
        return found

    def get(self, room: bytes, key: bytes) -> bytes | None:
        with _told(self.path):
            found: bytes | None = self._rocks.get(room + key)
        return found

    def under(self, room: bytes, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys that begin so, without the prefix, and their values, in order of keys. To be read to its end."""
        begin = room + prefix
        rows = self._rocks.iter()
        rows.seek(begin)
        while rows.valid():
            key: bytes = rows.key()
            if not key.startswith(begin):
                return
            yield key[len(begin) :], rows.value()
            rows.next()
        with _told(self.path):
            rows.status()  # invalid may mean the end, or that the rest cannot be read

    def offset(self, room: bytes) -> int | None:
        """Everything of the room's changelog up to this offset is here; None when nothing is."""
        with _told(self.path):
            found: bytes | None = self._rocks.get(_OFFSET + room)
        return None if found is None else int(found)

    def keep(self, room: bytes, changes: Iterable[tuple[bytes, bytes | None]], offset: int | None) -> None:
        """Write changes, None for a deletion, and how far the room has come, all or nothing."""
        batch = WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(room + key)
            else:
                batch.put(room + key, value)
        if offset is not None:
            batch.put(_OFFSET + room, b"%d" % offset)
        with _told(self.path):
            self._rocks.write(batch)

    def empty(self, room: bytes) -> None:
        """Forget a room: its changelog is not the one that it was made from."""
        self.keep(room, [*((key, None) for key, _ in self.under(room, b""))], None)
        del self._rocks[_OFFSET + room]


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """RocksDB's errors (it raises plain Exceptions) as one that says what to do."""
    try:
        yield
    except Exception as wrong:
        raise ShelfFailed(
            f"{path} cannot be used ({wrong}). The broker has everything that is in it: see that the disk has room and "
            "works, or delete the folder, then start again"
        ) from wrong


def _open(path: Path) -> Rdict:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    blocks = BlockBasedOptions()
    blocks.set_bloom_filter(_BLOOM_BITS, False)
    blocks.set_block_cache(Cache(_CACHE_BYTES))
    options.set_block_based_table_factory(blocks)
    try:
        return Rdict(str(path), options)
    except Exception as wrong:
        if "lock" in str(wrong).lower():
            raise ShelfInUse(f"{path} is in use by another worker; give each its own data_dir") from None
        raise


def room_of(table: str, partition: int) -> bytes:
    """The room of a table's partition; no room's name begins with another's."""
    return b"%s/%05d/" % (table.encode(), partition)
