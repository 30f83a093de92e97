"""What is coded as one encounter: all of an account, or one date of service of a series account. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import coding
from streams.assemble import Gathered, Site, assemble
from streams.close import Patience, Standing
from streams.identity import Merges, Who
from streams.partition import Partition
from streams.series import Series, day_id


@dataclass(frozen=True, slots=True)
class Occasion:
    """One encounter to be: its identity now, what decides when it closes, and its content, folded when asked for."""

    who: Who
    account: Who  # what its facts are called now
    day: str  # of a series account, else ""
    standing: Standing
    encounter: Callable[[], coding.Encounter]
    has_running_infusion: Callable[[], bool]


def close_cause(one: Occasion, patience: Patience, now: float) -> str:
    """Why an open encounter is to close now, in seconds since 1970; "" when it is not. What runs is not quiet."""
    causes = one.standing.causes(patience, now)
    if causes == ["quiet"] and one.has_running_infusion():
        return ""
    return causes[0] if causes else ""


def occasions_of(partition: Partition, account: Who, site: Site, merges: Merges | None = None) -> list[Occasion]:
    """What the facts of an account make, as its identities are called now, or by other merges."""
    known = partition.merges if merges is None else merges
    members = partition.members(account, known)
    standing = partition.standing(members)
    if not standing.messages:  # nobody sent anything, or all of it goes by another identity now
        return []
    if standing.is_series and site.recurring == "date":
        return _dates(partition, account, members, known, site)
    return [
        Occasion(
            who=account,
            account=account,
            day="",
            standing=standing,
            encounter=lambda: assemble(partition.facts(members), site, account, _doubts(partition, members, known)),
            has_running_infusion=lambda: Gathered.of(partition.facts(members)).has_running_infusion,
        )
    ]


def _dates(partition: Partition, account: Who, members: Sequence[Who], merges: Merges, site: Site) -> list[Occasion]:
    """Every date of service of a series account. Costs what all its facts cost to fold."""
    series = Series.of(account, partition.facts(members), site)
    doubts = _doubts(partition, members, merges)

    def occasion(day: str, standing: Standing) -> Occasion:
        return Occasion(
            who=Who(account.patient, day_id(account.encounter_id, day)),
            account=account,
            day=day,
            standing=standing,
            encounter=lambda: series.encounter(day, site, doubts),
            has_running_infusion=lambda: series.has_running_infusion(day),
        )

    return [occasion(day, standing) for day, standing in sorted(series.standings.items())]


def _doubts(partition: Partition, members: Sequence[Who], merges: Merges) -> set[str]:
    """Remarks about the identities that messages were sent under."""
    sent = [who for who in members if partition.encounters[who].standing.messages]
    return {doubt for who in sent for doubt in merges.doubts(who)}
