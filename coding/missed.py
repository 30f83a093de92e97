"""Missed and doubtful charges: what was ordered, given and billed, set against each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date

from coding.billed_drugs import Billed
from coding.claim import CodeAtStake, Finding
from coding.contest import Claim
from coding.drug_lines import AtStake, DrugDraft
from coding.drugs import DrugClass, Formulary
from coding.edits import is_proposed
from coding.encounter import Administration, Completion, DrugOrder
from coding.findings import kind_named
from coding.identify import identity_of, identity_of_mix
from coding.ordered import as_given, drug_codes, service_codes
from coding.services import Draft, Note
from coding.short_ids import short_id


def orders(drafts: Collection[Draft], day: date, formulary: Formulary, claim: Claim) -> list[Finding]:
    """Return findings of orders that nothing was given for, and of ordered hydration whose times are not charted."""
    policy, encounter = claim.policy, claim.encounter
    if not encounter.orders or encounter.is_cancelled:
        return []
    by_order: dict[str, list[Administration]] = {}
    for one in encounter.administrations:
        for number in {one.order_number, *one.other_order_numbers} - {""}:
            by_order.setdefault(number, []).append(one)
    has_line = {one for draft in drafts if is_proposed(draft) for one in draft.service.ids}
    found: list[Finding] = []
    for order in encounter.orders:
        charted = [one for number in order.numbers for one in by_order.get(number, ())]
        given = [one for one in charted if one.completion is not Completion.NOT_GIVEN]
        if not charted and not order.is_stopped and policy.orders_without_administration == "on":
            at_stake = [*service_codes(as_given(order), drafts, formulary, claim)]
            if policy.drug_lines != "off":
                at_stake += drug_codes(order, day, formulary, claim)
            found.append(_of_order("ORDER_NOT_GIVEN", order, at_stake, claim))
        elif has_line.isdisjoint(one.administration_id for one in given) and _is_untimed(given, formulary, claim):
            at_stake = [*service_codes(given[0], drafts, formulary, claim)]
            found.append(_of_order("HYDRATION_NOT_TIMED", order, at_stake, claim, given))
    return found


def _is_untimed(given: Sequence[Administration], formulary: Formulary, claim: Claim) -> bool:
    """Say whether what was given for an order is a fluid, and no administration of it has both times."""
    if not given or claim.policy.untimed_hydration != "on":
        return False
    first = given[0]
    mix = identity_of_mix(first, formulary, claim.policy) if first.components else None
    identity = mix or identity_of(first.drug, formulary, claim.policy)
    if identity.drug_class is not DrugClass.HYDRATION:
        return False
    return not any(run.start and run.stop for one in given for run in one.runs)


def _of_order(
    kind: str, order: DrugOrder, at_stake: Iterable[CodeAtStake], claim: Claim, given: Iterable[Administration] = ()
) -> Finding:
    """Return one finding about an order, pointing at what was given for it."""
    known, encounter_id = kind_named(kind), claim.encounter.encounter_id
    name = order.drug.name or order.drug.code
    drug = f": {name}" if name else ""
    return Finding(
        finding_id=short_id(encounter_id, kind, *order.numbers),
        kind=kind,
        severity=known.severity,
        administration_ids=tuple(sorted({one.administration_id for one in given})),
        message_control_ids=order.message_control_ids,
        text=f"{known.text} Order {', '.join(order.numbers)}{drug}.",
        codes_at_stake=tuple(at_stake),
    )


def charges(
    billed: Collection[Billed], drafts: Collection[Draft], drugs: Collection[DrugDraft], claim: Claim
) -> Iterator[AtStake]:
    """Yield what has a drug line and no proposed administration line, and the reverse."""
    proposed = {one for draft in drafts if is_proposed(draft) for one in draft.service.ids}
    # What patients usually take themselves has no line of its administration, and nobody misses it.
    proposed |= {one.administration.administration_id for one in billed if one.is_self_administered}
    if claim.policy.drugs_without_administration_line == "on":
        for drug in drugs:
            missing = tuple(one for one in drug.ids if one not in proposed)
            if missing:
                yield Note("DRUG_WITHOUT_ADMINISTRATION_LINE", missing), CodeAtStake(drug.code, drug.units)
    if claim.policy.administrations_without_drug_line == "on":
        known = {one.administration.administration_id for one in billed}
        for draft in drafts:
            missing = tuple(one for one in draft.service.ids if one not in known)
            if missing and is_proposed(draft):
                yield Note("NO_DRUG_LINE", missing), CodeAtStake(draft.code, draft.units)
