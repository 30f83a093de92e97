"""The lines of the drugs themselves: units of what was given, of what was discarded, and how they are told.

All doses of a drug on a date are one line, rounded up once. Source: CMS Pub. 100-04, ch. 17, sec. 10 and 40.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from coding.billed_drugs import Billed, amount_in, in_one_unit
from coding.claim import CodeAtStake, Family, Reason
from coding.contest import Claim
from coding.drug_names import ingredient_name
from coding.drug_units import (
    DrugLineRules,
    billing_units,
    discount_modifiers,
    given_modifiers,
    is_unclassified,
    smallest_opened,
    wasted_units,
)
from coding.edits import limits_of
from coding.encounter import Drug, Measure
from coding.measures import in_unit
from coding.rules import dated_rules
from coding.services import Note

NDC_MEASURES = {"ML": "mL", "ME": "mg", "GR": "g", "F2": "iu"}
THOUSANDTH = Decimal("0.001")


class DrugDraft(NamedTuple):
    """A drug line before its id. `dose` and `waste` are in the measure of the code's unit."""

    code: str
    units: int
    modifiers: tuple[str, ...]
    service_date: date
    ids: tuple[str, ...]  # of the administrations it pays for
    drug: Drug
    family: Family
    ndc: str
    ndc_quantity: Decimal | None
    ndc_unit: str
    dose: Measure
    waste: Measure
    revenue_code: str
    department: str
    lots: tuple[str, ...]
    reasons: tuple[Reason, ...]
    notes: tuple[Note, ...]  # its findings


AtStake = tuple[Note, CodeAtStake]


def drug_lines(billed: Sequence[Billed], claim: Claim) -> tuple[list[DrugDraft], list[AtStake]]:
    """Return the lines of the drugs, and the findings of those whose units cannot be told, with their codes."""
    groups: dict[tuple[date, str, bool, str], list[Billed]] = {}
    for one in billed:
        key = (one.service_date, one.code, one.is_self_administered, _named(one, claim))
        groups.setdefault(key, []).append(one)
    drafts: list[DrugDraft] = []
    untold: list[AtStake] = []
    for (day, code, is_self_administered, _), group in sorted(groups.items(), key=lambda item: item[0]):
        if is_self_administered and _is_noncovered(claim):
            drafts += _noncovered(day, group, claim)
            continue
        is_shared = is_unclassified(code, day)
        ones = in_one_unit(group) if is_shared else group
        known = [one for one in ones if one.dose is not None or is_shared]
        flagged = tuple(Note(flag, (one.administration.administration_id,)) for one in ones for flag in one.flags)
        if known and code:
            drafts += _Lines(code, day, known, flagged, claim).written()
        else:
            untold += [(note, CodeAtStake(code, 0)) for note in flagged]
    return drafts, untold


def _named(one: Billed, claim: Claim) -> str:
    """Return what tells drugs of one code apart: those of a code of their own not at all."""
    is_shared = is_unclassified(one.code, one.service_date) or (one.is_self_administered and _is_noncovered(claim))
    return (ingredient_name(one.drug.name) or one.drug.code.casefold()) if is_shared else ""


def _is_noncovered(claim: Claim) -> bool:
    """Say whether self-administered drugs are told as not covered: of Medicare's outpatients of a hospital."""
    return _is_for_medicare(claim) and not claim.is_office


def _rule(name: str, day: date) -> str:
    """Return a code or modifier of drug lines on a date; "" when it has none."""
    return str(dated_rules(DrugLineRules)[name].on(day))


def _is_for_medicare(claim: Claim) -> bool:
    """Say whether Medicare's rules of modifiers hold: by its name, when no payer is known, or always by policy."""
    payer = claim.policy.payer.casefold()
    return claim.policy.waste_modifiers == "always" or (
        claim.policy.waste_modifiers == "medicare" and (not payer or "medicare" in payer)
    )


def _noncovered(day: date, group: Sequence[Billed], claim: Claim) -> list[DrugDraft]:
    """Return the one line of self-administered drugs of a kind: not covered, one unit each. Source: HCPro, A9270-GY."""
    if claim.policy.self_administered_lines == "off":
        return []
    code, group = _rule("self_administered_code", day), in_one_unit(group)
    first, dose = group[0], _sum(one.dose for one in group)
    unit = first.unit.unit if first.unit else ""
    return [
        DrugDraft(
            code,
            len(group),
            (_rule("noncovered_modifier", day),),
            day,
            _ids(group),
            first.drug,
            first.family,
            first.ndc,
            None,
            "",
            Measure(dose, unit),
            Measure(Decimal(), unit),
            first.billing.revenue_code or _rule("self_administered_revenue_code", day),
            first.billing.department,
            _lots(group),
            (claim.policy.wording["DRUG_SELF_ADMINISTERED"].say(count=len(group)),),
            (),
        )
    ]


class Opening(NamedTuple):
    """What was given out of one kind of package, and what the opened ones held."""

    dose: Decimal
    opened: Decimal
    flags: tuple[str, ...]
    is_single_dose: bool  # and told apart on this claim


class _Lines(NamedTuple):
    """The administrations of one code on one date that have a dose."""

    code: str
    day: date
    known: list[Billed]
    flagged: tuple[Note, ...]
    claim: Claim

    def written(self) -> list[DrugDraft]:
        """Return the lines of each package, what was given before what was discarded; rounded once over all."""
        drafts: list[DrugDraft] = []
        before, dose = 0, Decimal()
        parts = self._by_package()
        openings = [self._opening(part) for part in parts]
        for part, opening, wasted in zip(parts, openings, self._wasted(openings), strict=True):
            dose += opening.dose
            units = self._units(dose)
            drafts += self._of_package(part, opening, units - before, wasted)
            before = units
        return self._with_limit(drafts)

    @property
    def unit(self) -> Measure:
        """What one unit of the code covers."""
        unit = self.known[0].unit
        assert unit is not None  # what has none has no dose that is known
        return unit

    def _wasted(self, openings: Sequence[Opening]) -> list[int]:
        """Return the units discarded of each package."""
        return wasted_units([(one.dose, one.opened) for one in openings], self.unit.amount)

    def _by_package(self) -> list[list[Billed]]:
        """Return the administrations by NDC. A package that adds no unit of its own goes with the one before."""
        by_ndc: dict[str, list[Billed]] = {}
        for one in sorted(self.known, key=lambda one: one.ndc):
            by_ndc.setdefault(one.ndc, []).append(one)
        parts: list[list[Billed]] = []
        before, dose = 0, Decimal()
        for part in by_ndc.values():
            dose += _sum(one.dose for one in part)
            units = self._units(dose)
            if units > before or not parts:
                parts.append(part)
            else:
                parts[-1] = parts[-1] + part
            before = units
        return parts

    def _units(self, dose: Decimal) -> int:
        """Return the units of a dose; of an unclassified code, one."""
        if is_unclassified(self.code, self.day):
            return 1
        return billing_units([dose], self.unit.amount)

    def _opening(self, part: list[Billed]) -> Opening:
        """Return what was opened for one package's line, and what is wrong with the record of it."""
        billing, dose = part[0].billing, _sum(one.dose for one in part)
        is_charted = any(one.waste for one in part)
        if is_unclassified(self.code, self.day):
            return Opening(dose, dose, ("NOC_DRUG",), is_single_dose=False)
        if billing.is_single_dose is False:
            return Opening(dose, dose, ("WASTE_ON_MULTI_DOSE",) if is_charted else (), is_single_dose=False)
        # Before nothing discarded had a modifier, nobody had to chart it.
        is_asked = bool(_rule("nothing_wasted_modifier", self.day))
        if not self._takes_modifiers(part[0]) or not (is_asked or is_charted):
            return Opening(dose, dose, (), is_single_dose=False)
        if billing.is_single_dose is None:
            return Opening(dose, dose, ("SINGLE_DOSE_UNKNOWN",), is_single_dose=False)
        opened, flags = _opened(part, is_asked=is_asked)
        return Opening(dose, opened, tuple(flags), is_single_dose=True)

    def _of_package(self, part: list[Billed], opening: Opening, units: int, wasted: int) -> list[DrugDraft]:
        """Return the line of what was given out of one kind of package, and that of what was discarded."""
        claim, first, flags = self.claim, part[0], [*opening.flags]
        is_emptied = opening.opened == opening.dose
        if not is_emptied and not wasted:
            flags.append("WASTE_WITHIN_UNIT")
        if not first.ndc and _needs_ndc(claim):
            flags.append("NDC_MISSING")
        discount = discount_modifiers(self.day, claim.policy) if first.billing.is_discounted else ()
        modifiers = given_modifiers(wasted, self.day, claim.policy, is_emptied=is_emptied)
        modifiers = modifiers if opening.is_single_dose else ()
        notes = (*self.flagged, *(Note(flag, _ids(part)) for flag in dict.fromkeys(flags)))
        given = self._draft(part, units, (*modifiers, *discount), (opening.dose, Decimal()), notes)
        if not wasted:
            return [given]
        of_waste = (_rule("wasted_modifier", self.day), *discount)
        amounts = (Decimal(), opening.opened - opening.dose)
        return [given, self._draft(part, wasted, of_waste, amounts, notes)]

    def _takes_modifiers(self, first: Billed) -> bool:
        """Say whether a single-dose container of this drug takes a modifier on this claim."""
        tables = self.claim.tables.drugs_on(self.day, self.claim.encounter.setting)
        is_packaged = first.billing.is_packaged
        if is_packaged is None:
            packaged = dated_rules(DrugLineRules)["packaged_statuses"].on(self.day)
            is_packaged = not self.claim.is_office and tables.status.get(self.code) in packaged
        return _is_for_medicare(self.claim) and not is_packaged

    def _draft(
        self,
        part: list[Billed],
        units: int,
        modifiers: tuple[str, ...],
        amounts: tuple[Decimal, Decimal],
        notes: tuple[Note, ...],
    ) -> DrugDraft:
        first, (dose, waste) = part[0], amounts
        unit, amount = self.unit.unit, dose or waste
        return DrugDraft(
            self.code,
            units,
            modifiers,
            self.day,
            _ids(part),
            first.drug,
            first.family,
            first.ndc,
            _ndc_quantity(first, amount),
            first.billing.ndc_unit if first.ndc else "",
            Measure(dose, unit),
            Measure(waste, unit),
            self._revenue_code(first),
            first.billing.department,
            _lots(part),
            (self._reason(part, units, dose, waste),),
            notes,
        )

    def _reason(self, part: list[Billed], units: int, dose: Decimal, waste: Decimal) -> Reason:
        """Return how the units of a line came about."""
        wording = self.claim.policy.wording
        if is_unclassified(self.code, self.day):
            return wording["DRUG_UNCLASSIFIED_CODE"].say(count=len(part))
        done = {"amount": _plain(self.unit.amount), "unit": self.unit.unit, "units": units}
        if not dose:
            return wording["DRUG_WASTE"].say(waste=_plain(waste), **done)
        return wording["DRUG_UNITS"].say(dose=_plain(dose), count=len(part), **done)

    def _revenue_code(self, first: Billed) -> str:
        """Return the revenue code of a hospital's line; a practitioner's claim has none."""
        if self.claim.is_office:
            return ""
        return first.billing.revenue_code or _rule("revenue_code", self.day)

    def _with_limit(self, drafts: list[DrugDraft]) -> list[DrugDraft]:
        """Return the lines, flagged when all units of the date are more than the published limit."""
        edits = self.claim.tables.on(self.day, self.claim.encounter.setting)
        limit = limits_of(edits, self.claim.policy).get(self.code)
        if limit is None or sum(one.units for one in drafts) <= limit.units:
            return drafts
        note = Note("MUE_EXCEEDED", tuple(sorted({one for draft in drafts for one in draft.ids})))
        return [draft._replace(notes=(*draft.notes, note)) for draft in drafts]


def _opened(part: Iterable[Billed], *, is_asked: bool) -> tuple[Decimal, list[str]]:
    """Return what the opened single-dose containers held, and what is wrong with the record of it.

    What was discarded must be charted, unless the dose is a whole number of containers; a payer pays no more waste
    than the best choice of containers leaves. Where nobody had to chart it, what is not charted is not billed.
    Source: CGS 2023 on discarded drugs.
    """
    opened, flags = Decimal(), []
    for one in part:
        assert one.dose is not None
        assert one.unit is not None
        contents = [in_unit(package.content, one.unit.unit) for package in one.billing.packages]
        sizes = [size for size in contents if size]
        best = smallest_opened(one.dose, sizes) if sizes else None
        if one.waste is None and not is_asked:
            opened += one.dose
        elif one.waste is None:
            flags += [] if best == one.dose else ["WASTE_UNDOCUMENTED"]
            opened += best or one.dose
        elif best is not None and one.dose + one.waste > best:
            flags.append("WASTE_EXCEEDS_PACKAGE")
            opened += best
        else:
            opened += one.dose + one.waste
    return opened, flags


def _ndc_quantity(first: Billed, amount: Decimal) -> Decimal | None:
    """Return how much of the package was used, in the NDC's unit, to a thousandth; None when that cannot be told."""
    billing, unit = first.billing, first.unit
    if not first.ndc or not billing.ndc_unit or unit is None or not amount:
        return None
    measure = Measure(amount, unit.unit)
    if billing.ndc_unit == "UN":
        content = in_unit(billing.packages[0].content, unit.unit) if len(billing.packages) == 1 else None
        found = amount / content if content else None
    else:
        found = amount_in(measure, NDC_MEASURES[billing.ndc_unit], billing)
    return (found.quantize(THOUSANDTH, ROUND_HALF_UP).normalize() or None) if found is not None else None


def _needs_ndc(claim: Claim) -> bool:
    """Say whether the payer wants the NDC on the line."""
    payer = claim.policy.payer.casefold()
    wanted = claim.policy.ndc_required
    return wanted == "always" or (wanted == "medicaid" and ("medicaid" in payer or "medi-cal" in payer))


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), Decimal())


def _ids(part: Iterable[Billed]) -> tuple[str, ...]:
    return tuple(sorted({one.administration.administration_id for one in part}))


def _lots(part: Iterable[Billed]) -> tuple[str, ...]:
    return tuple(sorted({one.administration.lot for one in part if one.administration.lot}))


def _plain(amount: Decimal) -> str:
    """Return a number without an exponent and needless zeros."""
    return f"{amount.normalize():f}"
