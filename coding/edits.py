"""The published edits on what is proposed: add-on codes and their primaries, code pairs, unit limits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cache

from coding.claim import Status
from coding.contest import Claim
from coding.encounter import Setting
from coding.findings import status_of
from coding.policy import Policy
from coding.rules import Rules
from coding.services import Draft, Note
from coding.tables import Edits, UnitLimit, edits_on, rows_of


def is_proposed(draft: Draft) -> bool:
    """Say whether a draft is not held."""
    return status_of((*draft.service.flags, *draft.flags)) is not Status.HOLD


def check_primaries(drafts: list[Draft], claim: Claim, day: date) -> list[Draft]:
    """Return the drafts; an add-on without one of its primaries on the claim is held.

    A primary on another date is enough. Source: CMS add-on code edits, type I.
    """
    edits, rules = edits_on(day, claim.encounter.setting), claim.rules
    barred = frozenset[str]()
    if claim.is_office and claim.policy.pro_hyd_primary == "hold":
        barred = frozenset({rules.hydration.initial_code})
    while True:
        proposed = {draft.code for draft in drafts if is_proposed(draft)}
        wrong = [code for code in proposed if _lacks_primary(code, proposed, edits, barred, rules)]
        if not wrong:
            return drafts
        kind = "ADDON_PRIMARY_MISMATCH"
        drafts = [
            draft._replace(flags=(*draft.flags, kind)) if draft.code in wrong and is_proposed(draft) else draft
            for draft in drafts
        ]


def _lacks_primary(code: str, proposed: set[str], edits: Edits, barred: frozenset[str], rules: Rules) -> bool:
    """Say whether a code is an add-on whose primaries are all missing."""
    primaries = edits.primaries.get(code)
    if primaries is None:
        return False
    if barred and code != rules.hydration.additional_code:
        primaries = primaries - barred
    return primaries.isdisjoint(proposed)


def check_pairs(drafts: list[Draft], claim: Claim) -> list[Draft]:
    """Return the drafts; the second code of a pair on one date carries a modifier, or a finding where none helps.

    Source: NCCI procedure-to-procedure edits.
    """
    by_date: dict[date, set[str]] = {}
    for draft in drafts:
        if is_proposed(draft):
            by_date.setdefault(draft.service_date, set()).add(draft.code)
    verdicts = {day: _paired(codes, edits_on(day, claim.encounter.setting)) for day, codes in by_date.items()}
    if not any(verdicts.values()):
        return drafts
    return [_with_pair(draft, verdicts, claim.policy) for draft in drafts]


def _paired(codes: set[str], edits: Edits) -> dict[str, bool]:
    """Return the second codes of pairs among the codes, and whether a modifier lifts the edit."""
    verdict: dict[str, bool] = {}
    for first in codes:
        for second in edits.columns_two.get(first, frozenset()) & codes:
            verdict[second] = verdict.get(second, True) and edits.pairs[first, second]
    return verdict


def _with_pair(draft: Draft, verdicts: dict[date, dict[str, bool]], policy: Policy) -> Draft:
    """Return one draft with what its pair asks."""
    lifts = verdicts.get(draft.service_date, {}).get(draft.code)
    if lifts is None or not is_proposed(draft):
        return draft
    if not lifts:
        return draft._replace(flags=(*draft.flags, "PAIR_NOT_PAID"))
    if draft.modifiers:
        return draft
    modifiers = () if policy.pair_modifier == "none" else (policy.pair_modifier,)
    reason = policy.wording["PAIR"].say()
    return draft._replace(modifiers=modifiers, flags=(*draft.flags, "PAIR_MODIFIER"), reasons=(*draft.reasons, reason))


def check_units(drafts: list[Draft], claim: Claim) -> tuple[list[Draft], list[Note]]:
    """Return the drafts within the unit limits of a date, and notes for what was cut off.

    A limit set by policy caps the units; a clinical one asks for documentation. Source: NCCI medically unlikely edits.
    """
    setting, policy = claim.encounter.setting, claim.policy
    if policy.unit_caps == "none":
        return drafts, []
    units: dict[tuple[str, date], int] = {}
    for draft in drafts:
        if is_proposed(draft):
            key = (draft.code, draft.service_date)
            units[key] = units.get(key, 0) + draft.units
    over = {
        key: limit for key, total in units.items() if (limit := _limit(key, setting, policy)) and total > limit.units
    }
    if not over:
        return drafts, []
    return _capped(drafts, over)


def _limit(key: tuple[str, date], setting: Setting, policy: Policy) -> UnitLimit | None:
    """Return the limit of a code on a date; None where there is none."""
    code, day = key
    limit = edits_on(day, setting).limits.get(code)
    plan = _plan_caps(policy.unit_caps).get(code)
    if plan is None or (limit is not None and limit.units < plan):
        return limit
    return UnitLimit(plan, False, policy.unit_caps)


@cache
def _plan_caps(plan: str) -> dict[str, int]:
    """Return a plan's own caps by code."""
    rows = rows_of("unit_caps.csv", "plan,code,units,source")
    return {row["code"]: int(row["units"]) for row in rows if row["plan"] == plan}


def _capped(drafts: Iterable[Draft], over: dict[tuple[str, date], UnitLimit]) -> tuple[list[Draft], list[Note]]:
    """Return the drafts with absolute limits applied and the other exceeded ones flagged."""
    left = {key: limit.units for key, limit in over.items()}
    kept: list[Draft] = []
    notes: list[Note] = []
    for draft in drafts:
        key = (draft.code, draft.service_date)
        limit = over.get(key) if is_proposed(draft) else None
        if limit is None:
            kept.append(draft)
        elif not limit.is_absolute:
            kept.append(draft._replace(flags=(*draft.flags, "MUE_EXCEEDED")))
        else:
            units = min(draft.units, left[key])
            left[key] -= units
            if units:
                kept.append(draft._replace(units=units, flags=(*draft.flags, "MAI2_CAPPED")))
            else:
                notes.append(Note("MAI2_CAPPED", draft.service.ids))
    return kept, notes
