"""The pump's own count of the running time, beside the charted times."""

from __future__ import annotations

from coding.claim import Family
from coding.hours import repeat_hours
from coding.rules import Rules
from coding.stretches import Stretches, minutes_of


def units_differ(pump_minutes: int, stretches: Stretches, family: Family, rules: Rules) -> bool:
    """Say whether the pump's minutes would make other units of an infusion than the charted ones.

    Source: no published rule; the signed record rules, and a difference that matters is a person's to settle.
    """
    if not stretches:
        return False
    limits = rules.hydration if family is Family.HYDRATION else rules.drugs[family]
    charted, pumped = (
        repeat_hours(minutes, limits.initial_minutes_min, limits.additional_minutes_min)
        for minutes in (minutes_of(stretches), pump_minutes)
    )
    return charted != pumped
