"""A message that cannot be used, as it was, with the reason, the place it came from, and how often it was tried."""

from __future__ import annotations

from typing import NamedTuple

from streams.embedded.records import Record


class Origin(NamedTuple):
    """Where a message lay on the broker."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


class Why(NamedTuple):
    """The reason, as counters know it, and the place in the message ("PID-3"; "" for the whole)."""

    reason: str
    place: str = ""


class Tries(NamedTuple):
    """When a message was first received (seconds since 1970), and the dead letter that it was replayed from.

    `replays` counts how often it was sent again by now; 0 for one that came from a sender.
    """

    received_at: float = 0.0
    replayed_from: str = ""
    replays: int = 0

    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """As they travel, on a replayed message and on its dead letter alike."""
        if not self.replays:
            return ()
        return (("replayed_from", self.replayed_from.encode()), ("replays", str(self.replays).encode()))


NO_TRIES = Tries()


def dead_letter(  # noqa: PLR0913  (what, where to, where from, why, and its history)
    to: str, key: bytes, value: bytes, origin: Origin, why: Why, *, tries: Tries = NO_TRIES
) -> Record:
    """The record for the dead-letter topic `to`: key and value untouched, the rest in headers."""
    headers = (
        ("reason", why.reason.encode()),
        ("where", why.place.encode()),
        ("topic", origin.topic.encode()),
        ("partition", str(origin.partition).encode()),
        ("offset", str(origin.offset).encode()),
        ("received_at", f"{tries.received_at:.3f}".encode()),
        *tries.headers(),
    )
    return Record(to, key, value, headers=headers)
