"""The date of each unit: a unit belongs to the date on which its hour begins."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, tzinfo
from functools import lru_cache

from msgspec.structs import replace

from coding.claim import Family, Role
from coding.dates import date_at, midnight_after
from coding.findings import without_line
from coding.hours import additional_hours, all_hours
from coding.policy import Policy
from coding.rules import ChemotherapyRules, HydrationRules, Rules, SubcutaneousRules, TherapeuticRules
from coding.services import Draft, Note
from coding.stretches import minutes_of, moment_after, within


@lru_cache(maxsize=4096)
def _end_of(day: date, zone: tzinfo) -> int:
    """Return the instant at which a date ends."""
    return midnight_after(day, zone)


def dated(drafts: Iterable[Draft], rules: Rules, policy: Policy, zone: tzinfo | None) -> tuple[list[Draft], list[Note]]:
    """Return the drafts with their dates, and notes; one that spans midnight becomes one draft per date.

    Source: CMS Transmittal 1702: a line has the date on which the service was provided.
    """
    by_date: list[Draft] = []
    notes: list[Note] = []
    for draft in drafts:
        if not draft.counted or draft.counted[-1][1] <= _end_of(draft.service_date, zone or _offset(draft)):
            by_date.append(draft)
        elif policy.midnight_units == "start_date_all":
            by_date.append(replace(draft, reasons=(*draft.reasons, policy.wording["MIDNIGHT_START"].say())))
        elif policy.midnight_units == "split_by_calendar_day":
            place = zone or _offset(draft)
            parts = [] if draft.first_minute else _counted_by_day(draft, rules, policy, place)
            if not (parts or draft.first_minute):
                kinds = ("DATE_BELOW_MINIMUM", *draft.service.flags, *draft.flags)
                notes += [Note(kind, draft.service.ids) for kind in without_line(kinds)]
            by_date += parts
        else:
            by_date += _by_start_of_unit(draft, policy, zone or _offset(draft))
    return by_date, notes


def _offset(draft: Draft) -> tzinfo:
    """Return the offset that the times of a timed draft were recorded with."""
    start_time = draft.service.given[0].start_time
    assert start_time is not None
    assert start_time.tzinfo is not None
    return start_time.tzinfo


def _by_start_of_unit(draft: Draft, policy: Policy, zone: tzinfo) -> list[Draft]:
    """Return a draft with each unit on the date on which its hour begins."""
    units: dict[date, int] = {}
    for unit in range(draft.units):
        day = date_at(moment_after(draft.counted, draft.first_minute + unit * 60), zone)
        units[day] = units.get(day, 0) + 1
    say = policy.wording["MIDNIGHT_UNITS"].say
    return [
        replace(draft, service_date=day, units=count, reasons=(*draft.reasons, say(units=count, whole=draft.units)))
        for day, count in units.items()
    ]


def _counted_by_day(first: Draft, rules: Rules, policy: Policy, zone: tzinfo) -> list[Draft]:
    """Return the drafts of a run whose minutes are counted anew on each date; what is too short on its date is lost.

    Args:
        first: the run's first hour, or all its hours where another service is initial.
    """
    family, chemotherapy = _family(first, rules), rules.chemotherapy
    is_arterial = first.code == chemotherapy.intra_arterial_initial_code
    code = chemotherapy.intra_arterial_additional_code if is_arterial else family.additional_code
    more = policy.additional_hour_min or family.additional_minutes_min
    has_first = first.role is Role.ADDITIONAL_HOUR
    parts: list[Draft] = []
    at = first.counted[0][0]
    while at < first.counted[-1][1]:
        day = date_at(at, zone)
        ends = min(_end_of(day, zone), first.counted[-1][1])
        minutes = minutes_of(within(first.counted, at, ends))
        reason = policy.wording["MIDNIGHT_SPLIT"].say(minutes=minutes, whole=first.minutes)
        of_day = replace(first, service_date=day, minutes=minutes, reasons=(*first.reasons, reason))
        hours = all_hours(minutes, more)
        if not has_first and minutes >= family.initial_minutes_min:
            parts.append(of_day)
            hours, has_first = additional_hours(minutes, more), True
        if hours and has_first:
            parts.append(replace(of_day, code=code, units=hours, role=Role.ADDITIONAL_HOUR))
        at = ends
    return parts


def _family(draft: Draft, rules: Rules) -> HydrationRules | TherapeuticRules | ChemotherapyRules | SubcutaneousRules:
    """Return the rules that count a timed draft's hours."""
    families = (rules.hydration, rules.therapeutic, rules.chemotherapy, rules.subcutaneous)
    own = [family for family in families if draft.code in (family.initial_code, family.additional_code)]
    return own[0] if own else rules.chemotherapy if draft.service.family is Family.CHEMOTHERAPY else rules.therapeutic
