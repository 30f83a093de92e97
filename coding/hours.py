"""How many hours of running time may be reported."""

from __future__ import annotations


def additional_hours(minutes: int, additional_minutes_min: int) -> int:
    """Count the hours after the first one.

    Args:
        minutes: whole minutes run; minutes shared with another service are already taken out.
        additional_minutes_min: fewest minutes past a full hour that make one more.

    Source: CMS Pub. 100-04, ch. 4, sec. 230.2.
    """
    return minutes // 60 - 1 + (minutes % 60 >= additional_minutes_min) if minutes > 60 else 0


def all_hours(minutes: int, additional_minutes_min: int) -> int:
    """Count all hours, when another service is the initial one: each full hour, and the last part when long enough."""
    return minutes // 60 + (minutes % 60 >= additional_minutes_min)


def repeat_hours(minutes: int, initial_minutes_min: int, additional_minutes_min: int) -> int:
    """Count the hours of a later dose of a drug: at least one when it is long enough to be an infusion, else none.

    Source: MedLearn 2025-01-13; HCPro on CPT's instruction for later infusions of a drug.
    """
    if minutes < initial_minutes_min:
        return 0
    return max(1, all_hours(minutes, additional_minutes_min))
