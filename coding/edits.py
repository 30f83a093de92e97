"""The published edits on what is proposed: add-on codes and their primaries, code pairs, unit limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache

from msgspec.structs import replace

from coding.contest import Claim
from coding.findings import HOLD, status_of
from coding.policy import Policy
from coding.published import UnitLimit
from coding.rules import HydrationRules
from coding.services import Draft, Note
from coding.tables import engine_numbers, rows_of

Units = dict[date, dict[str, int]]  # date: code: units proposed


def is_proposed(draft: Draft) -> bool:
    """Say whether a draft is not held."""
    flags = draft.service.flags + draft.flags
    return not flags or status_of(flags) is not HOLD


def check(drafts: list[Draft], claim: Claim, day: date) -> tuple[list[Draft], list[Note]]:
    """Return the drafts after the published edits, and notes for what was cut off.

    The same units go together often, and most often nothing is to be said of them: that is remembered.
    """
    units = proposed_units(drafts)
    key = _by_what_it_is_judged(units, claim, day)
    nothing_to_say = claim.tables.on(day, claim.encounter.setting).nothing_to_say
    if key in nothing_to_say:
        return drafts, []
    held, units = _check_primaries(drafts, units, claim, day)
    paired = _check_pairs(held, units, claim)
    within, notes = _check_units(paired, units, claim)
    if key and within is drafts and len(nothing_to_say) < engine_numbers()["answers_kept"]:
        nothing_to_say.add(key)
    return within, notes


def _by_what_it_is_judged(units: Units, claim: Claim, day: date) -> object:
    """Return everything that the edits of a date look at; None when units stand on another one too."""
    if len(units) != 1 or day not in units:
        return None
    policy = claim.policy
    return frozenset(units[day].items()), policy.unit_caps, claim.is_office and policy.pro_hyd_primary == "hold"


def _check_primaries(drafts: list[Draft], units: Units, claim: Claim, day: date) -> tuple[list[Draft], Units]:
    """Return the drafts, an add-on without one of its primaries on the claim held, and the units still proposed.

    A primary on another date is enough. Source: CMS add-on code edits, type I; CMS Transmittal 1702.
    """
    edits = claim.tables.on(day, claim.encounter.setting)
    while True:
        proposed = frozenset([code for codes in units.values() for code in codes])
        wrong = edits.orphans(proposed)
        if claim.is_office and claim.policy.pro_hyd_primary == "hold":
            wrong |= _without_drug(proposed, edits.primaries, claim.rules.hydration)
        if not wrong:
            return drafts, units
        drafts = [_without_primary(draft) if draft.code in wrong and is_proposed(draft) else draft for draft in drafts]
        units = proposed_units(drafts)


def _without_primary(draft: Draft) -> Draft:
    """Return a draft that is held for want of a primary."""
    return replace(draft, flags=(*draft.flags, "ADDON_PRIMARY_MISMATCH"))


def _without_drug(
    codes: frozenset[str], primaries: Mapping[str, frozenset[str]], hydration: HydrationRules
) -> frozenset[str]:
    """Return the add-on codes of drugs that only hydration would be the primary of."""
    add_ons = (codes & primaries.keys()) - {hydration.additional_code}
    return frozenset(code for code in add_ons if (primaries[code] - {hydration.initial_code}).isdisjoint(codes))


def proposed_units(drafts: Iterable[Draft]) -> Units:
    """Return the units proposed of each code on each date."""
    units: Units = {}
    for draft in drafts:
        if (draft.flags or draft.service.flags) and not is_proposed(draft):
            continue
        code, day = draft.code, draft.service_date
        if day in units:
            units[day][code] = units[day].get(code, 0) + draft.units
        else:
            units[day] = {code: draft.units}
    return units


def _check_pairs(drafts: list[Draft], units: Units, claim: Claim) -> list[Draft]:
    """Return the drafts; the second code of a pair on one date carries a modifier, or a finding where none helps.

    Source: NCCI procedure-to-procedure edits.
    """
    setting = claim.encounter.setting
    verdicts = {day: claim.tables.on(day, setting).paired(codes.keys()) for day, codes in units.items()}
    if not any(verdicts.values()):
        return drafts
    return [_with_pair(draft, verdicts, claim.policy) for draft in drafts]


def _with_pair(draft: Draft, verdicts: Mapping[date, Mapping[str, bool]], policy: Policy) -> Draft:
    """Return one draft with what its pair asks."""
    lifts = verdicts.get(draft.service_date, {}).get(draft.code)
    if lifts is None or not is_proposed(draft):
        return draft
    if not lifts:
        return replace(draft, flags=(*draft.flags, "PAIR_NOT_PAID"))
    if draft.modifiers:
        return draft
    modifiers = () if policy.pair_modifier == "none" else (policy.pair_modifier,)
    reasons = (*draft.reasons, policy.wording["PAIR"].say())
    return replace(draft, modifiers=modifiers, flags=(*draft.flags, "PAIR_MODIFIER"), reasons=reasons)


def _check_units(drafts: list[Draft], units: Units, claim: Claim) -> tuple[list[Draft], list[Note]]:
    """Return the drafts within the unit limits of a date, and notes for what was cut off.

    A limit set by policy caps the units; a clinical one asks for documentation. Source: NCCI medically unlikely edits.
    """
    if claim.policy.unit_caps == "none":
        return drafts, []
    over: dict[tuple[str, date], UnitLimit] = {}
    for day, codes in units.items():
        limits = limits_on(day, claim)
        for code, count in codes.items():
            limit = limits.get(code)
            if limit and count > limit.units:
                over[code, day] = limit
    return _within(drafts, over) if over else (drafts, [])


def limits_on(day: date, claim: Claim) -> Mapping[str, UnitLimit]:
    """Return the unit limits of a date; a plan's own caps where they are lower."""
    published, caps = claim.tables.on(day, claim.encounter.setting).limits, claim.policy.unit_caps
    if caps == "mue":
        return published
    lower = {
        code: cap for code, cap in _plan_caps(caps).items() if code not in published or cap < published[code].units
    }
    return {**published, **{code: UnitLimit(cap, is_absolute=False) for code, cap in lower.items()}}


@cache
def _plan_caps(plan: str) -> dict[str, int]:
    """Return a plan's own caps by code."""
    rows = rows_of("unit_caps.csv", "plan,code,units,source")
    return {row["code"]: int(row["units"]) for row in rows if row["plan"] == plan}


def _within(drafts: list[Draft], over: Mapping[tuple[str, date], UnitLimit]) -> tuple[list[Draft], list[Note]]:
    """Return the drafts with absolute limits applied and the other exceeded ones flagged."""
    left = {key: limit.units for key, limit in over.items()}
    exceeded = _exceeded(drafts, over)
    kept: list[Draft] = []
    notes: list[Note] = []
    for draft in drafts:
        key = (draft.code, draft.service_date)
        if key not in over or not is_proposed(draft):
            kept.append(draft)
        elif not over[key].is_absolute:
            kept.append(replace(draft, shared=(*draft.shared, exceeded[key])))
        else:
            units = min(draft.units, left[key])
            left[key] -= units
            kept += [replace(draft, units=units, flags=(*draft.flags, "MAI2_CAPPED"))] if units else []
            notes += [] if units else [Note("MAI2_CAPPED", draft.service.ids)]
    return kept, notes


def _exceeded(drafts: list[Draft], over: Mapping[tuple[str, date], UnitLimit]) -> dict[tuple[str, date], Note]:
    """Return, for each exceeded limit, one finding that names every administration with a line of the code and date."""
    ids: dict[tuple[str, date], set[str]] = {}
    for draft in drafts:
        key = (draft.code, draft.service_date)
        if key in over and is_proposed(draft):
            ids.setdefault(key, set()).update(draft.service.ids)
    return {key: Note("MUE_EXCEEDED", tuple(sorted(of_key))) for key, of_key in ids.items()}
