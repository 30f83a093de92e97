"""Modifiers: what sets a line apart from another that would otherwise take it in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from coding.claim import Family, Role
from coding.initial import Initial
from coding.policy import Policy
from coding.rules import Rules
from coding.services import Draft


def of_second_site(
    drafts: Iterable[Draft], initial: Initial | None, policy: Policy, *, is_supported: bool
) -> list[Draft]:
    """Return a further site's drafts: its initial service and that one's hours carry the site's modifier.

    Source: NCCI Policy Manual, ch. XI; CMS on the X modifiers.
    """
    if initial is None:
        return list(drafts)
    ids = initial.service.administration_ids
    flags = () if is_supported else ("SECOND_SITE_UNSUPPORTED",)
    reason = policy.wording["SECOND_SITE"].say(modifier=policy.site_modifier)
    return [
        replace(
            draft, modifiers=(policy.site_modifier,), flags=(*draft.flags, *flags), reasons=(*draft.reasons, reason)
        )
        if draft.service.administration_ids[0] in ids
        else draft
        for draft in drafts
    ]


def of_hydration(drafts: list[Draft], policy: Policy) -> list[Draft]:
    """Return the drafts with the modifier that some payers ask on hydration beside a drug infusion."""
    if policy.hyd_seq_modifier == "none" or all(draft.service.family is Family.HYDRATION for draft in drafts):
        return drafts
    return [
        replace(draft, modifiers=(*draft.modifiers, policy.hyd_seq_modifier))
        if draft.service.family is Family.HYDRATION and not draft.modifiers
        else draft
        for draft in drafts
    ]


def of_skin_infusion(drafts: list[Draft], rules: Rules, policy: Policy) -> list[Draft]:
    """Return the drafts; an infusion under the skin beside an initial service by vein carries the site's modifier."""
    skin = rules.subcutaneous.initial_code
    by_vein = any(draft.role is Role.INITIAL and draft.code != skin for draft in drafts)
    if not by_vein or all(draft.code != skin for draft in drafts):
        return drafts
    return [
        replace(draft, modifiers=(policy.site_modifier,), flags=(*draft.flags, "SKIN_BESIDE_VEIN"))
        if draft.code == skin
        else draft
        for draft in drafts
    ]
