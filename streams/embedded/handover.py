"""Whole reads handed over without a pause: messages to an agent's inbox, records of a changelog to their table."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, cast

from faust.types import TP, AppT

from streams.faust_private import TableManager
from streams.intake import Delivered, Inbox

from .deliveries import Deliveries
from .records import StoredRecord

#: So many messages may wait for an agent before its partitions are left alone.
_INBOX_SIZE = 2000


class Handover:
    """Knows which partitions need neither Faust's queues nor its events."""

    def __init__(self, app: AppT, deliveries: Deliveries, on_room: Callable[[], None]) -> None:
        self._app = app
        self._deliveries = deliveries
        self._on_room = on_room
        self._inboxes: dict[str, Inbox] = {}

    def inbox(self, topics: Collection[str]) -> Inbox:
        """Deliver messages of these topics to one inbox from now on."""
        inbox = Inbox(_INBOX_SIZE, self._on_room)
        self._app.flow_control.manage_queue(cast(Any, inbox))
        self._inboxes.update(dict.fromkeys(topics, inbox))
        return inbox

    def takes(self, tp: TP) -> bool:
        """Whether records of the partition are handed over whole."""
        tables = self._tables
        return tp.topic in self._inboxes or (tables is not None and tp.topic in tables.changelog_topics)

    def is_full(self, tp: TP) -> bool:
        """Whether the partition's agent has enough for now."""
        inbox = self._inboxes.get(tp.topic)
        return inbox is not None and inbox.is_full

    def deliver(self, tp: TP, records: Sequence[StoredRecord]) -> None:
        """Hand records of one partition over, at least one."""
        inbox = self._inboxes.get(tp.topic)
        if inbox is not None:
            self._deliveries.add_many(tp, [record.offset for record in records])
            inbox.put(self._delivered(tp, records))
        elif (tables := self._tables) is not None:
            tables.table_of(tp).restore(records)
            tables.recovery.restored(tp, records[-1].offset)

    @property
    def _tables(self) -> TableManager | None:
        tables = self._app.tables
        return tables if isinstance(tables, TableManager) else None

    def _delivered(self, tp: TP, records: Sequence[StoredRecord]) -> list[Delivered]:
        generation = self._app.consumer_generation_id
        return [
            Delivered(*tp, r.offset, r.timestamp_ms / 1000, r.headers, r.key, r.value, tp, generation) for r in records
        ]
