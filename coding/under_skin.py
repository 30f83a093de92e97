"""Injections under the skin and into muscle, and infusions under the skin."""

from __future__ import annotations

from coding.bench import Bench, continued, edged
from coding.claim import Family, Role
from coding.contest import Claim
from coding.dates import MINUTE
from coding.devices import is_on_body_injector
from coding.drugs import DrugClass
from coding.encounter import Device, Method, Route
from coding.order_words import has_word, said_of
from coding.policy import Policy
from coding.services import Given

# Bound once: on Python 3.11 a member looked up on its class costs ten times as much.
OF_CHEMOTHERAPY = Family.CHEMOTHERAPY
CHEMOTHERAPY = DrugClass.CHEMOTHERAPY
HORMONAL = DrugClass.HORMONAL_ANTINEOPLASTIC
COMPLEX_BIOLOGIC = DrugClass.COMPLEX_BIOLOGIC
SUBCUTANEOUS = Route.SUBCUTANEOUS


def injections(ones: list[Given], bench: Bench) -> None:
    """Code injections: one each. Source: CPT Assistant, May 2010; payers that pay once are a switch."""
    last: dict[str, int] = {}  # ingredient: start of its injection before
    hormonal: set[object] = set()
    for one in ones:
        ingredient = one.identity.ingredient
        is_part = False
        if not is_on_body_injector(one.administration):  # that one is applied besides
            is_part = one.family is not OF_CHEMOTHERAPY and _is_part(one, last.get(ingredient), bench)
            last[ingredient] = one.start
        if one.identity.drug_class is HORMONAL and bench.policy.hormonal_injections == "once":
            if (ingredient, one.start_date) in hormonal:
                bench.leave("HORMONAL_SECOND_INJECTION", [one])
                continue
            hormonal.add((ingredient, one.start_date))
        if is_part and bench.policy.inj_split == "once":
            bench.leave("INJECTION_PART", [one])
        else:
            bench.add(one, *injection_code(one, bench.claim), *(("INJECTION_SPLIT",) if is_part else ()))


def _is_part(one: Given, before: int | None, bench: Bench) -> bool:
    """Say whether two injections of one drug are so near that they are one dose in parts."""
    return before is not None and (one.start - before) // MINUTE <= bench.rules.limits.split_injection_minutes


def injection_code(one: Given, claim: Claim) -> tuple[str, str]:
    """Return the code of an injection and the rule that gave it."""
    therapeutic, chemotherapy = claim.rules.therapeutic, claim.rules.chemotherapy
    if is_on_body_injector(one.administration):
        return therapeutic.on_body_injector_code, "ON_BODY_INJECTOR"
    if one.identity.tag == "rsv_antibody":
        neighbours = claim.rules.neighbours
        counselled = has_word(said_of(one.administration), "counselled")
        return neighbours.rsv_antibody_counselled_code if counselled else neighbours.rsv_antibody_code, "OWN_CODE"
    drug_class = one.identity.drug_class
    if drug_class is CHEMOTHERAPY:
        return chemotherapy.injection_code, "INJECTION_CHEMOTHERAPY"
    if drug_class is HORMONAL:
        return chemotherapy.hormonal_injection_code, "INJECTION_HORMONAL"
    if drug_class is COMPLEX_BIOLOGIC:
        as_chemotherapy = claim.policy.complex_biologic_injection == "chemotherapy"
        return (chemotherapy if as_chemotherapy else therapeutic).injection_code, "INJECTION_BIOLOGIC"
    return therapeutic.injection_code, "INJECTION"


def is_skin_infusion(one: Given, policy: Policy) -> bool:
    """Say whether a drug ran under the skin: by pump, as an infusion, or for longer than an injection takes.

    Chemotherapy has one code there, however long it takes; a biologic when the payer injects it as chemotherapy.
    """
    record = one.administration
    if record.route is not SUBCUTANEOUS or is_on_body_injector(record):
        return False
    is_biologic = one.identity.drug_class is COMPLEX_BIOLOGIC
    as_therapeutic = is_biologic and policy.complex_biologic_injection == "therapeutic"
    if one.family is OF_CHEMOTHERAPY and not as_therapeutic:
        return False
    ran = bool(one.stretches) and record.method is Method.UNKNOWN
    return record.device is Device.PUMP or record.method is Method.INFUSION or ran


def skin_infusions(ones: list[Given], bench: Bench) -> None:
    """Code infusions under the skin: the longest with its hours, and once another pump set-up."""
    rules = bench.rules.subcutaneous
    ones = continued(ones, bench)
    least, more = rules.initial_minutes_min, rules.additional_minutes_min
    long = [one for one in ones if one.minutes >= least]
    for one in [one for one in ones if one not in long]:
        bench.add(edged(one, least), bench.rules.therapeutic.injection_code, "SKIN_INFUSION_SHORT")
    if long:
        first, *others = sorted(long, key=lambda one: (-one.minutes, one.start, one.ids))
        codes = (rules.initial_code, rules.additional_code)
        bench.add_hours(edged(first, least, more), codes, more, "SKIN_INFUSION")
        for one in others[:1]:
            bench.add(edged(one, least), rules.set_up_code, "SKIN_SET_UP", role=Role.SEQUENTIAL)
        bench.leave("SKIN_SET_UP_INCLUDED", others[1:])
