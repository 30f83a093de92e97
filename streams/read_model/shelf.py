"""Where the read model lies: documents, ordered indexes of them, counts by minute, notices, positions.

Two stores keep it, one Redis for all processes of a site or an SQLite file beside the embedded broker. What the
documents mean is the projector's to know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

MINUTES_KEPT = 48 * 60  # of counts

Window = tuple[float, float]  # lowest and highest score, both included
EVERYTHING: Window = (float("-inf"), float("inf"))


class Overtaken(Exception):
    """Another projector has written from the same positions; read the positions again and go on from there."""


class ReadModelAway(Exception):
    """The store does not answer. Nothing is lost: it is filled from the topics when it is back."""


@dataclass(slots=True)
class Changes:
    """What one look at the topics changes. Written whole, with the positions it was read up to, or not at all.

    documents: (kind, id) to JSON; None removes.
    indexes: (kind, index) to id to score; None removes the id.
    counts: (series, label, minute since 1970) to how many more.
    positions: (topic, partition) to (position before, position after).
    """

    documents: dict[tuple[str, str], bytes | None] = field(default_factory=dict)
    indexes: dict[tuple[str, str], dict[str, float | None]] = field(default_factory=dict)
    counts: dict[tuple[str, str, int], float] = field(default_factory=dict)
    positions: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    def put(self, kind: str, key: str, value: bytes | None) -> None:
        self.documents[kind, key] = value

    def rank(self, kind: str, index: str, key: str, score: float | None) -> None:
        self.indexes.setdefault((kind, index), {})[key] = score

    def count(self, series: str, label: str, minute: int, number: float = 1) -> None:
        at = (series, label, minute)
        self.counts[at] = self.counts.get(at, 0) + number


class Shelf(Protocol):
    """One store. Every method raises ReadModelAway when the store does not answer."""

    async def write(self, changes: Changes) -> None:
        """Write all of it in one transaction. Raises Overtaken when a position is not what it was."""
        ...

    async def positions(self) -> dict[tuple[str, int], int]:
        """The next offset to read, by topic and partition."""
        ...

    async def documents(self, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Those of these documents that are there."""
        ...

    async def ranked(
        self, kind: str, index: str, limit: int, *, skip: int = 0, window: Window = EVERYTHING
    ) -> list[tuple[str, float]]:
        """Ids and scores from the highest score down, within the window."""
        ...

    async def size(self, kind: str, index: str, window: Window = EVERYTHING) -> int:
        """How many ids an index has within the window."""
        ...

    async def counts(self, series: str, minutes: range) -> dict[tuple[str, int], float]:
        """(label, minute) to how many, in these minutes since 1970."""
        ...

    async def trim(self, kind: str, index: str, keep: int) -> int:
        """Take the lowest of an index away with their documents until `keep` are left; how many went."""
        ...

    async def notice(self, name: str, value: bytes, seconds: float) -> None:
        """Put up a notice that comes down by itself after so many seconds: what a process says of itself."""
        ...

    async def notices(self) -> dict[str, bytes]:
        """The notices that are up."""
        ...

    async def clear(self) -> None:
        """Forget everything but notices."""
        ...

    async def close(self) -> None: ...


def moved(changes: Changes, positions: Mapping[tuple[str, int], int]) -> bool:
    """Whether somebody else has moved a position that these changes start from."""
    return any(positions.get(tp, 0) != before for tp, (before, _) in changes.positions.items())
