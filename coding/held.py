"""What is held: the line that would be proposed if what is missing were there. It takes part in nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from coding.bench import service_of
from coding.claim import Family, Role
from coding.contest import Claim
from coding.hours import additional_hours, all_hours
from coding.policy import Policy
from coding.rules import Rules
from coding.services import Draft, Given, Note, Technique
from coding.stretches import minutes_of
from coding.times import BY_HAND

Code = tuple[str, int, Role]  # code, units, role


def propose(held: Iterable[Given], initial_sites: Collection[str], claim: Claim) -> tuple[list[Draft], list[Note]]:
    """Return the held lines, and notes for what could be no line even then."""
    drafts: list[Draft] = []
    notes: list[Note] = []
    for one in held:
        codes = _codes(one, claim.rules, claim.policy, has_initial=one.site in initial_sites)
        service = service_of(one, Technique.PUSH, claim.encounter, claim.zone)
        if service is None or not codes:
            notes += [Note(kind, one.ids) for kind in one.flags]
            continue
        reasons = (claim.policy.wording["HELD"].say(missing=", ".join(one.flags)),)
        minutes = service.minutes or None
        drafts += [
            Draft(service, code, units, role, service.start_date, reasons, minutes=minutes)
            for code, units, role in codes
        ]
    return drafts, notes


def _codes(one: Given, rules: Rules, policy: Policy, *, has_initial: bool) -> list[Code]:
    """Return codes and units that a held administration would come to."""
    minutes = minutes_of(one.stretches)
    if one.family is Family.HYDRATION:
        return _fluid_codes(minutes, rules, policy, has_initial=has_initial)
    family = rules.chemotherapy if one.family is Family.CHEMOTHERAPY else rules.therapeutic
    role = Role.SEQUENTIAL if has_initial else Role.INITIAL
    if minutes < family.initial_minutes_min or one.administration.method in BY_HAND:
        return [(family.push_sequential_code if has_initial else family.push_initial_code, 1, role)]
    first = (family.sequential_code if has_initial else family.initial_code, 1, role)
    return _with_hours(
        first, family.additional_code, minutes, policy.additional_hour_min or family.additional_minutes_min
    )


def _fluid_codes(minutes: int, rules: Rules, policy: Policy, *, has_initial: bool) -> list[Code]:
    """Return codes and units of held hydration; none when it is too short."""
    hydration = rules.hydration
    more = policy.additional_hour_min or hydration.additional_minutes_min
    if minutes < hydration.initial_minutes_min:
        return []
    if has_initial:
        return [(hydration.additional_code, all_hours(minutes, more), Role.ADDITIONAL_HOUR)]
    return _with_hours((hydration.initial_code, 1, Role.INITIAL), hydration.additional_code, minutes, more)


def _with_hours(first: Code, additional_code: str, minutes: int, more: int) -> list[Code]:
    """Return a first code and, when there are any, its further hours."""
    hours = additional_hours(minutes, more)
    return [first, (additional_code, hours, Role.ADDITIONAL_HOUR)] if hours else [first]
