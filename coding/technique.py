"""Technique: what each run counts as, by its minutes, whatever was recorded."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import NamedTuple

from coding.claim import Family, Reason
from coding.dates import MINUTE, instant, local_date
from coding.findings import holding
from coding.hours import additional_hours
from coding.policy import Policy
from coding.rules import Rules
from coding.runs import BY_HAND, Joined, joined_runs
from coding.services import Given, Note, Service, Technique
from coding.stretches import minutes_of


class Sorted(NamedTuple):
    """Services by vein that take part in the contest, administrations that are held, and notes."""

    services: list[Service]
    held: list[Given]
    notes: list[Note]


def services_by_vein(given: list[Given], rules: Rules, policy: Policy, zone: tzinfo | None) -> Sorted:
    """Return what was given by vein as services; what lacks something is held and takes no part."""
    infusions: list[Given] = []
    pushes: list[Given] = []
    held: list[Given] = []
    notes: list[Note] = []
    for one in given:
        one = _with_length(one, rules, policy)
        if "NO_STOP" in one.flags:
            one, kind = _without_stop(one, policy)
            if kind:
                notes.append(Note(kind, one.ids))
                continue
        if not holding().isdisjoint(one.flags):
            held.append(one)
        elif one.family is Family.HYDRATION and (not one.stretches or one.administration.method in BY_HAND):
            notes.append(Note("HYD_BELOW_MINIMUM", one.ids))
        elif one.stretches and one.administration.method not in BY_HAND:
            infusions.append(one)
        else:
            pushes.append(one)
    services = [_run_service(run, rules, policy, zone) for run in joined_runs(infusions, policy, rules.limits)]
    services += [push_service(one, policy, zone) for one in pushes]
    return Sorted(services, held, notes)


def _with_length(one: Given, rules: Rules, policy: Policy) -> Given:
    """Return an administration with what its length asks: a long push, a very long bag."""
    if not one.stretches:
        return one
    minutes = minutes_of(one.stretches)
    limits = rules.limits
    if one.administration.method in BY_HAND and minutes >= rules.therapeutic.initial_minutes_min:
        long = "PUSH_LONG" if minutes <= limits.push_review_minutes_max else "MODE_TIME_CONFLICT"
        return one._replace(flags=(*one.flags, long))
    if minutes > limits.long_run_minutes:
        long = "LONG_RUN" if minutes <= limits.rejected_run_minutes else "LONG_RUN_REJECTED"
        return one._replace(flags=(*one.flags, long))
    return one


def _without_stop(one: Given, policy: Policy) -> tuple[Given, str]:
    """Return an infusion without a stop as the policy takes it, and the kind of note when it is no line."""
    if one.family is Family.HYDRATION or policy.missing_stop == "deny":
        return one, "NO_STOP_NO_LINE"
    if policy.missing_stop == "push_auto":
        flags = ("STOP_MISSING_PUSH", *(flag for flag in one.flags if flag not in {"NO_STOP", "ORDER_DURATION_ONLY"}))
        return one._replace(flags=flags), ""
    return one, ""


def _minimum(family: Family, rules: Rules) -> tuple[int, int]:
    """Return the fewest minutes of an infusion, and of one more hour, in a family."""
    if family is Family.CHEMOTHERAPY:
        return rules.chemotherapy.initial_minutes_min, rules.chemotherapy.additional_minutes_min
    if family is Family.HYDRATION:
        return rules.hydration.initial_minutes_min, rules.hydration.additional_minutes_min
    return rules.therapeutic.initial_minutes_min, rules.therapeutic.additional_minutes_min


def _run_service(run: Joined, rules: Rules, policy: Policy, zone: tzinfo | None) -> Service:
    """Return a run as an infusion, or as a push when it is short."""
    first, minutes = run.given[0], minutes_of(run.stretches)
    family = first.family
    least, additional_min = _minimum(family, rules)
    is_infusion = family is Family.HYDRATION or minutes >= least
    flags = run.flags
    if family is not Family.HYDRATION and is_on_edge(minutes, least, additional_min):
        flags = (*flags, "BOUNDARY_MINUTE")
    if any(_has_seconds(one) for one in run.given) and _seconds_matter(run, least, additional_min):
        flags = (*flags, "BOUNDARY_SECONDS")
    wording = policy.wording["INFUSION" if is_infusion else "SHORT_INFUSION"]
    reasons = [wording.say(what=_who(run.given), minutes=minutes, least=least)]
    if len(run.given) > 1:
        reasons.append(policy.wording["ONE_RUN"].say(count=len(run.given), minutes=minutes))
    technique = Technique.INFUSION if is_infusion else Technique.PUSH
    return _service(run.given, technique, run.site, run.stretches, run.stop, minutes, flags, tuple(reasons), zone)


def push_service(one: Given, policy: Policy, zone: tzinfo | None) -> Service:
    """Return an administration as a push: recorded as one, or without running time."""
    minutes = minutes_of(one.stretches)
    by_hand = one.administration.method in BY_HAND
    reason = policy.wording["PUSH" if by_hand else "PUSH_WITHOUT_TIME"].say(what=one.ids[0])
    stop = one.stretches[-1][1] if one.stretches else one.start
    return _service((one,), Technique.PUSH, one.site, one.stretches, stop, minutes, one.flags, (reason,), zone)


def _service(  # noqa: PLR0913 - the fields of a service
    given: tuple[Given, ...], technique: Technique, site: str, stretches: tuple[tuple[int, int], ...], stop: int,
    minutes: int, flags: tuple[str, ...], reasons: tuple[Reason, ...], zone: tzinfo | None,
) -> Service:  # fmt: skip
    """Return a service of administrations of one drug."""
    first = given[0]
    assert first.start_time is not None
    ids = first.ids if len(given) == 1 else tuple(sorted(identifier for one in given for identifier in one.ids))
    return Service(
        given, ids, first.identity.ingredient, first.family, technique, site, stretches, first.start, stop, minutes,
        local_date(first.start_time, zone), first.identity.resource_rank, flags, reasons,
    )  # fmt: skip


def _who(given: tuple[Given, ...]) -> str:
    """Return the ids of the administrations, for a sentence."""
    return ", ".join(identifier for one in given for identifier in one.ids)


def is_on_edge(minutes: int, least: int, additional_min: int) -> bool:
    """Say whether one minute more or less would change the code or its units."""
    if minutes in {least - 1, least}:
        return True
    return minutes > 60 and minutes % 60 in {additional_min - 1, additional_min}


def _has_seconds(one: Given) -> bool:
    """Say whether a time has seconds."""
    return any((run.start and run.start.second) or (run.stop and run.stop.second) for run in one.administration.runs)


def _seconds_matter(run: Joined, least: int, additional_min: int) -> bool:
    """Say whether dropping the seconds of the elapsed time, or of both times first, gives different codes."""
    pairs = [
        (instant(part.start), instant(part.stop))
        for one in run.given
        for part in one.administration.runs
        if isinstance(part.start, datetime) and isinstance(part.stop, datetime)
    ]
    elapsed = minutes_of(pairs)
    stamped = minutes_of([(start - start % MINUTE, stop - stop % MINUTE) for start, stop in pairs])
    shapes = {(m >= least, additional_hours(m, additional_min)) for m in (elapsed, stamped)}
    return len(shapes) > 1
