"""What was delivered and is not committed yet, per partition: decides which offset may be committed."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from .errors import BatchOutOfOrder
from .records import TopicPartition

_Pair = tuple[str, int]


class Deliveries:
    """Offsets in the order of delivery. A gap in the log is no gap here, one in the acknowledgements is."""

    def __init__(self) -> None:
        self._open: dict[_Pair, deque[int]] = defaultdict(deque)

    def add(self, tp: _Pair, offset: int) -> None:
        """Note a record that is about to be delivered."""
        self._open[tp].append(offset)

    def add_many(self, tp: _Pair, offsets: Iterable[int]) -> None:
        """Note records that are about to be delivered together."""
        self._open[tp].extend(offsets)

    def take_back(self, tp: _Pair) -> None:
        """The last one noted was not delivered after all."""
        self._open[tp].pop()

    def forget(self, tp: _Pair) -> None:
        """The partition is read from elsewhere now, or no longer."""
        self._open.pop(tp, None)

    def pop_committable(self, tp: _Pair, acked: set[int]) -> int | None:
        """Return the offset after the acknowledged ones at the head, or None; those are taken out, of `acked` too."""
        delivered = self._open[tp]
        last = None
        while delivered and delivered[0] in acked:
            last = delivered.popleft()
            acked.discard(last)
        return None if last is None else last + 1

    def pop_below(self, offsets: Iterable[tuple[_Pair, int]]) -> None:
        """Take out what a committed batch has covered: all below these next offsets."""
        for tp, offset in offsets:
            delivered = self._open[tp]
            while delivered and delivered[0] < offset:
                delivered.popleft()

    def offsets_after(self, taken: Iterable[tuple[_Pair, int]], acked: Mapping[_Pair, set[int]]) -> dict[_Pair, int]:
        """Return the next offset to read, per partition, once these (partition, offset) pairs are done.

        Raises:
            BatchOutOfOrder: one that was delivered earlier is missing, so that committing would lose it; an agent
                that raised after it had taken a batch leaves such a hole.
        """
        following: dict[_Pair, int] = {}
        waiting = {}
        for tp, offset in taken:
            if tp not in waiting:
                waiting[tp] = iter([one for one in self._open[tp] if one not in acked.get(tp, ())])
            expected = next(waiting[tp], None)
            if offset != expected:
                topic, partition = TopicPartition(*tp)
                raise BatchOutOfOrder(
                    f"{topic}[{partition}]: the batch has offset {offset} where {expected} is due. An event was taken "
                    "and never committed; start the worker again, which reads from the last commit on."
                )
            following[tp] = offset + 1
        return following
