"""What one payer or site wishes beyond the common rules, by switches."""

from __future__ import annotations

from msgspec.structs import replace

from coding.claim import Family, Role
from coding.contest import Claim
from coding.dates import local_date
from coding.devices import is_implanted_pump, is_refill, starts_pump
from coding.drugs import DrugClass
from coding.edits import is_proposed
from coding.encounter import PatientStatus, Route, Setting
from coding.findings import is_holding
from coding.order_words import has_word
from coding.policy import Policy
from coding.rules import Rules
from coding.services import Draft, Given, Note, Service, Technique
from coding.tables import catalogue


def around_transfusion(
    services: list[Service], outside: list[Given], policy: Policy
) -> tuple[list[Service], list[Note]]:
    """Return the services; pushes of the usual drugs around a transfusion are flagged, or left out by the policy."""
    if all(one.identity.drug_class is not DrugClass.BLOOD_PRODUCT for one in outside):
        return services, []
    kept: list[Service] = []
    notes: list[Note] = []
    for service in services:
        first = service.given[0]
        is_usual = service.technique is Technique.PUSH and first.identity.tag == "transfusion_premedication"
        if is_usual and policy.transfusion_premed == "never":
            notes.append(Note("TRANSFUSION_PREMEDICATION", service.ids))
        elif is_usual and has_word(first.administration.order_text, "transfusion"):
            kept.append(replace(service, flags=(*service.flags, "TRANSFUSION_PROTOCOL")))
        else:
            kept.append(service)
    return kept, notes


def around_pump(services: list[Service], outside: list[Given], claim: Claim) -> tuple[list[Service], list[Note]]:
    """Return the services; infusions of a drug that goes home on the clinic's pump are in the pump's code, pushes not.

    A push of a drug that such an infusion ran there has no code either; the pump start itself is no infusion.
    Source: AAPC on A55134 and G0498.
    """
    if claim.policy.prolonged_pump != "G0498":
        return services, []
    on_pump = {one.identity.ingredient for one in outside if starts_clinic_pump(one, claim)}
    infusions = [one for one in services if one.ingredient in on_pump and one.technique is Technique.INFUSION]
    if not infusions:
        return services, []
    infused = {(one.site, one.ingredient) for one in infusions}
    pushes = [one for one in services if one not in infusions and (one.site, one.ingredient) in infused]
    notes = [Note("PUMP_INCLUDED", one.ids) for one in infusions]
    notes += [Note("CHEMO_PUSH_OF_INFUSED", one.ids) for one in pushes]
    return [one for one in services if one not in infusions and one not in pushes], notes


def starts_clinic_pump(one: Given, claim: Claim) -> bool:
    """Say whether an administration is chemotherapy that starts on a portable pump by vein, and is not held."""
    record = one.administration
    if one.family is not Family.CHEMOTHERAPY or record.route is not Route.INTRAVENOUS or is_holding(one.flags):
        return False
    if is_implanted_pump(record) or is_refill(record):
        return False
    return starts_pump(record, one.family, one.stretches, claim.rules, is_office=claim.is_office)


def around_chemotherapy(drafts: list[Draft], policy: Policy) -> tuple[list[Draft], list[Note]]:
    """Return the drafts; hydration of an encounter with chemotherapy is billed, flagged or left out by the policy."""
    if policy.toxicity_hydration == "billable_with_order":
        return drafts, []
    if not any(draft.service.family is Family.CHEMOTHERAPY for draft in drafts):
        return drafts, []
    fluids = [draft for draft in drafts if draft.service.family is Family.HYDRATION]
    if policy.toxicity_hydration == "review":
        return [replace(d, flags=(*d.flags, "HYD_TOXICITY")) if d in fluids else d for d in drafts], []
    kept = [draft for draft in drafts if draft not in fluids]
    return kept, [Note("HYD_TOXICITY", draft.service.ids) for draft in fluids]


def for_payer(drafts: list[Draft], claim: Claim) -> tuple[list[Draft], list[Note]]:
    """Return the drafts as the payer wants them: before an admission, with reasons asked for, per visit."""
    policy = claim.policy
    notes: list[Note] = []
    if (
        policy.payment_window != "off"
        and claim.encounter.status_changes
        and claim.encounter.setting is Setting.FACILITY
    ):
        drafts, notes = _before_admission(drafts, claim)
    if policy.justify_96367_68 == "on":
        asked = {claim.rules.therapeutic.sequential_code, claim.rules.therapeutic.concurrent_code}
        drafts = [replace(d, flags=(*d.flags, "JUSTIFY")) if d.code in asked else d for d in drafts]
    if policy.per_visit_codes == "on":
        drafts, more = _per_visit(drafts, claim.rules)
        notes = [*notes, *more]
    return drafts, notes


def _before_admission(drafts: list[Draft], claim: Claim) -> tuple[list[Draft], list[Note]]:
    """Return the drafts; those in the days before an inpatient admission are confirmed by a person, or left out."""
    changes, window = claim.encounter.status_changes, claim.rules.limits.payment_window_days
    admitted = {local_date(one.at, claim.zone) for one in changes if one.status is PatientStatus.INPATIENT}
    near = [d for d in drafts if any(0 <= (day - d.service_date).days <= window for day in admitted)]
    if claim.policy.payment_window == "suppress":
        return [d for d in drafts if d not in near], [Note("PAYMENT_WINDOW", d.service.ids) for d in near]
    return [replace(d, flags=(*d.flags, "PAYMENT_WINDOW")) if d in near else d for d in drafts], []


def _per_visit(drafts: list[Draft], rules: Rules) -> tuple[list[Draft], list[Note]]:
    """Return one HCPCS code per visit for infusions and one for chemotherapy, in place of CPT.

    What contests for an initial service with these is included. Injections of other drugs are neither: they keep their
    code, and a visit without infusion and chemotherapy keeps all of them.
    """
    neighbours = rules.neighbours
    proposed = [draft for draft in drafts if is_proposed(draft) and catalogue()[draft.code].family is not Family.OTHER]
    chemotherapy = [draft for draft in proposed if draft.service.family is Family.CHEMOTHERAPY]
    infused = [draft for draft in chemotherapy if _is_infusion(draft, rules)]
    plain = [d for d in proposed if _is_infusion(d, rules) and d.service.family is not Family.CHEMOTHERAPY]
    chosen: list[tuple[Draft, str]] = []
    if plain:
        chosen.append((plain[0], neighbours.visit_infusion_code))
    if chemotherapy:
        both = neighbours.visit_chemotherapy_both_code
        code = neighbours.visit_chemotherapy_infused_code if infused else neighbours.visit_chemotherapy_injected_code
        chosen.append((chemotherapy[0], both if infused and len(infused) < len(chemotherapy) else code))
    if not chosen:
        return drafts, []
    per_visit = [
        replace(draft, code=code, units=1, role=Role.STANDALONE, minutes=None, modifiers=()) for draft, code in chosen
    ]
    told = {draft.service.ids for draft in per_visit}
    replaced = [d for d in proposed if d in chemotherapy or d in plain or d.role is not Role.STANDALONE]
    notes = [Note("VISIT_INCLUDED", draft.service.ids) for draft in replaced if draft.service.ids not in told]
    return [draft for draft in drafts if draft not in replaced] + per_visit, notes


def _is_infusion(draft: Draft, rules: Rules) -> bool:
    """Say whether a draft is of an infusion, the start of a long one on a pump included."""
    of_drug = rules.chemotherapy
    starts = (of_drug.prolonged_pump_code, of_drug.clinic_pump_code, of_drug.intra_arterial_pump_code)
    is_start = draft.code in (*starts, rules.therapeutic.prolonged_pump_code)
    return is_start or draft.service.technique is Technique.INFUSION
