"""The running time of one administration, and what is wrong with its times."""

from __future__ import annotations

from datetime import datetime

from coding.claim import Family
from coding.dates import MINUTE, instant
from coding.devices import starts_pump
from coding.drugs import DrugClass
from coding.encounter import Administration, Device, Method, Route
from coding.policy import Policy
from coding.rules import Rules
from coding.services import Identity
from coding.stretches import Stretches, union

BY_HAND = {Method.PUSH, Method.INJECTION}
VESSEL_OR_SKIN = {Route.INTRAVENOUS, Route.SUBCUTANEOUS, Route.INTRA_ARTERIAL, Route.UNKNOWN}
TIMELESS = {DrugClass.VACCINE, DrugClass.BLOOD_PRODUCT, DrugClass.FLUSH, DrugClass.OTHER}


def running_time(
    administration: Administration, identity: Identity, policy: Policy, rules: Rules, *, is_office: bool
) -> tuple[Stretches, tuple[str, ...]]:
    """Return the running time and what is wrong with the times. No running time when one is missing.

    A push or injection recorded at a moment has no running time, and lacks nothing.
    """
    stretches: list[tuple[int, int]] = []
    ran = 0
    for run in administration.runs:
        if run.start is None:
            return (), () if _is_at_one_time(administration) else ("NO_START",)
        if run.stop is None:
            if administration.method in BY_HAND or _is_timeless(administration, identity, rules, is_office=is_office):
                return (), ()
            return _without_stop(administration, run.start, policy)
        start, stop = instant(run.start), instant(run.stop)
        if policy.seconds == "minute_stamps":  # the seconds of both times are dropped first
            start, stop = start - start % MINUTE, stop - stop % MINUTE
        if stop < start:
            return (), ("NEGATIVE_DURATION",)
        if stop > start:
            stretches.append((start, stop))
            ran += stop - start
    if ran < MINUTE and administration.method not in BY_HAND:
        timeless = _is_timeless(administration, identity, rules, is_office=is_office)
        return (), () if timeless else _zero_duration(policy, is_equal=not stretches)
    return union(stretches) if len(stretches) > 1 else tuple(stretches), ()


def _is_at_one_time(administration: Administration) -> bool:
    """Say whether a push or injection has one time, recorded as its stop: the time of a push is all it needs."""
    runs = administration.runs
    return administration.method in BY_HAND and len(runs) == 1 and runs[0].stop is not None


def _zero_duration(policy: Policy, *, is_equal: bool) -> tuple[str, ...]:
    """Return what less than a minute means, when the method does not say push; a sender's word is of equal times."""
    if is_equal and policy.equal_times_mean == "stop_unknown":
        return ("NO_STOP",)
    if is_equal and policy.equal_times_mean == "push":
        return ()
    return ("ZERO_DURATION_HELD",) if policy.zero_duration == "hold" else ("ZERO_DURATION_INFUSION",)


def _without_stop(
    administration: Administration, start_time: datetime, policy: Policy
) -> tuple[Stretches, tuple[str, ...]]:
    """Return the running time when a run has no stop: reckoned from what a nurse recorded, or missing.

    What the order plans is never a time. Source: Palmetto GBA A53778; MedLearn 2024-12-30.
    """
    volume, rate = administration.volume_ml, administration.rate_ml_per_hour
    if policy.stop_calc == "nursing_volume_rate" and volume and rate and rate > 0 and len(administration.runs) == 1:
        start = instant(start_time)
        return ((start, start + int(volume * 60 / rate) * MINUTE),), ("STOP_CALCULATED",)
    return (), ("NO_STOP", "ORDER_DURATION_ONLY") if administration.ordered_minutes else ("NO_STOP",)


def _is_timeless(administration: Administration, identity: Identity, rules: Rules, *, is_office: bool) -> bool:
    """Say whether the service has no time rule, so that a moment is enough."""
    route, is_infusion = administration.route, administration.method is Method.INFUSION
    if identity.drug_class in TIMELESS or route not in VESSEL_OR_SKIN:
        return True
    if route is Route.SUBCUTANEOUS:
        return administration.device is not Device.PUMP and not is_infusion
    if route is Route.INTRA_ARTERIAL and identity.family is not Family.CHEMOTHERAPY and not is_infusion:
        return True
    return starts_pump(administration, identity.family, (), rules, is_office=is_office)
