"""Modifiers: what sets a line apart from another that would otherwise take it in."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from coding.claim import Family, Role
from coding.initial import Initial
from coding.policy import Policy
from coding.rules import Rules
from coding.services import Draft, Note


def of_second_site(drafts: Iterable[Draft], initial: Initial, policy: Policy, *, is_supported: bool) -> list[Draft]:
    """Return a further site's drafts: its initial service and that one's hours carry the site's modifier.

    Where nothing supports the site all its lines are to be confirmed, in one finding: without it none may stay.
    Source: NCCI Policy Manual, ch. XI; CMS on the X modifiers.
    """
    reason = policy.wording["SECOND_SITE"].say(modifier=policy.site_modifier)
    drafts = [
        replace(draft, modifiers=(policy.site_modifier,), reasons=(*draft.reasons, reason))
        if draft.service.ids[0] in initial.service.ids
        else draft
        for draft in drafts
    ]
    if is_supported:
        return drafts
    note = Note("SECOND_SITE_UNSUPPORTED", tuple(sorted({one for draft in drafts for one in draft.service.ids})))
    return [replace(draft, shared=(*draft.shared, note)) for draft in drafts]


def of_payer(drafts: list[Draft], policy: Policy) -> list[Draft]:
    """Return the drafts with the modifiers that some payers ask."""
    if policy.hyd_seq_modifier != "none":
        drafts = _of_hydration(drafts, policy)
    return drafts if policy.stopped_early_modifier == "none" else _of_stopped(drafts, policy)


def _of_hydration(drafts: list[Draft], policy: Policy) -> list[Draft]:
    """Return the drafts with the modifier of hydration beside a drug infusion."""
    if all(draft.service.family is Family.HYDRATION for draft in drafts):
        return drafts
    reason = policy.wording["HYDRATION_MODIFIER"].say(modifier=policy.hyd_seq_modifier)
    return [
        replace(draft, modifiers=(policy.hyd_seq_modifier,), reasons=(*draft.reasons, reason))
        if draft.service.family is Family.HYDRATION and not draft.modifiers
        else draft
        for draft in drafts
    ]


def _of_stopped(drafts: list[Draft], policy: Policy) -> list[Draft]:
    """Return the drafts; the infusion that was begun and stopped early carries the payer's modifier for it."""
    return [
        replace(draft, modifiers=(policy.stopped_early_modifier, *draft.modifiers))
        if "STOPPED_EARLY" in draft.service.flags
        else draft
        for draft in drafts
    ]


def of_skin_infusion(drafts: list[Draft], by_vein: list[Draft], rules: Rules, policy: Policy) -> list[Draft]:
    """Return the drafts; an infusion under the skin beside an initial service by vein carries the site's modifier."""
    skin = rules.subcutaneous.initial_code
    if all(draft.role is not Role.INITIAL for draft in by_vein):
        return drafts
    modifiers, reason = (policy.site_modifier,), policy.wording["SKIN_BESIDE_VEIN"].say(modifier=policy.site_modifier)
    return [
        replace(
            draft,
            modifiers=modifiers,
            flags=(*draft.flags, "SKIN_BESIDE_VEIN"),
            reasons=(*draft.reasons, reason),
        )
        if draft.code == skin
        else draft
        for draft in drafts
    ]
