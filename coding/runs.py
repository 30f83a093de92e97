"""Runs: the administrations that are one service, by the clock and by the drug."""

from __future__ import annotations

from typing import NamedTuple

from coding.dates import MINUTE
from coding.encounter import Method
from coding.policy import Policy
from coding.rules import Limits
from coding.services import Given
from coding.stretches import Stretches, union

BY_HAND = {Method.PUSH, Method.INJECTION}


class Joined(NamedTuple):
    """Administrations of one drug that are one run: a bag and the next, a restart, a move to another site."""

    given: tuple[Given, ...]
    site: str
    stretches: Stretches
    stop: int
    now_at: str  # the site it ran at last
    flags: tuple[str, ...]


def joined_runs(infusions: list[Given], policy: Policy, limits: Limits) -> list[Joined]:
    """Return the runs of infusions that have both times, each in order of time.

    One run: the same drug at the same site again within the tolerated gap, or at another site within the minutes of a
    relocation. The gap itself is not counted. Source: CPT on restarts; RCA on bag changes.
    """
    by_drug: dict[str, list[Given]] = {}
    for one in infusions:
        by_drug.setdefault(one.identity.ingredient, []).append(one)
    runs: list[Joined] = []
    for doses in by_drug.values():
        runs += [_alone(doses[0])] if len(doses) == 1 else _joined(doses, policy, limits)
    return runs


def _alone(one: Given) -> Joined:
    """Return an administration as a run of its own."""
    return Joined((one,), one.site, one.stretches, one.stretches[-1][1], one.site, one.flags)


def _joined(doses: list[Given], policy: Policy, limits: Limits) -> list[Joined]:
    """Return the runs of one drug."""
    last_at: dict[str, int] = {}  # site: the run that was there last
    runs: list[Joined] = []
    for one in sorted(doses, key=lambda one: (one.start, one.stretches, one.administration.administration_id)):
        place = _place(one, runs, last_at, policy, limits)
        if place is None:
            place = len(runs)
            runs.append(_alone(one))
        else:
            runs[place] = _with(runs[place], one)
        last_at[one.site] = place
    return runs


def _place(one: Given, runs: list[Joined], last_at: dict[str, int], policy: Policy, limits: Limits) -> int | None:
    """Return which run an administration continues; None when it begins one."""
    here = last_at.get(one.site)
    if here is not None and (one.start - runs[here].stop) // MINUTE <= policy.bag_gap_tolerance_min:
        return here
    elsewhere = [place for place in last_at.values() if runs[place].now_at != one.site]
    latest = max(elsewhere, key=lambda place: runs[place].stop, default=None)
    if latest is not None and (one.start - runs[latest].stop) // MINUTE <= limits.relocation_minutes_max:
        return latest
    return None


def _with(run: Joined, one: Given) -> Joined:
    """Return a run with one more administration."""
    flags = (*run.flags, *one.flags)
    if one.start < run.stop:
        flags = (*flags, "OVERLAP_SAME_DRUG")
    if one.site != run.now_at:
        flags = (*flags, "RELOCATED")
    stretches = union((*run.stretches, *one.stretches))
    return Joined((*run.given, one), run.site, stretches, stretches[-1][1], one.site, tuple(dict.fromkeys(flags)))
