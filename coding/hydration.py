"""Hydration at one access site: the minutes that no drug, no blood and no longer fluid has taken."""

from __future__ import annotations

from operator import attrgetter

from msgspec.structs import replace

from coding.claim import Family, Role
from coding.hours import additional_hours, all_hours
from coding.initial import Initial
from coding.overlap import further_hours, together
from coding.policy import Policy
from coding.rules import Rules
from coding.services import Draft, Note, Service, Technique
from coding.stretches import Covered, Stretches, minutes_of
from coding.technique import is_on_edge

# Bound once: on Python 3.11 a member looked up on its class costs ten times as much.
HYDRATION = Family.HYDRATION
INFUSION = Technique.INFUSION
BY_START = attrgetter("start", "ids")
ADDITIONAL_HOUR = Role.ADDITIONAL_HOUR
INITIAL = Role.INITIAL


def time_taken(infusions: list[Service], pushes: list[Service], policy: Policy) -> list[tuple[int, int]]:
    """Return the running time that hydration at the site cannot have: of infusions, and of pushes when deducted."""
    deducted = infusions + pushes if policy.hyd_push_minutes == "deducted" else infusions
    return [stretch for service in deducted for stretch in service.stretches]


def own_time(fluids: list[Service], taken: Covered, rules: Rules, policy: Policy) -> tuple[list[Service], list[Note]]:
    """Return the fluids with the minutes that are theirs alone, when enough; a note for each other one.

    Two fluids at once: each minute counts once, for the longer. Every administration is judged by itself, unless the
    policy adds those of one date. Source: CGS on hydration; CPT Assistant, December 2011, by way of HCPro.
    """
    fluids = [_without(fluid, taken, policy) for fluid in fluids]
    if len(fluids) > 1:
        fluids = _once_each(fluids, policy)
    if policy.hyd_combine == "sum_by_dos":
        fluids = _summed(fluids)
    elif policy.hyd_combine == "per_part":
        fluids = [_of_long_parts(fluid, rules, policy) for fluid in fluids]
    return _long_enough(fluids, rules)


def _once_each(fluids: list[Service], policy: Policy) -> list[Service]:
    """Return the fluids, a minute of two being that of the longer."""
    taken = Covered()
    kept: list[Service] = []
    for fluid in sorted(fluids, key=lambda fluid: (-fluid.minutes, fluid.start, fluid.ids)):
        own = _without(fluid, taken, policy)
        taken.add(own.stretches)
        kept.append(own)
    return kept


def _without(fluid: Service, taken: Covered, policy: Policy) -> Service:
    """Return a fluid without the minutes that are taken, and the reason."""
    left: Stretches = taken.left_of(fluid.stretches)
    if left == fluid.stretches:
        return fluid
    minutes = minutes_of(left)
    reason = policy.wording["FLUID_MINUTES"].say(taken=fluid.minutes - minutes, minutes=minutes)
    return replace(fluid, stretches=left, minutes=minutes, reasons=(*fluid.reasons, reason))


def _of_long_parts(fluid: Service, rules: Rules, policy: Policy) -> Service:
    """Return a fluid without its parts, between drugs or pauses, that would be too short by themselves."""
    least = rules.hydration.initial_minutes_min
    if not fluid.stretches:
        return fluid
    long = [part for part in fluid.stretches if minutes_of([part]) >= least]
    parts = long or [max(fluid.stretches, key=lambda part: minutes_of([part]))]  # the one that came nearest
    if len(parts) == len(fluid.stretches):
        return fluid
    minutes = minutes_of(parts)
    reason = policy.wording["FLUID_PARTS"].say(short=fluid.minutes - minutes, least=least, minutes=minutes)
    return replace(fluid, stretches=tuple(parts), minutes=minutes, reasons=(*fluid.reasons, reason))


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
        flags = ("BOUNDARY_MINUTE",) if is_on_edge(fluid.minutes, least, more) else ()
        if fluid.minutes < least:
            kind = "HYD_BELOW_MINIMUM" if fluid.minutes else "HYD_INCLUDED"
            notes += [Note(kind, fluid.ids) for kind in (kind, *flags)]
        else:
            kept.append(replace(fluid, flags=(*fluid.flags, *flags)) if flags else fluid)
    return kept, notes


def code_hydration(fluids: list[Service], initial: Initial | None, rules: Rules, policy: Policy) -> list[Draft]:
    """Return the drafts of a site's hydration: the first hour when it is the initial service, else all its hours."""
    drafts: list[Draft] = []
    for fluid in sorted(fluids, key=BY_START) if len(fluids) > 1 else fluids:
        if initial is not None and fluid.ids[0] in initial.service.ids:
            drafts += _first_hours(fluid, initial, rules, policy)
        else:
            drafts.append(_every_hour(fluid, rules, policy))
    return drafts


def _every_hour(fluid: Service, rules: Rules, policy: Policy) -> Draft:
    """Return the draft of hydration beside another initial service."""
    more = policy.additional_hour_min or rules.hydration.additional_minutes_min
    hours = all_hours(fluid.minutes, more)
    reason = policy.wording["HYDRATION_HOURS"].say(minutes=fluid.minutes, hours=hours, more=more)
    return Draft(
        fluid,
        rules.hydration.additional_code,
        hours,
        ADDITIONAL_HOUR,
        fluid.start_date,
        (*fluid.reasons, reason),
        minutes=fluid.minutes,
        counted=fluid.stretches,
    )


def _first_hours(fluid: Service, initial: Initial, rules: Rules, policy: Policy) -> list[Draft]:
    """Return the drafts of hydration that is the initial service."""
    more = policy.additional_hour_min or rules.hydration.additional_minutes_min
    first = Draft(
        fluid,
        rules.hydration.initial_code,
        1,
        INITIAL,
        fluid.start_date,
        (*fluid.reasons, *initial.reasons),
        initial.flags,
        minutes=fluid.minutes,
        counted=fluid.stretches,
    )
    hours = additional_hours(fluid.minutes, more)
    return [first, further_hours(first, rules.hydration.additional_code, hours, more, policy)] if hours else [first]
