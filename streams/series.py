"""A series account: one number for weeks of visits. Its encounters are its dates of service. Pure.

An infusion clinic keeps one account open (PV1-2 R) and gives on many days; what is initial is asked of each day. So the
account's facts stay together, and its administrations are divided by the date on which they began. What begins while
something of the day before still runs belongs to that day: a service past midnight is one service.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec

import coding
from hl7_parsers.events import EncounterEvent
from streams.administrations import Draft, runs_of
from streams.assemble import Gathered, Site, encounter
from streams.close import Standing
from streams.identity import Who
from streams.records import CloseFact, DocumentFact, Fact, MessageFact, WordFact
from streams.visit import Visit

UNDATED = "undated"


def day_id(account: str, day: str) -> str:
    """The encounter id of one date of service of an account."""
    return f"{account}@{day}"


def split_day(encounter_id: str) -> tuple[str, str]:
    """Account and date of service; the date is "" when the id names none."""
    account, at, day = encounter_id.rpartition("@")
    if not at or not (day == UNDATED or _is_date(day)):
        return encounter_id, ""
    return account, day


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Series:
    """The facts of a series account, and its administrations by date of service."""

    who: Who
    gathered: Gathered
    days: dict[str, list[Draft]]
    standings: dict[str, Standing]  # of each date, those included that were closed and have nothing on them now

    @classmethod
    def of(cls, who: Who, facts: Iterable[Fact], site: Site) -> Series:
        """Divide an account's facts."""
        facts = list(facts)
        gathered = Gathered.of(facts)
        days = by_day(gathered.drafts, site.time_zone)
        return cls(who, gathered, days, _standings(facts, gathered, days))

    def encounter(self, day: str, site: Site, doubts: Iterable[str]) -> coding.Encounter:
        """The encounter of one date; without administrations when nothing is left on it.

        Not modelled: orders that nothing was given for; nobody says which of the dates missed them.
        """
        of_account = self.gathered
        drafts = self.days.get(day, [])
        of_day = Gathered(
            messages=[of_account.messages[number] for number in _messages_of(drafts)],
            drafts=drafts,
            misfits=[one for one in of_account.misfits if one.row.event.at and _on(day, one.row.event.at.at, site)],
            orders=of_account.orders,
            documents=[document for document in of_account.documents if document.day == day],
        )
        visit = Visit.of(of_account.about_visit)
        visit = replace(
            visit,
            arrived_at=visit.arrived_at if visit.arrived_at and _on(day, visit.arrived_at, site) else None,
            departed_at=visit.departed_at if visit.departed_at and _on(day, visit.departed_at, site) else None,
        )
        return encounter(of_day, visit, site, Who(self.who.patient, day_id(self.who.encounter_id, day)), doubts)

    def has_running_infusion(self, day: str) -> bool:
        """Whether an infusion of that date has begun and not ended."""
        return Gathered([], self.days.get(day, []), [], {}, []).has_running_infusion


def _messages_of(drafts: Iterable[Draft]) -> list[int]:
    """The places of the messages that charted these administrations, in order."""
    return sorted(
        {row.message for draft in drafts for row in (*draft.rows, *draft.joined, *draft.moments, *draft.reported)}
    )


def _on(day: str, moment: datetime, site: Site) -> bool:
    return _day_of(moment, site.time_zone) == day


def by_day(drafts: Iterable[Draft], time_zone: str) -> dict[str, list[Draft]]:
    """Administrations by date of service, in order of date; what a day still runs past midnight stays with it."""
    timed = [(start, stop, draft) for draft in drafts for start, stop in [_span(draft)] if start is not None]
    days: dict[str, list[Draft]] = {}
    current, until = "", None
    for start, stop, draft in sorted(timed, key=lambda one: one[0]):
        day = _day_of(start, time_zone)
        if not (until is not None and day > current and start < until):
            if day != current:
                until = None
            current = day
        until = max(until or start, stop or start)
        days.setdefault(current, []).append(draft)
    undated = [draft for draft in drafts if _span(draft)[0] is None]
    return {**days, **({UNDATED: undated} if undated else {})}


def _span(draft: Draft) -> tuple[datetime | None, datetime | None]:
    """The first and the last documented time of an administration."""
    times = [time for run in runs_of(draft) for time in (run.start, run.stop) if time is not None]
    return min(times, default=None), max(times, default=None)


def _day_of(moment: datetime, time_zone: str) -> str:
    return (moment.astimezone(ZoneInfo(time_zone)) if time_zone else moment).date().isoformat()


def _standings(facts: list[Fact], gathered: Gathered, days: dict[str, list[Draft]]) -> dict[str, Standing]:
    """What decides when each date closes: what was charted of it, what was said of it, and the account's ADT."""
    standings: dict[str, Standing] = {}
    for day, fact in _of_days(facts, gathered, days):
        standings.setdefault(day, Standing()).take(fact)
    of_account = Standing()
    for fact in facts:
        if not isinstance(fact, MessageFact) or any(isinstance(e, EncounterEvent) for e in fact.message.events):
            of_account.take(fact)
    for standing in standings.values():
        standing.hear(of_account)
    return standings


def _of_days(facts: list[Fact], gathered: Gathered, days: dict[str, list[Draft]]) -> Iterator[tuple[str, Fact]]:
    for day, drafts in days.items():
        for number in _messages_of(drafts):
            yield day, gathered.messages[number]
    for fact in facts:
        if isinstance(fact, CloseFact | WordFact | DocumentFact) and fact.day:
            yield fact.day, msgspec.structs.replace(fact, day="")
