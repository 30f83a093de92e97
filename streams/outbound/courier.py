"""Carries claim lines to a destination: read on, settle what changed, hand over what is on its way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from streams.formats.charge import Document, Line, News
from streams.log import Explained
from streams.outbound.journal import Journal, Outgoing, news_of
from streams.read_model.following import Follower
from streams.strangers import is_ours
from streams.topics import Topics

_READ_AT_ONCE = 2000  # lines
_SETTLED_AT_ONCE = 500  # encounters
_SETTLE_EVERY = 1.0  # seconds, while lines come without an end
_IDLE = 0.2
_RETRY_REFUSED = 60.0  # seconds, while following

_decode: Callable[[bytes], Line] = msgspec.json.Decoder(dict).decode


class Away(Exception):
    """The destination takes nothing now. Nothing is lost: what is on its way stays on its way."""


class TopicChanged(Explained):
    """The topic is shorter than what was read of it: another broker, or one that was made anew."""


class Destination(Protocol):
    """Makes documents of news, and hands them over."""

    def documents(self, news: Sequence[News], number: int) -> list[Document]:
        """The documents of one settlement; `number` counts settlements from 1. Pure: the same for the same news."""
        ...

    async def hand_over(self, document: Outgoing) -> str:
        """Hand a document over, again perhaps; "" when the receiver has it, else why it does not want it.

        Raises Away.
        """
        ...

    async def close(self) -> None:
        """Let go of what is held open."""
        ...


@dataclass(slots=True)
class Courier:
    """One delivery."""

    journal: Journal
    follower: Follower
    topics: Topics
    destination: Destination
    statuses: Collection[str]
    all_or_none: bool = False  # of the lines of an encounter
    delivered: int = 0  # documents
    charges: int = 0  # new ones that were put on their way, and reversals, of so many encounters
    reversals: int = 0
    encounters: int = 0
    _seen: dict[tuple[str, int], int] = field(default_factory=dict)

    async def deliver(self) -> None:
        """Deliver everything that stands on the topic now. Raises Away."""
        await self._start()
        await self.hand_over()
        await self.read()
        self.settle()
        await self.hand_over()

    async def follow(self, stopped: asyncio.Event) -> None:
        """Deliver what comes until told to stop. Raises Away."""
        await self.deliver()
        tried = time.monotonic()
        while not stopped.is_set():
            found = await self.read(_SETTLE_EVERY)
            self.settle()
            is_time = time.monotonic() - tried > _RETRY_REFUSED
            tried = time.monotonic() if is_time else tried
            await self.hand_over(again=is_time)
            await asyncio.sleep(0 if found else _IDLE)

    async def _start(self) -> None:
        self._seen = self.journal.positions()
        await self.follower.go_to(self._seen)
        if await self.follower.behind() < 0:
            raise TopicChanged(
                f"{self.journal.path}: more was read of the topic than there is: it is another broker, or was made "
                "anew. Deliver into another folder, or with another --state"
            )

    async def read(self, seconds: float | None = None) -> int:
        """Take in what is new, all of it or for so long; how many lines it was."""
        until = time.monotonic() + seconds if seconds else None
        count = 0
        while await self.follower.behind() > 0:
            found = await self.follower.take(_READ_AT_ONCE)
            lines = [_decode(record.value or b"{}") for record in found if is_ours(record, self.topics)]
            ends = {(record.topic, record.partition): record.offset + 1 for record in found}
            self.journal.take(lines, ends, self.statuses, all_or_none=self.all_or_none)
            count += len(lines)
            if until is not None and time.monotonic() > until:
                break
        return count

    def settle(self) -> None:
        """Make documents of everything that changed and put them on their way."""
        while changed := self.journal.changed(_SETTLED_AT_ONCE):
            news = news_of(changed)
            documents = self.destination.documents(news, self.journal.number()) if news else []
            self.journal.settle(changed, documents)
            self.charges += sum(len(one.made) for one in news)
            self.reversals += sum(len(one.reversed) for one in news)
            self.encounters += len(news)

    async def hand_over(self, *, again: bool = True) -> None:
        """Hand over what is on its way, in order; behind a refused document its encounter waits.

        `again`: try those too that were refused before.
        """
        number, waiting = 0, set[str]()
        while outgoing := self.journal.outgoing(number):
            for one in outgoing:
                number = one.number
                if one.key in waiting:
                    continue
                refusal = one.refusal if one.refusal and not again else await self.destination.hand_over(one)
                if not refusal:
                    self.journal.arrived(number)
                    self.delivered += 1
                    continue
                waiting |= {one.key} - {""}
                if refusal != one.refusal:
                    self.journal.refuse(number, refusal)
