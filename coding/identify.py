"""What was given: the drug or mix of an administration, its class and its service family."""

from __future__ import annotations

from functools import cache

from coding.claim import Family
from coding.drugs import DrugClass, Formulary, Product, ingredient_name
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


def identify(administration: Administration, formulary: Formulary, policy: Policy) -> Identity:
    """Return what was given. An unknown drug is coded as if therapeutic, and held: DRUG_UNCLASSIFIED."""
    if administration.components:
        return _mix(administration, formulary, policy)
    return _single(administration.drug, formulary.find(administration.drug), policy)


def family_of(identity: Identity, policy: Policy) -> Family:
    """Return the service family of infusions and pushes of a drug."""
    if identity.drug_class is DrugClass.COMPLEX_BIOLOGIC and _is_plain_biologic(identity, policy):
        return Family.THERAPEUTIC
    return FAMILIES.get(identity.drug_class, Family.THERAPEUTIC)


def _is_plain_biologic(identity: Identity, policy: Policy) -> bool:
    """Say whether the payer takes a complex biologic for a therapeutic drug."""
    if policy.complex_biologic == "table":
        listed = _plain_biologics(policy.payer.casefold())
        return any(code in listed for code in identity.hcpcs.split())
    return policy.complex_biologic == "therapeutic"


@cache
def _plain_biologics(payer: str) -> frozenset[str]:
    """Return the HCPCS codes that a payer does not take for complex."""
    rows = rows_of("payer_classes.csv", "payer,hcpcs,effective,source")
    return frozenset(row["hcpcs"] for row in rows if row["payer"] and row["payer"] in payer)


def _single(drug: Drug, product: Product | None, policy: Policy) -> Identity:
    """Return the identity of one drug."""
    if product is None:
        ingredient, flags = ingredient_name(drug.name) or drug.code, ("DRUG_UNCLASSIFIED",)
        known = policy.drug_classes.get(ingredient)
        drug_class = known or DrugClass.THERAPEUTIC
        return Identity(ingredient, drug_class, engine_numbers()["resource_rank"], "", "", () if known else flags)
    drug_class = (
        policy.drug_classes.get(product.ingredient, product.drug_class) if policy.drug_classes else product.drug_class
    )
    return Identity(
        product.ingredient, drug_class, product.resource_rank, product.tag, product.hcpcs, _flags(drug_class, policy)
    )


def _flags(drug_class: DrugClass, policy: Policy) -> tuple[str, ...]:
    """Return what a class asks a person to look at."""
    if drug_class is DrugClass.COMPLEX_BIOLOGIC and "medicare" not in policy.payer.casefold():
        return ("COMPLEX_DRUG_PAYER",)
    if drug_class is DrugClass.NUTRITION:
        return ("NUTRITION",)
    return ()


def _mix(administration: Administration, formulary: Formulary, policy: Policy) -> Identity:
    """Return the identity of a bag or syringe of several drugs: the highest class, the set of ingredients."""
    parts = [_single(drug, formulary.find(drug), policy) for drug in administration.components]
    if any("DRUG_UNCLASSIFIED" in part.flags for part in parts):
        whole = formulary.find(administration.drug)
        if whole is not None and administration.drug not in administration.components:
            return _single(administration.drug, whole, policy)
    highest = min(parts, key=lambda part: MIX_ORDER.index(part.drug_class))
    flags = tuple(dict.fromkeys(flag for part in parts for flag in part.flags))
    drugs = [part for part in parts if part.drug_class not in CARRIERS]
    if drugs and len(drugs) < len(parts) and all(part.tag == "simple_additive" for part in drugs):
        if not is_for_deficit(administration):  # fluid with potassium for dehydration stays hydration
            highest = next(part for part in parts if part.drug_class in CARRIERS)
            flags, drugs = (*flags, "HYD_ADDITIVE"), parts
    ingredient = " + ".join(sorted({part.ingredient for part in drugs or parts}))
    return highest._replace(ingredient=ingredient, flags=flags)


def is_for_deficit(administration: Administration) -> bool:
    """Say whether the record gives a deficit as the purpose of an electrolyte."""
    said = f"{administration.indication} {administration.order_text}".casefold()
    return any(word in said for word in read_toml("order_words.toml")["deficit"])
