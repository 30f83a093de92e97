"""What is held: the line that would be proposed if what is missing were there. It takes part in nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from coding.bench import service_of
from coding.claim import Family, Role
from coding.contest import Claim
from coding.findings import is_holding, without_line
from coding.hours import additional_hours, all_hours, repeat_hours
from coding.policy import Policy
from coding.rules import Rules
from coding.services import Draft, Given, Note, Service, Technique
from coding.times import BY_HAND

Code = tuple[str, int, Role]  # code, units, role


class Standing(NamedTuple):
    """What each access site has without the held: those with an initial service, and the drugs of each."""

    with_initial: set[str]
    drugs: set[tuple[str, str]]  # access site, ingredient
    infused: set[tuple[str, str]]  # those of them that have the line of an infusion


def standing_of(services: Iterable[Service], drafts: Iterable[Draft]) -> Standing:
    """Return what the services in the contest leave for the held."""
    drugs = {(one.site, one.ingredient) for one in services}
    infused = {(one.site, one.ingredient) for one in services if one.technique is Technique.INFUSION}
    return Standing({draft.service.site for draft in drafts}, drugs, infused)


def propose(held: Iterable[Given], standing: Standing, claim: Claim) -> tuple[list[Draft], list[Note]]:
    """Return the held lines, and notes for what could be no line even then.

    Each has the role it would have, also beside those held before it: a site has one initial service.
    """
    drafts: list[Draft] = []
    notes: list[Note] = []
    for one in sorted(held, key=lambda one: _place(one, claim.rules)):
        codes = codes_of(one, standing, claim)
        service = service_of(one, Technique.PUSH, claim.encounter, claim.zone)
        if service is None or not codes:
            notes += [Note(kind, one.ids) for kind in without_line(one.flags)]
            continue
        standing.with_initial.add(one.site)
        standing.drugs.add((one.site, one.identity.ingredient))
        if not _is_push(one, claim.rules):
            standing.infused.add((one.site, one.identity.ingredient))
        missing = ", ".join([flag for flag in one.flags if is_holding((flag,))])
        reasons = (claim.policy.wording["HELD_PUSH" if "NO_STOP" in one.flags else "HELD"].say(missing=missing),)
        minutes = service.minutes or None
        drafts += [
            Draft(service, code, units, role, service.start_date, reasons, minutes=minutes)
            for code, units, role in codes
        ]
    return drafts, notes


def _place(one: Given, rules: Rules) -> tuple[object, ...]:
    """Return what orders the held: as they would contest for the initial service."""
    if _is_push(one, rules):
        return (rules.push_ranks[one.family], 0, one.start, one.ids)
    return (rules.infusion_ranks[one.family], -one.minutes, one.start, one.ids)


def _is_push(one: Given, rules: Rules) -> bool:
    """Say whether a held administration would be a push: recorded as one, or too short for an infusion."""
    if one.family is Family.HYDRATION:
        return False
    least = rules.drugs[one.family].initial_minutes_min
    return one.administration.method in BY_HAND or one.minutes < least


def codes_of(one: Given, standing: Standing, claim: Claim) -> list[Code]:
    """Return codes and units that an administration would come to beside what stands."""
    rules, policy = claim.rules, claim.policy
    has_initial, minutes = one.site in standing.with_initial, one.minutes
    if one.family is Family.HYDRATION:
        return _fluid_codes(minutes, rules, policy, has_initial=has_initial)
    family, role = rules.drugs[one.family], Role.SEQUENTIAL if has_initial else Role.INITIAL
    if _is_push(one, rules) and (one.site, one.identity.ingredient) in standing.drugs:
        return _repeat_push(one, claim)
    if _is_push(one, rules):
        return [(family.push_sequential_code if has_initial else family.push_initial_code, 1, role)]
    if (one.site, one.identity.ingredient) in standing.infused:
        return _repeat_dose(one, minutes, claim)
    first = (family.sequential_code if has_initial else family.initial_code, 1, role)
    if has_initial and policy.additional_hours == "initial_drug":
        return [first]
    return _with_hours(
        first, family.additional_code, minutes, policy.additional_hour_min or family.additional_minutes_min
    )


def _repeat_dose(one: Given, minutes: int, claim: Claim) -> list[Code]:
    """Return codes and units of a later infusion of a drug that the site has, as the policy takes it."""
    family, how = claim.rules.drugs[one.family], claim.policy.same_drug
    more = claim.policy.additional_hour_min or family.additional_minutes_min
    if how == "as_push" and one.family is not Family.CHEMOTHERAPY:
        return _repeat_push(one, claim)
    if how == "sequential":
        return _with_hours((family.sequential_code, 1, Role.SEQUENTIAL), family.additional_code, minutes, more)
    least = more if how == "per_dose_31" else family.initial_minutes_min
    hours = repeat_hours(minutes, least, more)
    return [(family.additional_code, hours, Role.ADDITIONAL_HOUR)] if hours else []


def _repeat_push(one: Given, claim: Claim) -> list[Code]:
    """Return the code of a push of a drug that the site has: only of a therapeutic one, and only in a hospital."""
    if claim.is_office or one.family is Family.CHEMOTHERAPY:
        return []
    return [(claim.rules.therapeutic.push_repeat_code, 1, Role.SEQUENTIAL)]


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
