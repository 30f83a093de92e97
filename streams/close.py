"""When an encounter is due to close. Pure: the clock is an argument."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from hl7_parsers.events import (
    AdministrationEvent,
    EncounterCancelled,
    EncounterClosed,
    EncounterOpened,
    EncounterReopened,
    Message,
)
from streams.records import (
    LAYOUT,
    PAST_ID,
    CloseFact,
    DocumentFact,
    Fact,
    HandedFact,
    MessageFact,
    PastFact,
    WordFact,
)

NEVER = float("inf")
K = TypeVar("K")
# PV1-2 of an account that stays open for many visits (table 0004).
_SERIES_CLASSES = frozenset({"R", "REC", "RECURRING"})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait before an encounter closes; seconds."""

    after_discharge: float
    after_quiet: float
    at_age: float
    reissue_until: float = NEVER  # after the first close; what changes later is a finding
    facts_kept: float = NEVER  # after the first close; then facts are deleted
    look_after: float = NEVER  # without news, at an open encounter

    @classmethod
    def of(
        cls,
        after_discharge: timedelta,
        after_quiet: timedelta,
        at_age: timedelta,
        reissue_until: timedelta | None = None,
        facts_kept: timedelta | None = None,
    ) -> Patience:
        ends = (NEVER if each is None else each.total_seconds() for each in (reissue_until, facts_kept))
        return cls(after_discharge.total_seconds(), after_quiet.total_seconds(), at_age.total_seconds(), *ends)


@dataclass(slots=True)
class Standing:
    """What decides when an encounter closes, kept up to date fact by fact at constant cost.

    Every field is a minimum, a maximum or a count over distinct facts, so the order of the facts does not matter.
    """

    facts: int = 0
    messages: int = 0
    past: int = 0  # of the messages, how many are no longer here
    first_received: float = NEVER
    last_received: float = 0.0
    status: tuple[str, str, float] = ("", "open", 0.0)  # newest ADT news: its key, what it says, received when
    reopened: str = ""  # key of the newest cancelled discharge, or of a person's word
    reopened_at: float = 0.0  # when a person had it opened again
    closed: tuple[str, str] | None = None  # newest close: key it rests on, cause
    first_closed: float = NEVER  # when it was closed for the first time
    handed: tuple[int, str, str] = (0, "", "")  # version, patient and encounter of its last void set
    recoded: int = 0  # how often a person had it coded again
    given: tuple[float, float] = (NEVER, 0.0)  # the first and the last time charted, seconds since 1970
    resolved: set[tuple[float, str, str, str]] = field(default_factory=set)  # received at, finding, who, why
    supplied: set[tuple[float, str, str, str]] = field(default_factory=set)  # the same of administrations' stops
    is_series: bool = False  # a message said that the account is one for many visits

    def take(self, fact: Fact) -> None:
        """Count one new fact in."""
        self.facts += 1
        if isinstance(fact, MessageFact):
            self.messages += 1
            visit = fact.message.visit
            if visit.patient_class.strip().upper() in _SERIES_CLASSES and visit.id:
                self.is_series = True
            self.first_received = min(self.first_received, fact.received_at)
            self.last_received = max(self.last_received, fact.received_at)
            self.given = _span(self.given, _charted(fact.message))
            for key, status in _news(fact.message):
                self._opened_or_ended(key, status, fact.received_at)
        elif isinstance(fact, CloseFact) and not fact.day:
            self.closed = max(self.closed or ("", ""), (fact.standing, fact.cause))
            self.first_closed = min(self.first_closed, fact.received_at)
        elif isinstance(fact, HandedFact):
            self.handed = max(self.handed, (fact.version, fact.patient, fact.encounter_id))
        elif isinstance(fact, WordFact) and fact.word == "reopen" and not fact.day:
            self.last_received = max(self.last_received, fact.received_at)
            self.reopened_at = max(self.reopened_at, fact.received_at)
            self._opened_or_ended(fact.standing, "open", fact.received_at)
        elif isinstance(fact, DocumentFact):
            about, said = (
                (fact.finding_id, self.resolved) if fact.finding_id else (fact.administration_id, self.supplied)
            )
            said.add((fact.received_at, about, fact.who, fact.why))
        elif isinstance(fact, WordFact) and fact.word == "recode":
            self.recoded += 1
        elif isinstance(fact, PastFact):
            self.facts -= 1  # it stands for others, and is none itself
            self.join(_standing_then(fact))

    def _opened_or_ended(self, key: str, status: str, received_at: float) -> None:
        self.status = max(self.status, (key, status, received_at))
        if status == "open":
            self.reopened = max(self.reopened, key)

    def join(self, other: Standing) -> None:
        """Count in what another identity of the same encounter adds."""
        self.facts += other.facts
        self.messages += other.messages
        self.past += other.past
        self.first_received = min(self.first_received, other.first_received)
        self.last_received = max(self.last_received, other.last_received)
        self.status = max(self.status, other.status)
        self.reopened = max(self.reopened, other.reopened)
        self.reopened_at = max(self.reopened_at, other.reopened_at)
        self.closed = max((self.closed, other.closed), key=lambda closed: closed or ("", ""))
        self.first_closed = min(self.first_closed, other.first_closed)
        self.handed = max(self.handed, other.handed)
        self.recoded += other.recoded
        self.resolved |= other.resolved
        self.supplied |= other.supplied
        self.given = _span(self.given, other.given)
        self.is_series = self.is_series or other.is_series

    def hear(self, account: Standing) -> None:
        """Take what was said of the whole account for one of its dates: discharges, closes, what was opened again."""
        self.status = max(self.status, account.status)
        self.reopened = max(self.reopened, account.reopened)
        self.reopened_at = max(self.reopened_at, account.reopened_at)
        self.closed = max((self.closed, account.closed), key=lambda closed: closed or ("", ""))
        self.first_closed = min(self.first_closed, account.first_closed)

    @property
    def is_closed(self) -> bool:
        """Closed, and not opened again since."""
        return self.closed is not None and self.closed[0] >= self.reopened

    def is_past(self, patience: Patience, now: float) -> bool:
        """Closed for so long that its claim is not issued again; its facts need not be kept any longer."""
        return self.is_closed and now - self.first_closed > patience.reissue_until

    @property
    def is_bare(self) -> bool:
        """Only what is left of facts past their age is here: there is nothing to be coded."""
        return 0 < self.messages == self.past

    def forget_at(self, patience: Patience) -> float:
        """When its facts are past their age, in seconds since 1970, if nothing opens it again."""
        return self.first_closed + patience.facts_kept if self.is_closed and not self.is_bare else NEVER

    @property
    def rests_on(self) -> str:
        """The key of the newest news that a close rests on."""
        return max(self.status[0], self.reopened)

    def due(self, patience: Patience) -> tuple[float, str]:
        """When to close, in seconds since 1970, and why, if nothing more comes."""
        return min(self._ways(patience), default=(NEVER, ""))

    def causes(self, patience: Patience, now: float) -> list[str]:
        """Every cause to close that holds now, the strongest first."""
        holding = {cause for due, cause in self._ways(patience) if due <= now}
        return [cause for cause in ("cancelled", "discharge", "age", "quiet") if cause in holding]

    def _ways(self, patience: Patience) -> list[tuple[float, str]]:
        if self.is_closed or not self.messages:
            return []
        ways = [
            (self.last_received + patience.after_quiet, "quiet"),
            (max(self.first_received, self.reopened_at) + patience.at_age, "age"),
        ]
        _, status, received = self.status
        if status in ("discharge", "cancelled"):
            ways.append((received + patience.after_discharge, status))
        return ways


def _standing_then(fact: PastFact) -> Standing:
    """What the facts that are gone added up to."""
    return Standing(
        facts=sum(not each.startswith(PAST_ID.decode()) for each in fact.facts),
        messages=fact.messages,
        past=fact.messages,
        first_received=fact.first_received,
        last_received=fact.received_at,
        status=fact.status,
        reopened=fact.reopened,
        reopened_at=fact.reopened_at,
        closed=fact.closed,
        first_closed=NEVER if fact.first_closed is None else fact.first_closed,
        handed=fact.handed,
        given=fact.given or (NEVER, 0.0),
    )


def past_fact(facts: Iterable[str], standing: Standing) -> PastFact:
    """What is left of facts that add up to this."""
    return PastFact(
        layout=LAYOUT,
        received_at=standing.last_received,
        facts=tuple(sorted(facts)),
        messages=standing.messages,
        first_received=standing.first_received,
        status=standing.status,
        reopened=standing.reopened,
        reopened_at=standing.reopened_at,
        closed=standing.closed,
        first_closed=None if standing.first_closed == NEVER else standing.first_closed,
        handed=standing.handed,
        given=None if standing.given[0] == NEVER else standing.given,
    )


def _span(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(one[0], other[0]), max(one[1], other[1])


def _charted(message: Message) -> tuple[float, float]:
    times = [
        time.at.timestamp()
        for event in message.events
        if isinstance(event, AdministrationEvent)
        for time in (event.at, event.stop)
        if time is not None
    ]
    return (min(times), max(times)) if times else (NEVER, 0.0)


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
class DueIndex(Generic[K]):
    """Encounters by the time they are due. Looking costs what is due, not what is open.

    An encounter that is put in again replaces its earlier time; the earlier entry stays in the heap until its time
    comes and is then passed over.
    """

    _due: dict[K, float] = field(default_factory=dict)
    _heap: list[tuple[float, K]] = field(default_factory=list)

    def put(self, encounter: K, due: float) -> None:
        if due == NEVER:
            self._due.pop(encounter, None)
        elif self._due.get(encounter) != due:
            self._due[encounter] = due
            heapq.heappush(self._heap, (due, encounter))
            if len(self._heap) > 64 + 4 * len(self._due):
                self._heap = [(at, key) for key, at in self._due.items()]
                heapq.heapify(self._heap)

    def pop_due(self, now: float) -> list[K]:
        """Encounters whose time has come; each is out of the index from here on."""
        due: list[K] = []
        while self._heap and self._heap[0][0] <= now:
            at, encounter = heapq.heappop(self._heap)
            if self._due.get(encounter) == at:
                del self._due[encounter]
                due.append(encounter)
        return due

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, encounter: K) -> bool:
        return encounter in self._due
