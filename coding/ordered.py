"""What an order, or what was given without times, would come to if the record were whole: codes at stake, no lines."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

from coding.billed_drugs import of_administration
from coding.checks import excluded
from coding.claim import CodeAtStake, Family, Role
from coding.contest import Claim
from coding.dates import MINUTE
from coding.drug_units import billing_units, is_unclassified
from coding.drugs import Formulary
from coding.encounter import Administration, DrugOrder, Method, Route
from coding.held import Standing, codes_of
from coding.hours import additional_hours
from coding.identify import identity_of, identity_of_mix
from coding.neighbours import has_own_code
from coding.services import Draft, Given, Identity, Technique
from coding.standalone import BY_CLASS, BY_VEIN
from coding.stretches import minutes_of
from coding.times import BY_HAND
from coding.under_skin import injection_code, is_skin_infusion

INTO_TISSUE = {Route.INTRAMUSCULAR, Route.SUBCUTANEOUS}


def as_given(order: DrugOrder) -> Administration:
    """Return an order as if it had been carried out, without times."""
    return Administration(
        administration_id="",
        drug=order.drug,
        route=order.route,
        method=order.method,
        dose_amount=order.dose.amount if order.dose else None,
        dose_unit=order.dose.unit if order.dose else "",
        ordered_minutes=order.ordered_minutes,
    )


def service_codes(
    one: Administration, drafts: Collection[Draft], formulary: Formulary, claim: Claim
) -> tuple[CodeAtStake, ...]:
    """Return the codes of an administration without times, beside the lines that there are.

    An infusion counts for as long as it was ordered, else for the least that is one. None where the record does not
    say whether it was one, or by which way it was given.
    """
    mix = identity_of_mix(one, formulary, claim.policy) if one.components else None
    identity = mix or identity_of(one.drug, formulary, claim.policy)
    by_vein = [draft for draft in drafts if _contests(draft)]
    site = by_vein[0].service.site if by_vein else ""
    stretches = _stretches(one, identity, claim)
    given = Given(one, ("",), identity, identity.family, stretches, minutes_of(stretches), 0, None, None, site, ())
    if excluded(one, identity, claim.policy) or identity.drug_class in BY_CLASS or has_own_code(given):
        return ()
    if is_skin_infusion(given, claim.policy):
        return _skin_infusion(given, claim)
    if one.route in INTO_TISSUE:
        return (CodeAtStake(injection_code(given, claim)[0], 1),)
    if one.route not in BY_VEIN or not (given.stretches or one.method in BY_HAND):
        return ()
    return tuple(CodeAtStake(code, units) for code, units, _ in codes_of(given, _standing(by_vein), claim))


def _skin_infusion(given: Given, claim: Claim) -> tuple[CodeAtStake, ...]:
    """Return the codes of an infusion under the skin."""
    rules, minutes = claim.rules.subcutaneous, given.minutes
    if minutes < rules.initial_minutes_min:
        return (CodeAtStake(injection_code(given, claim)[0], 1),)
    first, hours = CodeAtStake(rules.initial_code, 1), additional_hours(minutes, rules.additional_minutes_min)
    return (first, CodeAtStake(rules.additional_code, hours)) if hours else (first,)


def drug_codes(order: DrugOrder, day: date, formulary: Formulary, claim: Claim) -> Iterator[CodeAtStake]:
    """Yield the code of an ordered drug itself with the units of the ordered dose, where both are known."""
    for drug in of_administration(as_given(order), day, formulary, claim):
        if drug.code and drug.dose is not None and drug.unit is not None:
            units = 1 if is_unclassified(drug.code, day) else billing_units([drug.dose], drug.unit.amount)
            yield CodeAtStake(drug.code, units)


def _stretches(one: Administration, identity: Identity, claim: Claim) -> tuple[tuple[int, int], ...]:
    """Return the running time that counts: as ordered, else the least; none when it may have been no infusion."""
    is_fluid = identity.family is Family.HYDRATION
    if one.method in BY_HAND or not (one.ordered_minutes or one.method is Method.INFUSION or is_fluid):
        return ()
    rules = claim.rules.hydration if is_fluid else claim.rules.drugs[identity.family]
    minutes = one.ordered_minutes or rules.initial_minutes_min
    return ((0, minutes * MINUTE),)


def _contests(draft: Draft) -> bool:
    """Say whether a draft is of the contest for the initial service: by vein, not blood or the start of a pump."""
    return draft.role is not Role.STANDALONE and draft.service.given[0].administration.route in BY_VEIN


def _standing(by_vein: Collection[Draft]) -> Standing:
    """Return what each access site has."""
    infused = {
        (draft.service.site, draft.service.ingredient)
        for draft in by_vein
        if draft.service.technique is Technique.INFUSION
    }
    drugs = {(draft.service.site, draft.service.ingredient) for draft in by_vein}
    return Standing({draft.service.site for draft in by_vein}, drugs, infused)
