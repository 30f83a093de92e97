"""When an encounter is due to close. Pure: the clock is an argument."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from hl7_parsers.events import (
    EncounterCancelled,
    EncounterClosed,
    EncounterOpened,
    EncounterReopened,
    Message,
)
from streams.records import CloseFact, Fact

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait before an encounter closes; seconds."""

    after_discharge: float
    after_quiet: float
    at_age: float

    @classmethod
    def of(cls, after_discharge: timedelta, after_quiet: timedelta, at_age: timedelta) -> Patience:
        return cls(after_discharge.total_seconds(), after_quiet.total_seconds(), at_age.total_seconds())


@dataclass(slots=True)
class Standing:
    """What decides when an encounter closes, kept up to date fact by fact at constant cost.

    Every field is a minimum, a maximum or a count over distinct facts, so the order of the facts does not matter.
    """

    facts: int = 0
    first_received: float = NEVER
    last_received: float = 0.0
    status: tuple[str, str, float] = ("", "open", 0.0)  # newest ADT news: its key, what it says, received when
    reopened: str = ""  # key of the newest cancelled discharge
    closed: tuple[str, str] | None = None  # newest close: key it rests on, cause

    def take(self, fact: Fact) -> None:
        """Count one new fact in."""
        if isinstance(fact, CloseFact):
            self.closed = max(self.closed or ("", ""), (fact.standing, fact.cause))
            return
        self.facts += 1
        self.first_received = min(self.first_received, fact.received_at)
        self.last_received = max(self.last_received, fact.received_at)
        for key, status in _news(fact.message):
            self.status = max(self.status, (key, status, fact.received_at))
            if status == "open" and key > self.reopened:
                self.reopened = key

    @property
    def is_closed(self) -> bool:
        """Closed, and no cancelled discharge has come since."""
        return self.closed is not None and self.closed[0] >= self.reopened

    @property
    def version(self) -> int:
        """Of the claim set: the number of messages it rests on."""
        return self.facts

    def due(self, patience: Patience) -> tuple[float, str]:
        """When to close, in seconds since 1970, and why, if nothing more comes."""
        return min(self._ways(patience), default=(NEVER, ""))

    def causes(self, patience: Patience, now: float) -> list[str]:
        """Every cause to close that holds now, the strongest first."""
        holding = {cause for due, cause in self._ways(patience) if due <= now}
        return [cause for cause in ("cancelled", "discharge", "age", "quiet") if cause in holding]

    def _ways(self, patience: Patience) -> list[tuple[float, str]]:
        if self.is_closed or not self.facts:
            return []
        ways = [
            (self.last_received + patience.after_quiet, "quiet"),
            (self.first_received + patience.at_age, "age"),
        ]
        _, status, received = self.status
        if status in ("discharge", "cancelled"):
            ways.append((received + patience.after_discharge, status))
        return ways


def _news(message: Message) -> Iterator[tuple[str, str]]:
    """ADT news as (sortable key, what it says): open (again), discharge, cancelled.

    A08 is no news of this kind, save that it can take a discharge back (PV1-45 set to null).
    """
    time = message.header.time
    for event in message.events:
        at = event.entered or time
        key = f"{at.at.timestamp() if at else 0:017.3f}|{message.header.control_id}"
        if isinstance(event, EncounterClosed):
            yield key, "discharge"
        elif isinstance(event, EncounterCancelled):
            yield key, "cancelled"
        elif isinstance(event, EncounterReopened) or (
            message.visit.is_discharge_deleted and not isinstance(event, EncounterOpened)
        ):
            yield key, "open"


def standing_of(facts: Iterator[Fact]) -> Standing:
    """The standing after these facts, in any order."""
    standing = Standing()
    for fact in facts:
        standing.take(fact)
    return standing


@dataclass(slots=True)
class DueIndex:
    """Encounters by the time they are due. Looking costs what is due, not what is open.

    An encounter that is put in again replaces its earlier time; the earlier entry stays in the heap until its time
    comes and is then passed over.
    """

    _due: dict[bytes, float] = field(default_factory=dict)
    _heap: list[tuple[float, bytes]] = field(default_factory=list)

    def put(self, encounter: bytes, due: float) -> None:
        if due == NEVER:
            self._due.pop(encounter, None)
        elif self._due.get(encounter) != due:
            self._due[encounter] = due
            heapq.heappush(self._heap, (due, encounter))
            if len(self._heap) > 64 + 4 * len(self._due):
                self._heap = [(at, key) for key, at in self._due.items()]
                heapq.heapify(self._heap)

    def pop_due(self, now: float) -> list[bytes]:
        """Encounters whose time has come; each is out of the index from here on."""
        due: list[bytes] = []
        while self._heap and self._heap[0][0] <= now:
            at, encounter = heapq.heappop(self._heap)
            if self._due.get(encounter) == at:
                del self._due[encounter]
                due.append(encounter)
        return due

    def __len__(self) -> int:
        return len(self._due)
