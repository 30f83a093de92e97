"""Runs: the administrations that are one service, by the clock and by the drug."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from coding.dates import MINUTE
from coding.policy import Policy
from coding.rules import Limits
from coding.services import Given
from coding.stretches import Stretches, minutes_of, union


class Run(NamedTuple):
    """Administrations of one drug that ran as one: a bag and the next, a restart, a move to another site."""

    given: tuple[Given, ...]
    site: str
    stretches: Stretches
    stop: int
    now_at: str  # the site of the part that stopped last
    flags: tuple[str, ...]


def _run_of(one: Given) -> Run:
    """Return one administration as a run of its own."""
    return Run((one,), one.site, one.stretches, one.stretches[-1][1], one.site, one.flags)


def joined_runs(infusions: list[Given], policy: Policy, limits: Limits) -> list[Given]:
    """Return infusions that have both times, those that are one run made one administration.

    One run: the same drug at the same site again within the tolerated gap, or at another site within the minutes of a
    relocation. The gap itself is not counted. Source: CPT on restarts; Revenue Cycle Advisor on bag changes.
    """
    if len({one.identity.ingredient for one in infusions}) == len(infusions):
        return infusions
    by_drug: dict[str, list[Given]] = {}
    for one in infusions:
        by_drug.setdefault(one.identity.ingredient, []).append(one)
    runs: list[Given] = []
    for doses in by_drug.values():
        runs += doses if len(doses) == 1 else [_as_one(run) for run in _joined(doses, policy, limits)]
    return runs


def _as_one(run: Run) -> Given:
    """Return a run as if it were one administration."""
    if len(run.given) == 1:
        return run.given[0]
    ids = tuple(sorted([identifier for one in run.given for identifier in one.ids]))
    stretches, flags = run.stretches, run.flags
    return replace(
        run.given[0], ids=ids, stretches=stretches, minutes=minutes_of(stretches), flags=flags, parts=run.given
    )


def _joined(doses: list[Given], policy: Policy, limits: Limits) -> list[Run]:
    """Return the runs of one drug."""
    last_at: dict[str, int] = {}  # site: the run that was there last
    runs: list[Run] = []
    for one in sorted(doses, key=lambda one: (one.start, one.stretches, one.ids)):
        place = _continued(one, runs, last_at, policy, limits)
        if place is None:
            place = len(runs)
            runs.append(_run_of(one))
        else:
            runs[place] = _with(runs[place], one, policy)
        last_at[one.site] = place
    return runs


def _continued(one: Given, runs: list[Run], last_at: dict[str, int], policy: Policy, limits: Limits) -> int | None:
    """Return which run an administration continues; None when it begins one."""
    here = last_at.get(one.site)
    if here is not None and (one.start - runs[here].stop) // MINUTE <= policy.bag_gap_tolerance_min:
        return here
    elsewhere = [place for place in last_at.values() if runs[place].now_at != one.site]
    latest = max(elsewhere, key=lambda place: runs[place].stop, default=None)
    if latest is not None and (one.start - runs[latest].stop) // MINUTE <= limits.relocation_minutes_max:
        return latest
    return None


def _with(run: Run, one: Given, policy: Policy) -> Run:
    """Return a run with one more administration."""
    flags = (*run.flags, *one.flags)
    if one.start < run.stop:
        flags = (*flags, "OVERLAP_SAME_DRUG")
    # What ran at both for longer than a change takes did not move.
    if one.site != run.now_at and run.stop - one.start <= policy.bag_gap_tolerance_min * MINUTE:
        flags = (*flags, "RELOCATED")
    stretches = union((*run.stretches, *one.stretches))
    now_at = one.site if one.stretches[-1][1] >= run.stop else run.now_at
    return Run((*run.given, one), run.site, stretches, stretches[-1][1], now_at, tuple(dict.fromkeys(flags)))
