"""The two tables, as Faust sees them: recovered from their changelog, written only in whole batches.

Faust's own tables write one record per change and find the partition through the current event; in a batch there
is none. These hold nothing themselves: what the changelog brings goes to the partition's owner in memory, and what
a batch writes is sent by the batch (streams/writing.py) together with everything else that it causes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import faust
from faust.types import TP, EventT

from streams.log import Explained

log = logging.getLogger("dripcode.tables")


class Keeper(Protocol):
    """Who holds the records of a table by partition."""

    def restore(self, partition: int, key: bytes, value: bytes | None) -> None: ...

    def drop(self, partition: int) -> None: ...


class Shelved(Protocol):
    """Keeps a table's records on the disk besides, so that recovery begins where it ended."""

    def load(self, number: int) -> int | None: ...

    def start_anew(self, number: int) -> None: ...

    def restored(self, number: int, changes: Iterable[tuple[bytes, bytes | None]], offset: int) -> None: ...


class BatchTable(faust.Table[bytes, bytes]):
    """A table whose records live with a Keeper and are written in batches."""

    def __init__(
        self,
        *args: Any,
        keeper: Keeper,
        on_ready: Callable[[int], None] = lambda partition: None,
        shelved: Shelved | None = None,
        **options: Any,
    ) -> None:
        self.keeper = keeper
        self.shelved = shelved
        self.on_ready = on_ready
        super().__init__(*args, **options)

    def info(self) -> dict[str, Any]:
        return {**super().info(), "keeper": self.keeper, "on_ready": self.on_ready, "shelved": self.shelved}

    def apply_changelog_batch(self, batch: Iterable[EventT[Any]]) -> None:
        """What Faust's own recovery calls."""
        self.restore(event.message for event in batch)

    def restore(self, changes: Iterable[Any]) -> None:
        """Take recovered records in. A record that cannot be read ends the worker, naming its place.

        Faust would log it and wait for ever for a recovery that cannot end.
        """
        restore = self.keeper.restore
        taken: dict[int, list[Any]] = {}
        for change in changes:
            taken.setdefault(change.partition, []).append(change)
            try:
                restore(change.partition, change.key or b"", change.value)
            except Exception as wrong:
                where = f"{change.topic}[{change.partition}]@{change.offset}"
                self.app.loop.create_task(self.app.crash(UnreadableChangelog(f"{where}: {type(wrong).__name__}")))
                raise
        if self.shelved is not None:
            for number, of_partition in taken.items():
                read = ((change.key or b"", change.value) for change in of_partition)
                self.shelved.restored(number, read, of_partition[-1].offset)

    def persisted_offset(self, tp: TP) -> int | None:
        """How far the disk has the changelog; what it has is taken up."""
        return None if self.shelved is None else self.shelved.load(tp.partition)

    def start_anew(self, tp: TP) -> None:
        """The changelog ends before what the disk has: it is another one."""
        if self.shelved is not None:
            log.warning("%s[%d] is not what the local state was made from; it is read anew", tp.topic, tp.partition)
            self.shelved.start_anew(tp.partition)

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Forget partitions that are no longer ours; their new owner may write from here on."""
        for tp in revoked:
            if tp.topic == self.changelog_topic_name and tp not in assigned:
                self.keeper.drop(tp.partition)
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        for tp in active_tps:
            if tp.topic == self.changelog_topic_name:
                self.on_ready(tp.partition)
        await super().on_recovery_completed(active_tps, standby_tps)

    def on_key_set(self, key: bytes, value: bytes) -> None:
        raise TypeError("records of this table are written by the batch that causes them")


class UnreadableChangelog(Explained):
    """A record of a changelog cannot be read: written by a later version, or damaged. Restore it or upgrade."""
