"""The published edits on what is proposed: add-on codes and their primaries, code pairs, unit limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache

from msgspec.structs import replace

from coding.contest import Claim
from coding.findings import HOLD, status_of
from coding.policy import Policy
from coding.published import Edits, UnitLimit, Verdict
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

    An add-on without one of its primaries on the claim is held; a primary on another date is enough. The second code of
    a pair on one date carries a modifier, or a finding where none helps. A unit limit set by policy caps the units of a
    date; a clinical one asks for documentation. Source: CMS add-on code edits, type I; CMS Transmittal 1702; NCCI
    procedure-to-procedure and medically unlikely edits.
    """
    units = proposed_units(drafts)
    verdicts = {of_date: _verdict(codes, of_date, claim) for of_date, codes in units.items()}
    if orphans := _orphans(units, verdicts, claim, day):
        held = [_without_primary(one) if one.code in orphans and is_proposed(one) else one for one in drafts]
        return check(held, claim, day)
    over: dict[tuple[str, date], UnitLimit] = {}
    for of_date, verdict in verdicts.items():
        if verdict.pairs:
            pairs, policy = verdict.pairs, claim.policy
            drafts = [_with_pair(one, of_date, pairs, policy) if one.code in pairs else one for one in drafts]
        for code, limit in verdict.over.items():
            over[code, of_date] = limit
    return _within(drafts, over) if over else (drafts, [])


def _verdict(codes: Mapping[str, int], day: date, claim: Claim) -> Verdict:
    """Return what the edits say of the units of a date. The same go together often: what was said is remembered."""
    edits = claim.tables.on(day, claim.encounter.setting)
    key = (frozenset(codes.items()), claim.policy.unit_caps)
    try:
        return edits.verdicts[key]
    except KeyError:
        over = _over(codes, limits_of(edits, claim.policy))
        verdict = Verdict(edits.orphans(codes.keys()), edits.paired(codes.keys()), over)
        if len(edits.verdicts) < engine_numbers()["answers_kept"]:
            edits.verdicts[key] = verdict
        return verdict


def _orphans(units: Units, verdicts: Mapping[date, Verdict], claim: Claim, day: date) -> frozenset[str]:
    """Return the add-on codes that have none of their primaries on the claim, by the edits of its first date."""
    if len(units) == 1 and day in units:
        orphans = verdicts[day].orphans
    else:
        orphans = claim.tables.on(day, claim.encounter.setting).orphans(_codes(units))
    if claim.is_office and claim.policy.pro_hyd_primary == "hold":
        primaries = claim.tables.on(day, claim.encounter.setting).primaries
        return orphans | _without_drug(_codes(units), primaries, claim.rules.hydration)
    return orphans


def _codes(units: Units) -> frozenset[str]:
    """Return the codes of all dates."""
    return frozenset(code for codes in units.values() for code in codes)


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


def _with_pair(draft: Draft, day: date, pairs: Mapping[str, bool], policy: Policy) -> Draft:
    """Return one draft of a second code with what its pair on the date asks."""
    if draft.service_date != day or not is_proposed(draft):
        return draft
    if not pairs[draft.code]:
        return replace(draft, flags=(*draft.flags, "PAIR_NOT_PAID"))
    if draft.modifiers:
        return draft
    modifiers = () if policy.pair_modifier == "none" else (policy.pair_modifier,)
    reasons = (*draft.reasons, policy.wording["PAIR"].say())
    return replace(draft, modifiers=modifiers, flags=(*draft.flags, "PAIR_MODIFIER"), reasons=reasons)


def _over(codes: Mapping[str, int], limits: Mapping[str, UnitLimit]) -> dict[str, UnitLimit]:
    """Return the unit limits of a date that are exceeded, by code."""
    return {code: limits[code] for code, count in codes.items() if code in limits and count > limits[code].units}


def limits_of(edits: Edits, policy: Policy) -> Mapping[str, UnitLimit]:
    """Return the unit limits of a date; a plan's own caps where they are lower, none where the policy has it so."""
    published, caps = edits.limits, policy.unit_caps
    if caps == "mue":
        return published
    if caps == "none":
        return {}
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
