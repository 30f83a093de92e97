"""A message that cannot be used, as it was, with the reason and the place it came from."""

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


def dead_letter(to: str, key: bytes, value: bytes, origin: Origin, why: Why) -> Record:
    """The record for the dead-letter topic `to`: key and value untouched, the rest in headers."""
    headers = (
        ("reason", why.reason.encode()),
        ("where", why.place.encode()),
        ("topic", origin.topic.encode()),
        ("partition", str(origin.partition).encode()),
        ("offset", str(origin.offset).encode()),
    )
    return Record(to, key, value, headers=headers)
