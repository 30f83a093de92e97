"""What is held: the line that would be proposed if what is missing were there. It takes part in nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import tzinfo

from coding.claim import Family, Role
from coding.dates import local_date
from coding.encounter import Encounter
from coding.hours import additional_hours, all_hours
from coding.policy import Policy
from coding.rules import Rules
from coding.runs import BY_HAND
from coding.services import Draft, Given, Note, Service, Technique
from coding.stretches import minutes_of


def propose(
    held: Iterable[Given],
    initial_sites: Collection[str],
    encounter: Encounter,
    rules: Rules,
    policy: Policy,
    zone: tzinfo | None,
) -> tuple[list[Draft], list[Note]]:
    """Return the held lines, and notes for what could be no line even then."""
    drafts: list[Draft] = []
    notes: list[Note] = []
    for one in held:
        moment = one.start_time or encounter.arrived_at
        codes = _codes(one, one.site in initial_sites, rules, policy)
        if moment is None or not codes:
            notes += [Note(kind, one.ids) for kind in one.flags]
            continue
        minutes = minutes_of(one.stretches)
        stop = one.stretches[-1][1] if one.stretches else one.start
        service = Service(
            (one,), one.ids, one.identity.ingredient, one.family, Technique.PUSH, one.site, one.stretches, one.start, stop,
            minutes, local_date(moment, zone), one.identity.resource_rank, one.flags, (),
        )  # fmt: skip
        reason = policy.wording["HELD"].say(missing=", ".join(one.flags))
        drafts += [Draft(service, code, units, role, (reason,), minutes=minutes or None) for code, units, role in codes]
    return drafts, notes


def _codes(one: Given, has_initial: bool, rules: Rules, policy: Policy) -> list[tuple[str, int, Role]]:
    """Return codes and units that a held administration would come to."""
    minutes = minutes_of(one.stretches)
    if one.family is Family.HYDRATION:
        return _fluid_codes(minutes, has_initial, rules, policy)
    family = rules.chemotherapy if one.family is Family.CHEMOTHERAPY else rules.therapeutic
    role = Role.SEQUENTIAL if has_initial else Role.INITIAL
    by_time = minutes >= family.initial_minutes_min and one.administration.method not in BY_HAND
    if not by_time:
        return [(family.push_sequential_code if has_initial else family.push_initial_code, 1, role)]
    hours = additional_hours(minutes, policy.additional_hour_min or family.additional_minutes_min)
    first = (family.sequential_code if has_initial else family.initial_code, 1, role)
    return [first, (family.additional_code, hours, Role.ADDITIONAL_HOUR)] if hours else [first]


def _fluid_codes(minutes: int, has_initial: bool, rules: Rules, policy: Policy) -> list[tuple[str, int, Role]]:
    """Return codes and units of held hydration; none when it is too short."""
    hydration = rules.hydration
    more = policy.additional_hour_min or hydration.additional_minutes_min
    if minutes < hydration.initial_minutes_min:
        return []
    if has_initial:
        return [(hydration.additional_code, all_hours(minutes, more), Role.ADDITIONAL_HOUR)]
    hours = additional_hours(minutes, more)
    first = (hydration.initial_code, 1, Role.INITIAL)
    return [first, (hydration.additional_code, hours, Role.ADDITIONAL_HOUR)] if hours else [first]
