"""Which of the drugs that were given are billed by a code of their own, by which one, and how much was given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from coding.billing import Billing
from coding.checks import excluded
from coding.claim import Family
from coding.contest import Claim
from coding.dates import instant, local_date
from coding.drug_codes import standard_ndc
from coding.drug_units import is_unclassified
from coding.drugs import Formulary
from coding.encounter import Administration, Completion, Drug, Encounter, Measure, Route
from coding.identify import identity_of
from coding.measures import in_unit, is_container
from coding.presence import Presence, inside
from coding.published import DrugTables
from coding.services import Note

# Where one of these was noted there is no drug of ours to bill.
NO_DRUG = {
    "NOT_GIVEN",
    "EXACT_DUPLICATE",
    "INPATIENT",
    "ENCOUNTER_CANCELLED",
    "FACILITY_PLACE_OF_SERVICE",
    "HOME_INFUSION",
    "FLUSH_INCLUDED",
}
BY_MOUTH_OR_SKIN = {Route.ORAL, Route.OTHER}


class Billed(Struct, frozen=True, gc=False):
    """One drug of one administration with the code it is billed with. Amounts are in the code's own unit."""

    administration: Administration
    drug: Drug
    billing: Billing
    code: str
    ndc: str
    family: Family
    is_self_administered: bool
    service_date: date
    unit: Measure | None  # what one billing unit covers
    dose: Decimal | None
    waste: Decimal | None  # None: not charted, or not in a unit that converts
    flags: tuple[str, ...]


def billed_drugs(
    encounter: Encounter, notes: Iterable[Note], claim: Claim, presence: Presence, formulary: Formulary
) -> list[Billed]:
    """Return every drug that was given and has a code, in order of administration id."""
    without = {one for note in notes if note.kind in NO_DRUG for one in note.administration_ids}
    found: list[Billed] = []
    for administration in sorted(encounter.administrations, key=lambda one: one.administration_id):
        day = None if administration.administration_id in without else _date_of(administration, claim, presence)
        if day is not None:
            found += of_administration(administration, day, formulary, claim)
    return found


def _date_of(administration: Administration, claim: Claim, presence: Presence) -> date | None:
    """Return the local date of the start; None when there is no time, or the patient was an inpatient then."""
    times = [time for run in administration.runs for time in (run.start, run.stop) if time]
    time = times[0] if times else administration.charted_at
    if time is None:
        return None
    at = instant(time)
    if "INPATIENT" in inside((), at, at, presence)[1]:
        return None
    return local_date(time, claim.zone)


def of_administration(
    administration: Administration, day: date, formulary: Formulary, claim: Claim
) -> Iterator[Billed]:
    """Yield the billed drugs of one administration: each component of a mix, else its drug."""
    tables = claim.tables.drugs_on(day, claim.encounter.setting)
    drugs = administration.components or (administration.drug,)
    for place, drug in enumerate(drugs):
        product = formulary.find(drug)
        scanned = standard_ndc(administration.ndc) if len(drugs) == 1 else ""
        billing = (product.billing if product else None) or _by_package(scanned, tables)
        if billing is None:
            continue
        ndc = scanned or billing.ndc
        code, flags = _code(billing, ndc, tables)
        identity = identity_of(drug, formulary, claim.policy)
        recorded = _recorded(administration, place, len(drugs))
        unit = billing.unit or _unit_of(code, tables)
        is_excluded = excluded(administration, identity, claim.policy) == "SELF_ADMINISTERED"
        is_taken = is_excluded or administration.route in BY_MOUTH_OR_SKIN
        if is_unclassified(code, day) or (is_taken and unit is None):  # told as charted, and counted as one
            unit = Measure(Decimal(1), recorded.unit if recorded else "")
        dose, of_dose = _dose(recorded, billing, unit)
        waste, of_waste = _waste(administration.waste if len(drugs) == 1 else None, billing, unit)
        unclear = ("ACTION_UNKNOWN",) if administration.completion is Completion.UNKNOWN else ()
        yield Billed(
            administration,
            drug,
            billing,
            code,
            ndc,
            identity.family,
            is_taken,
            day,
            unit,
            dose,
            waste,
            (*flags, *of_dose, *of_waste, *unclear),
        )


def _by_package(ndc: str, tables: DrugTables) -> Billing | None:
    """Return what the published packages say of a scanned one that the site's dictionary does not know."""
    if ndc not in tables.packages:
        return None
    return Billing("", None, ndc, (), None, "", None, None, is_discounted=False, revenue_code="", department="")


def _code(billing: Billing, ndc: str, tables: DrugTables) -> tuple[str, tuple[str, ...]]:
    """Return the code, and what is wrong with it. The dictionary's wins; a package may have several."""
    codes = sorted({row.code for row in tables.packages.get(ndc, ())})
    code = billing.hcpcs or (codes[0] if codes else "")
    if not code:
        return "", ("HCPCS_UNKNOWN",)
    if not billing.hcpcs and len(codes) > 1:
        return code, ("NDC_SEVERAL_CODES",)
    if tables.codes is not None and code[0].isalpha() and code not in tables.codes:
        return code, ("HCPCS_NOT_VALID",)
    return code, ()


def _unit_of(code: str, tables: DrugTables) -> Measure | None:
    """Return what one unit of a code covers by the published tables."""
    amount, unit = tables.units.get(code, (None, ""))
    return Measure(amount, unit) if amount else None


def _recorded(administration: Administration, place: int, count: int) -> Measure | None:
    """Return the recorded dose of one drug of an administration; a fluid's may be its volume alone."""
    if count > 1:
        return administration.component_doses[place] if administration.component_doses else None
    if administration.dose_amount is not None:
        return Measure(administration.dose_amount, administration.dose_unit)
    return Measure(administration.volume_ml, "mL") if administration.volume_ml is not None else None


def _dose(dose: Measure | None, billing: Billing, unit: Measure | None) -> tuple[Decimal | None, tuple[str, ...]]:
    """Return a dose in the billing unit's measure, and what is wrong with it."""
    if unit is None:
        return None, ("HCPCS_UNIT_UNKNOWN",)
    if dose is None or dose.amount <= 0:
        return None, ("DOSE_MISSING",)
    amount = dose.amount if dose.unit == unit.unit else amount_in(dose, unit.unit, billing)
    return amount, () if amount is not None else ("DOSE_UNIT_NOT_CONVERTIBLE",)


def _waste(waste: Measure | None, billing: Billing, unit: Measure | None) -> tuple[Decimal | None, tuple[str, ...]]:
    """Return the discarded amount in the billing unit's measure, and what is wrong with it."""
    if waste is None or unit is None:
        return None, ()
    if not waste.amount:
        return Decimal(), ()
    amount = amount_in(waste, unit.unit, billing)
    return amount, () if amount is not None else ("WASTE_UNIT_NOT_CONVERTIBLE",)


def in_one_unit(group: Sequence[Billed]) -> list[Billed]:
    """Return drugs that are told as charted in the unit of the first dose; one that does not convert is not told."""
    wanted = next((one.unit for one in group if one.dose is not None), None)
    return [_in_unit_of(wanted, one) for one in group]


def _in_unit_of(wanted: Measure | None, one: Billed) -> Billed:
    if wanted is None or one.unit is None or one.dose is None or one.unit.unit == wanted.unit:
        return replace(one, unit=wanted or one.unit)
    dose = amount_in(Measure(one.dose, one.unit.unit), wanted.unit, one.billing)
    flags = one.flags if dose is not None else (*one.flags, "DOSE_UNIT_NOT_CONVERTIBLE")
    return replace(one, unit=wanted, dose=dose, flags=flags)


def amount_in(measure: Measure, word: str, billing: Billing) -> Decimal | None:
    """Return an amount in another unit: directly, by the content of a container, or by the concentration."""
    direct = in_unit(measure, word)
    if direct is not None:
        return direct
    if is_container(measure.unit) and len(billing.packages) == 1:
        held = in_unit(billing.packages[0].content, word)
        return measure.amount * held if held is not None else None
    if billing.concentration is None:
        return None
    content, volume = billing.concentration
    for one, other in ((content, volume), (volume, content)):
        amount, ratio = in_unit(measure, other.unit), in_unit(one, word)
        if amount is not None and ratio is not None:
            return amount * ratio / other.amount
    return None
