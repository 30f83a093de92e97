"""From the consumer to an agent: messages in the order of their partitions, taken in batches.

Faust hands each message to a queue through several coroutines and an event of its own, and wakes the agent for each.
Our consumers put whole fetches into an inbox, and the agent takes what is there. With Faust's own consumer
(`kafka_transport = "stock"`) the agent takes from Faust's stream instead; what it sees is the same.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import faust
import msgspec
from faust.types import TP, StreamT

# How long an agent waits for a fuller batch of Faust's stream, seconds: it bounds the latency of a lone message.
GATHER_SECONDS = 0.02


class Message(Protocol):
    """A message as the broker gave it. Faust's own look the same."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Any: ...
    @property
    def timestamp(self) -> float | None: ...
    @property
    def tp(self) -> TP: ...


class Delivered(msgspec.Struct, frozen=True, gc=False):
    """A message that one of our consumers delivers."""

    topic: str
    partition: int
    offset: int
    timestamp: float  # seconds since 1970, by the broker's clock
    headers: Any  # (name, value) pairs
    key: bytes | None
    value: bytes | None
    tp: TP
    generation: int  # of the group's assignment that it was read under


class Inbox:
    """What is delivered to one agent and not yet taken."""

    def __init__(self, size: int, on_room: Callable[[], None]) -> None:
        self._waiting: deque[Delivered] = deque()
        self._size = size
        self._on_room = on_room
        self._arrived = asyncio.Event()

    def put(self, messages: Iterable[Delivered]) -> None:
        """Deliver; the size bounds when more is fetched, not what was fetched already."""
        self._waiting.extend(messages)
        self._arrived.set()

    @property
    def is_full(self) -> bool:
        """Whether its partitions are left alone for now."""
        return len(self._waiting) >= self._size

    def clear(self) -> None:
        """Drop what was not taken: Faust seeks and delivers it again. (Faust calls this as of its own queues.)"""
        self._waiting.clear()

    async def take(self, most: int) -> list[Delivered]:
        """The next messages, at least one, at most so many."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        was_full = self.is_full
        waiting = self._waiting
        taken = [waiting.popleft() for _ in range(min(most, len(waiting)))]
        if was_full and not self.is_full:
            self._on_room()
        return taken


@runtime_checkable
class Delivers(Protocol):
    """A consumer that delivers into inboxes."""

    def inbox(self, topics: Collection[str]) -> Inbox:
        """The inbox of the one agent that reads these topics."""
        ...

    def acknowledge(self, messages: Sequence[Delivered]) -> None:
        """Let the commit follow these: they were taken in order, and all that they caused is confirmed."""
        ...


async def batches(
    app: faust.App, stream: StreamT[bytes], topics: Collection[str], most: int
) -> AsyncIterator[Sequence[Message]]:
    """Batch after batch of an agent's messages, none of them acknowledged."""
    consumer: Any = app.consumer
    if isinstance(consumer, Delivers):
        inbox = consumer.inbox(topics)
        while True:
            yield await inbox.take(most)
    async for events in stream.noack_take(most, within=GATHER_SECONDS):  # type: ignore[attr-defined]
        yield [event.message for event in events]


def acknowledge(app: faust.App, messages: Sequence[Any]) -> None:
    """Everything that these messages caused is confirmed."""
    consumer: Any = app.consumer
    if isinstance(consumer, Delivers):
        consumer.acknowledge(messages)
        return
    for message in messages:
        message.ack(consumer)
