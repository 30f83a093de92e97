"""Technique: what each run counts as, by its minutes, whatever was recorded."""

from __future__ import annotations

from msgspec.structs import replace

from coding.claim import Family, Reason
from coding.dates import MINUTE, instant
from coding.devices import is_portable_pump
from coding.encounter import Completion
from coding.findings import is_holding, without_line
from coding.hours import additional_hours
from coding.policy import Policy
from coding.rules import Rules
from coding.runs import joined_runs
from coding.services import Given, Note, Service, Technique
from coding.stretches import minutes_of
from coding.times import BY_HAND

# Bound once: on Python 3.11 a member looked up on its class costs ten times as much.
HYDRATION = Family.HYDRATION
INFUSION = Technique.INFUSION
PUSH = Technique.PUSH


def services_by_vein(given: list[Given], rules: Rules, policy: Policy) -> tuple[list[Service], list[Given], list[Note]]:
    """Return what was given by vein as services, what is held for want of something and takes no part, and notes."""
    infusions: list[Given] = []
    pushes: list[Given] = []
    held: list[Given] = []
    notes: list[Note] = []
    for recorded in given:
        by_hand = recorded.administration.method in BY_HAND
        one = _with_length(recorded, rules, by_hand=by_hand) if recorded.stretches else _without_stop(recorded, policy)
        if one.flags and is_holding(one.flags):
            held.append(one)
        elif "NO_STOP_NO_LINE" in one.flags:
            notes += [Note(kind, one.ids) for kind in without_line(one.flags)]
        elif one.family is HYDRATION and (by_hand or not one.stretches):
            notes += [Note(kind, one.ids) for kind in ("HYD_BELOW_MINIMUM", *without_line(one.flags))]
        elif one.stretches and not by_hand:
            infusions.append(one)
        else:
            pushes.append(one)
    services = [_as_infusion(run, rules, policy) for run in joined_runs(infusions, policy, rules.limits)]
    services += [_as_push(one, rules, policy) for one in pushes]
    return services, held, notes


def _with_length(one: Given, rules: Rules, *, by_hand: bool) -> Given:
    """Return an administration with what its length asks: a long push, a very long bag."""
    minutes, limits = one.minutes, rules.limits
    if by_hand:
        if minutes < rules.therapeutic.initial_minutes_min:
            return one
        long = "PUSH_LONG" if minutes <= limits.push_review_minutes_max else "MODE_TIME_CONFLICT"
        return replace(one, flags=(*one.flags, long))
    if minutes == rules.chemotherapy.prolonged_minutes and is_portable_pump(one.administration):
        return replace(one, flags=(*one.flags, "BOUNDARY_MINUTE"))  # one minute more would be the start of a pump
    if minutes > limits.long_run_minutes:
        long = "LONG_RUN" if minutes <= limits.rejected_run_minutes else "LONG_RUN_REJECTED"
        return replace(one, flags=(*one.flags, long))
    return one


def _without_stop(one: Given, policy: Policy) -> Given:
    """Return an administration without running time; an infusion without a stop as the policy takes it."""
    if "NO_STOP" not in one.flags:
        return one
    rest = tuple(flag for flag in one.flags if flag != "NO_STOP")
    if one.family is HYDRATION or policy.missing_stop == "deny":
        return replace(one, flags=("NO_STOP_NO_LINE", *rest))
    return replace(one, flags=("STOP_MISSING_PUSH", *rest)) if policy.missing_stop == "push_auto" else one


def _as_infusion(run: Given, rules: Rules, policy: Policy) -> Service:
    """Return a run as what it counts as: an infusion, or a push when it is short."""
    minutes, family, flags = run.minutes, run.family, run.flags
    own = rules.hydration if family is HYDRATION else rules.drugs[family]
    least, more = own.initial_minutes_min, own.additional_minutes_min
    technique, rule = INFUSION, "INFUSION"
    if family is not HYDRATION:
        if minutes < least:
            technique, rule = PUSH, "SHORT_INFUSION"
            if policy.stopped_early_modifier != "none" and _was_stopped(run):
                technique, rule, flags = INFUSION, "STOPPED_EARLY", (*flags, "STOPPED_EARLY")
        if is_on_edge(minutes, least, more):
            flags = (*flags, "BOUNDARY_MINUTE")
    is_stamped = policy.seconds == "minute_stamps"  # the seconds are gone from the running time
    for start, stop in run.stretches:
        if (is_stamped or start % MINUTE or stop % MINUTE) and _seconds_matter(run, least, more):
            flags = (*flags, "BOUNDARY_SECONDS")
            break
    reasons: tuple[Reason, ...] = (policy.wording[rule].say(minutes=minutes, least=least),)
    if run.parts:
        reasons = (*reasons, policy.wording["ONE_RUN"].say(count=len(run.parts), minutes=minutes))
    return _service(run, technique, flags, reasons, rules)


def _was_stopped(run: Given) -> bool:
    """Say whether the record says that not all of it was given."""
    last = run.parts[-1] if run.parts else run
    return last.administration.completion is Completion.PARTLY_GIVEN


def _as_push(one: Given, rules: Rules, policy: Policy) -> Service:
    """Return an administration as a push: recorded as one, or without running time."""
    rule = "PUSH" if one.administration.method in BY_HAND else "PUSH_WITHOUT_TIME"
    return _service(one, PUSH, one.flags, (policy.wording[rule].say(),), rules)


def _service(
    run: Given, technique: Technique, flags: tuple[str, ...], reasons: tuple[Reason, ...], rules: Rules
) -> Service:
    """Return a run of one drug as a service."""
    identity, family, stretches, start, day = run.identity, run.family, run.stretches, run.start, run.start_date
    assert day is not None
    return Service(
        run.parts or (run,),
        run.ids,
        identity.ingredient,
        family,
        technique,
        run.site,
        stretches,
        start,
        stretches[-1][1] if stretches else start,
        run.minutes,
        day,
        (rules.infusion_ranks if technique is INFUSION else rules.push_ranks)[family],
        identity.resource_rank,
        flags,
        reasons,
    )


def is_on_edge(minutes: int, least: int, more: int) -> bool:
    """Say whether one minute more or less would change the code or its units."""
    if minutes in (least - 1, least):
        return True
    return minutes > 60 and minutes % 60 in (more - 1, more)


def _seconds_matter(run: Given, least: int, more: int) -> bool:
    """Say whether dropping the seconds of the elapsed time, or of both times first, gives different codes."""
    runs = [part for one in run.parts or (run,) for part in one.administration.runs]
    pairs = [(instant(part.start), instant(part.stop)) for part in runs if part.start and part.stop]
    stamped = [(start - start % MINUTE, stop - stop % MINUTE) for start, stop in pairs]
    first, second = minutes_of(pairs), minutes_of(stamped)
    return (first >= least) != (second >= least) or additional_hours(first, more) != additional_hours(second, more)
