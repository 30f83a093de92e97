"""What was given: the drug or mix of an administration, its class and its service family."""

from __future__ import annotations

from functools import cache

from msgspec.structs import replace

from coding.claim import Family
from coding.drug_names import ingredient_name, name_keys
from coding.drugs import DrugClass, Formulary, Product
from coding.encounter import Administration, Drug
from coding.policy import Policy
from coding.rules import read_toml
from coding.services import Identity
from coding.tables import engine_numbers, rows_of

# A mix takes the highest class of its parts: the first of these that one of them has.
MIX_ORDER = (
    DrugClass.CHEMOTHERAPY,
    DrugClass.HORMONAL_ANTINEOPLASTIC,
    DrugClass.COMPLEX_BIOLOGIC,
    DrugClass.THERAPEUTIC,
    DrugClass.NUTRITION,
    DrugClass.BLOOD_PRODUCT,
    DrugClass.VACCINE,
    DrugClass.SEDATION,
    DrugClass.CONTRAST,
    DrugClass.HYDRATION,
    DrugClass.SELF_ADMINISTERED,
    DrugClass.FLUSH,
    DrugClass.OTHER,
)
CARRIERS = {DrugClass.HYDRATION, DrugClass.FLUSH}
FAMILIES = {
    DrugClass.CHEMOTHERAPY: Family.CHEMOTHERAPY,
    DrugClass.HORMONAL_ANTINEOPLASTIC: Family.CHEMOTHERAPY,
    DrugClass.COMPLEX_BIOLOGIC: Family.CHEMOTHERAPY,
    DrugClass.HYDRATION: Family.HYDRATION,
    DrugClass.BLOOD_PRODUCT: Family.OTHER,
    DrugClass.VACCINE: Family.OTHER,
}

OF_SYSTEMS = {"CVX": DrugClass.VACCINE, "HL70292": DrugClass.VACCINE, "ISBT128": DrugClass.BLOOD_PRODUCT}


def identity_of(drug: Drug, formulary: Formulary, policy: Policy) -> Identity:
    """Return what was given. An unknown drug is coded as if therapeutic, and held: DRUG_UNCLASSIFIED.

    Remembered per policy, since a hospital gives the same drugs again and again.
    """
    key = (drug, formulary)
    identity = policy.identities.get(key)
    if identity is None:
        identity = _looked_up(drug, formulary, policy)
        if len(policy.identities) < engine_numbers()["answers_kept"]:
            policy.identities[key] = identity
    return identity


def _looked_up(drug: Drug, formulary: Formulary, policy: Policy) -> Identity:
    """Return what the dictionary and the payer say of a drug."""
    product = formulary.find(drug)
    ingredient = product.ingredient if product else ingredient_name(drug.name) or drug.code.casefold()
    known = _class_by_policy(drug, ingredient, policy) or (product.drug_class if product else _class_by_system(drug))
    drug_class = known or DrugClass.THERAPEUTIC
    hcpcs = product.hcpcs if product else ""
    return Identity(
        ingredient,
        drug_class,
        _family(drug_class, hcpcs, policy),
        product.resource_rank if product else engine_numbers()["resource_rank"],
        product.tag if product else "",
        hcpcs,
        (*_flags(drug_class, policy), *_by_tag(product)) if known else ("DRUG_UNCLASSIFIED",),
    )


def _class_by_system(drug: Drug) -> DrugClass | None:
    """Return the class that all products of a code system have: vaccines in CVX (table 0292), blood in ISBT 128."""
    return OF_SYSTEMS.get(drug.code_system.upper())


def _class_by_policy(drug: Drug, ingredient: str, policy: Policy) -> DrugClass | None:
    """Return the class that a payer or site puts a drug in, by its ingredient or by its name as recorded."""
    classes = policy.drug_classes
    keys = (ingredient, *name_keys(drug.name), ingredient_name(drug.name))
    return next((classes[key] for key in keys if key in classes), None)


def _family(drug_class: DrugClass, hcpcs: str, policy: Policy) -> Family:
    """Return the service family of infusions and pushes of a drug."""
    if drug_class is DrugClass.COMPLEX_BIOLOGIC and policy.complex_biologic != "chemotherapy":
        listed = _plain_biologics(policy.payer.casefold())
        if policy.complex_biologic == "therapeutic" or any(code in listed for code in hcpcs.split()):
            return Family.THERAPEUTIC
    return FAMILIES.get(drug_class, Family.THERAPEUTIC)


@cache
def _plain_biologics(payer: str) -> frozenset[str]:
    """Return the HCPCS codes that a payer does not take for complex.

    Not modelled: a plan's list as it was before its present one.
    """
    rows = rows_of("payer_classes.csv", "payer,hcpcs,effective,source")
    return frozenset(row["hcpcs"] for row in rows if row["payer"] in payer)


def _flags(drug_class: DrugClass, policy: Policy) -> tuple[str, ...]:
    """Return what a class asks a person to look at."""
    if drug_class is DrugClass.COMPLEX_BIOLOGIC and "medicare" not in policy.payer.casefold():
        return ("COMPLEX_DRUG_PAYER",)
    return ("NUTRITION",) if drug_class is DrugClass.NUTRITION else ()


def _by_tag(product: Product | None) -> tuple[str, ...]:
    """Return what a product asks a person to look at."""
    return ("FLUID_PURPOSE",) if product is not None and product.tag == "purpose" else ()


def identity_of_mix(administration: Administration, formulary: Formulary, policy: Policy) -> Identity:
    """Return the identity of a bag or syringe of several drugs: the highest class, the set of ingredients."""
    parts = [identity_of(drug, formulary, policy) for drug in administration.components]
    flags = tuple(dict.fromkeys(flag for part in parts for flag in part.flags))
    if "DRUG_UNCLASSIFIED" in flags and administration.drug not in administration.components:
        whole = identity_of(administration.drug, formulary, policy)
        if "DRUG_UNCLASSIFIED" not in whole.flags:
            return whole
    drugs = [part for part in parts if part.drug_class not in CARRIERS]
    of_class = drugs or parts
    if _is_plain_fluid(parts, drugs) and not is_for_deficit(administration):  # not the fluid that has nothing added
        drugs, of_class = [], [part for part in parts if part.drug_class in CARRIERS]
        flags = (*flags, "HYD_ADDITIVE")
    highest = min(of_class, key=lambda part: MIX_ORDER.index(part.drug_class))
    return replace(highest, ingredient=" + ".join(sorted({part.ingredient for part in drugs or parts})), flags=flags)


def _is_plain_fluid(parts: list[Identity], drugs: list[Identity]) -> bool:
    """Say whether a fluid carries only what is added to hydrate: it stays hydration. Source: CGS on hydration."""
    return 0 < len(drugs) < len(parts) and all(part.tag == "simple_additive" for part in drugs)


def is_for_deficit(administration: Administration) -> bool:
    """Say whether the record gives a deficit as the purpose of an electrolyte."""
    said = f"{administration.indication} {administration.order_text}".casefold()
    return any(word in said for word in read_toml("order_words.toml")["deficit"])
