"""What Faust asks its consumer about topics and partitions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from faust.types import TP
from mode import Seconds

from streams import faust_private

if TYPE_CHECKING:
    from .transport import Transport


class Lookups(faust_private.Consumer):
    """The part of the consumer that answers from the broker file and keeps nothing."""

    @property
    def _transport(self) -> "Transport":
        return cast("Transport", self.transport)

    def highwater(self, tp: TP) -> int:
        """Return the offset the partition's next record will get."""
        return self._transport.store.highwater(*tp)

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the offset each partition's next record will get."""
        return {tp: self.highwater(tp) for tp in partitions}

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Return each partition's lowest offset; of an empty one, its highwater."""
        return {tp: self._transport.store.earliest(*tp) for tp in partitions}

    def topic_partitions(self, topic: str) -> int | None:
        """Return how many partitions a topic has, or None when there is no such topic."""
        known = self._transport.store.topic(topic)
        return None if known is None else known.partitions

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Return the partition of a key, or the one given."""
        if partition is not None:
            return partition
        return self.app.producer.key_partition(topic, cast(bytes, key)).partition

    async def create_topic(  # noqa: PLR0913 - Faust's signature
        self,
        topic: str,
        partitions: int,
        replication: int,
        *,
        config: Mapping[str, Any] | None = None,
        timeout: Seconds = 30.0,
        retention: Seconds | None = None,
        compacting: bool | None = None,
        deleting: bool | None = None,
        ensure_created: bool = False,
    ) -> None:
        """Create a topic."""
        await self.app.producer.create_topic(
            topic, partitions, replication, retention=retention, compacting=compacting, deleting=deleting
        )
