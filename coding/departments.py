"""Departments away from the hospital's campus: the modifier that every line of theirs carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from msgspec import Struct
from msgspec.structs import replace

from coding.contest import Claim
from coding.drug_lines import DrugDraft
from coding.rules import dated_rules
from coding.services import Draft


class DepartmentRules(Struct, frozen=True, gc=False):
    """The modifier of each kind of department on one date."""

    TABLE: ClassVar[str] = "departments.toml"
    excepted: str
    nonexcepted: str
    emergency: str


def kind_of_department(claim: Claim) -> str:
    """Return what the site says of the unit that the patient was in last, or else of the facility; "" for the campus.

    Only a hospital's claim says it: a practitioner's has its place of service.
    """
    places, encounter = claim.policy.off_campus, claim.encounter
    if claim.is_office or not places:
        return ""
    return places.get(encounter.location.casefold()) or places.get(encounter.facility.casefold(), "")


def of_department(drafts: list[Draft], claim: Claim) -> list[Draft]:
    """Return the drafts with the department's modifier behind their own."""
    return [replace(one, **_marked(one, claim)) for one in drafts] if kind_of_department(claim) else drafts


def drugs_of_department(drafts: Sequence[DrugDraft], claim: Claim) -> Sequence[DrugDraft]:
    """Return the drafts of drugs with the department's modifier behind their own."""
    return [one._replace(**_marked(one, claim)) for one in drafts] if kind_of_department(claim) else drafts


def _marked(draft: Draft | DrugDraft, claim: Claim) -> dict[str, Any]:
    """Return a draft's modifiers and reasons with the department's; as they are on a date without such a modifier."""
    modifier = dated_rules(DepartmentRules)[kind_of_department(claim)].on(draft.service_date)
    if not modifier:
        return {}
    reason = claim.policy.wording["OFF_CAMPUS"].say(modifier=modifier)
    return {"modifiers": (*draft.modifiers, modifier), "reasons": (*draft.reasons, reason)}
