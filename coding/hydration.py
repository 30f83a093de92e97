"""Hydration at one access site: the minutes that no drug, no blood and no longer fluid has taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from coding.claim import Family, Role
from coding.hours import additional_hours, all_hours
from coding.initial import Initial
from coding.overlap import together
from coding.policy import Policy
from coding.rules import Rules
from coding.services import Draft, Note, Service, Technique
from coding.stretches import Covered, minutes_of
from coding.technique import is_on_edge


def own_time(
    fluids: Iterable[Service], taken: Covered, rules: Rules, policy: Policy
) -> tuple[list[Service], list[Note]]:
    """Return the fluids with the minutes that are theirs alone, those with enough of them; a note for each other one.

    Two fluids at once: each minute counts once, for the longer. Every administration is judged by itself, unless the
    policy adds those of one date. Source: CGS on hydration; CPT Assistant, December 2011, by way of HCPro.
    """
    taken_too = Covered(zip(taken.starts, taken.stops, strict=True))
    nets = [_without(fluid, taken_too, policy) for fluid in fluids]
    kept: list[Service] = []
    for fluid in sorted(nets, key=lambda fluid: (-fluid.minutes, fluid.start, fluid.administration_ids)):
        left = taken_too.left_of(fluid.stretches)
        if left != fluid.stretches:
            fluid = _with_time(fluid, left, policy)
        taken_too.add(fluid.stretches)
        kept.append(fluid)
    if policy.hyd_combine == "sum_by_dos":
        kept = _summed(kept)
    return _long_enough(kept, rules)


def _without(fluid: Service, taken: Covered, policy: Policy) -> Service:
    """Return a fluid without the minutes that drugs and blood took."""
    left = taken.left_of(fluid.stretches)
    return fluid if left == fluid.stretches else _with_time(fluid, left, policy)


def _with_time(fluid: Service, left: tuple[tuple[int, int], ...], policy: Policy) -> Service:
    """Return a fluid with less time, and the reason."""
    minutes = minutes_of(left)
    reason = policy.wording["FLUID_MINUTES"].say(taken=fluid.minutes - minutes, minutes=minutes)
    return replace(fluid, stretches=left, minutes=minutes, reasons=(*fluid.reasons, reason))


def _summed(fluids: list[Service]) -> list[Service]:
    """Return the fluids of each date put together."""
    by_date: dict[object, list[Service]] = {}
    for fluid in fluids:
        if fluid.stretches:
            by_date.setdefault(fluid.start_date, []).append(fluid)
    return [together(parts, None) for parts in by_date.values()] + [fluid for fluid in fluids if not fluid.stretches]


def _long_enough(fluids: list[Service], rules: Rules) -> tuple[list[Service], list[Note]]:
    """Return the fluids that may be reported, those on an edge saying so, and a note for each other one."""
    least, more = rules.hydration.initial_minutes_min, rules.hydration.additional_minutes_min
    kept: list[Service] = []
    notes: list[Note] = []
    for fluid in fluids:
        on_edge = is_on_edge(fluid.minutes, least, more)
        if fluid.minutes < least:
            notes.append(Note("HYD_BELOW_MINIMUM" if fluid.minutes else "HYD_INCLUDED", fluid.administration_ids))
            if on_edge:
                notes.append(Note("BOUNDARY_MINUTE", fluid.administration_ids))
        else:
            kept.append(replace(fluid, flags=(*fluid.flags, "BOUNDARY_MINUTE")) if on_edge else fluid)
    return kept, notes


def code_hydration(fluids: Iterable[Service], initial: Initial | None, rules: Rules, policy: Policy) -> list[Draft]:
    """Return the drafts of a site's hydration: the first hour when it is the initial service, else all its hours."""
    hydration = rules.hydration
    more = policy.additional_hour_min or hydration.additional_minutes_min
    drafts: list[Draft] = []
    for fluid in sorted(fluids, key=lambda fluid: (fluid.start, fluid.administration_ids)):
        if initial is not None and fluid.administration_ids[0] in initial.service.administration_ids:
            drafts += _first_hours(fluid, initial, rules, policy, more)
            continue
        hours = all_hours(fluid.minutes, more)
        reason = policy.wording["HYDRATION_HOURS"].say(minutes=fluid.minutes, hours=hours, more=more)
        reasons = (*fluid.reasons, reason)
        drafts.append(
            Draft(
                fluid,
                hydration.additional_code,
                hours,
                Role.ADDITIONAL_HOUR,
                reasons,
                fluid.stretches,
                0,
                fluid.minutes,
            )
        )
    return drafts


def _first_hours(fluid: Service, initial: Initial, rules: Rules, policy: Policy, more: int) -> list[Draft]:
    """Return the drafts of hydration that is the initial service."""
    hydration, minutes = rules.hydration, fluid.minutes
    reasons = (*fluid.reasons, *initial.reasons)
    first = Draft(fluid, hydration.initial_code, 1, Role.INITIAL, reasons, fluid.stretches, 0, minutes, initial.flags)
    hours = additional_hours(minutes, more)
    if not hours:
        return [first]
    reason = policy.wording["ADDITIONAL_HOURS"].say(minutes=minutes, hours=hours, more=more)
    reasons = (*fluid.reasons, reason)
    return [
        first,
        Draft(
            fluid,
            hydration.additional_code,
            hours,
            Role.ADDITIONAL_HOUR,
            reasons,
            fluid.stretches,
            60,
            minutes,
            initial.flags,
        ),
    ]


def time_taken(services: Iterable[Service], policy: Policy) -> list[tuple[int, int]]:
    """Return the running time that hydration at the same site cannot have: infusions, and pushes when deducted."""
    deduct = policy.hyd_push_minutes == "deducted"
    return [
        stretch
        for service in services
        if service.family is not Family.HYDRATION and (service.technique is Technique.INFUSION or deduct)
        for stretch in service.stretches
    ]
