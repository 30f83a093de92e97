"""Where services outside the contest are written: injections, pump starts, cavities, blood, vaccines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import NamedTuple

from msgspec.structs import replace

from coding.claim import Role
from coding.contest import Claim
from coding.dates import local_date
from coding.encounter import Encounter
from coding.hours import additional_hours
from coding.overlap import further_hours
from coding.policy import Policy
from coding.rules import Rules
from coding.runs import joined_runs
from coding.services import Draft, Given, Note, Service, Technique
from coding.technique import is_on_edge
from coding.times import BY_HAND


class Bench(NamedTuple):
    """Whose claim it is, and what has been written."""

    claim: Claim
    drafts: list[Draft]
    notes: list[Note]

    @property
    def rules(self) -> Rules:
        """Return the rules in force."""
        return self.claim.rules

    @property
    def policy(self) -> Policy:
        """Return the policy."""
        return self.claim.policy

    def add(self, one: Given, code: str, rule: str, *flags: str, role: Role = Role.STANDALONE) -> None:
        """Write a draft of one unit for an administration; a note for its flags when nothing dates it."""
        service = service_of(one, Technique.INJECTION, self.claim.encounter, self.claim.zone)
        if service is None:
            self.leave("NO_START", [one])
            return
        reason = self.policy.wording[rule].say()
        self.drafts.append(Draft(service, code, 1, role, service.start_date, (reason,), flags))

    def add_hours(self, one: Given, codes: tuple[str, str], more: int, rule: str) -> None:
        """Write the first hour of an infusion outside the contest, and its additional hours."""
        service = service_of(one, Technique.INFUSION, self.claim.encounter, self.claim.zone)
        assert service is not None  # it has running time
        more = self.policy.additional_hour_min or more
        first = Draft(
            service,
            codes[0],
            1,
            Role.INITIAL,
            service.start_date,
            (self.policy.wording[rule].say(),),
            minutes=service.minutes,
            counted=service.stretches,
        )
        self.drafts.append(first)
        if hours := additional_hours(service.minutes, more):
            self.drafts.append(further_hours(first, codes[1], hours, more, self.policy))

    def leave(self, kind: str, ones: Iterable[Given]) -> None:
        """Say why administrations have no line of their own."""
        self.notes.extend([Note(flag, one.ids) for one in ones for flag in (kind, *one.flags)])


def continued(ones: list[Given], bench: Bench) -> list[Given]:
    """Return infusions outside the contest, those that are one run made one: a bag and the next, a restart."""
    ran = [one for one in ones if one.stretches and one.administration.method not in BY_HAND]
    return [*[one for one in ones if one not in ran], *joined_runs(ran, bench.policy, bench.rules.limits)]


def edged(one: Given, least: int, more: int | None = None) -> Given:
    """Return an infusion outside the contest, saying so when one minute more or less changes its code or units.

    Args:
        one: the infusion.
        least: the fewest minutes that count as one.
        more: the fewest minutes past a full hour that make one more; None where its hours are not reported.
    """
    minutes = one.minutes
    on_edge = minutes in (least - 1, least) if more is None else is_on_edge(minutes, least, more)
    if one.administration.method in BY_HAND or not on_edge:
        return one
    return replace(one, flags=(*one.flags, "BOUNDARY_MINUTE"))


Step = Callable[[list[Given], Bench], None]


def service_of(one: Given, technique: Technique, encounter: Encounter, zone: tzinfo | None) -> Service | None:
    """Return an administration as a service of its own; by the arrival when it has no time, None without that."""
    day = one.start_date or (local_date(encounter.arrived_at, zone) if encounter.arrived_at else None)
    if day is None:
        return None
    return Service(
        (one,),
        one.ids,
        one.identity.ingredient,
        one.family,
        technique,
        one.site,
        one.stretches,
        one.start,
        one.stretches[-1][1] if one.stretches else one.start,
        one.minutes,
        day,
        0,
        one.identity.resource_rank,
        one.flags,
        (),
    )
