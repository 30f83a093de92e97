"""Billing units of a drug line: what was given, what was discarded, and the modifier of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import ClassVar

from msgspec import Struct

from coding.policy import Policy
from coding.rules import dated_rules


class DrugLineRules(Struct, frozen=True, gc=False):
    """Modifiers of drug lines on one date."""

    TABLE: ClassVar[str] = "drug_units.toml"
    wasted_modifier: str
    nothing_wasted_modifier: str
    discount_modifier: str
    discount_by_entity_modifier: str
    self_administered_code: str
    noncovered_modifier: str
    unclassified_codes: tuple[str, ...]
    packaged_statuses: tuple[str, ...]
    revenue_code: str
    self_administered_revenue_code: str


def is_unclassified(code: str, day: date) -> bool:
    """Say whether a code is one for drugs that have none of their own."""
    return code in dated_rules(DrugLineRules)["unclassified_codes"].on(day)


def billing_units(doses: Iterable[Decimal], unit: Decimal) -> int:
    """Return the units of all doses of a drug on one date: added first, then rounded up to a whole unit once.

    Source: CGS 2023 on discarded drugs; CMS Pub. 100-04, ch. 17, sec. 10.
    """
    assert unit > 0
    return int((sum(doses, Decimal()) / unit).to_integral_value(ROUND_CEILING))


def wasted_units(amounts: Sequence[tuple[Decimal, Decimal]], unit: Decimal) -> list[int]:
    """Return the units discarded of each kind of container of one drug and date.

    Args:
        amounts: of each kind, what was given and what the opened containers held; at least what was given.
        unit: what one billing unit covers.

    Rounded once over all, like what was given, so that both together never exceed what the containers held; a kind has
    a unit as soon as what was discarded so far fills it. Source: CGS 2023 on discarded drugs.
    """
    assert all(opened >= dose for dose, opened in amounts)
    held = sum((opened for _, opened in amounts), Decimal())
    left = max(0, int(held // unit) - billing_units((dose for dose, _ in amounts), unit))
    found: list[int] = []
    discarded = Decimal()
    for dose, opened in amounts:
        discarded += opened - dose
        found.append(min(left, int(discarded // unit)) - sum(found))
    return found


def given_modifiers(wasted: int, day: date, policy: Policy, *, is_emptied: bool) -> tuple[str, ...]:
    """Return the modifiers of what was given out of single-dose containers.

    Args:
        wasted: units with a line of their own.
        is_emptied: nothing was discarded at all; else the last billing unit covers it, and the policy decides.
    """
    nothing_wasted = dated_rules(DrugLineRules)["nothing_wasted_modifier"].on(day)
    if wasted or not nothing_wasted or (not is_emptied and policy.zero_waste_unit_mod == "none"):
        return ()
    return (nothing_wasted,)


def discount_modifiers(day: date, policy: Policy) -> tuple[str, ...]:
    """Return the modifiers of the line of a drug bought under the 340B programme.

    Required of every covered entity from 2024; which one it was depended on the entity's type through 2024, and pages
    differ on it since: the policy says.
    """
    if policy.mod_340b == "none":
        return ()
    rules = dated_rules(DrugLineRules)
    modifier = rules["discount_modifier" if policy.mod_340b == "TB" else "discount_by_entity_modifier"].on(day)
    if modifier and policy.mod_340b == "JG":
        return (policy.mod_340b,)
    return (modifier,) if modifier else ()


def smallest_opened(dose: Decimal, sizes: Iterable[Decimal]) -> Decimal:
    """Return the least that containers of these sizes can hold together and still cover the dose.

    A payer pays no more waste than the best choice of containers leaves. Source: CGS 2023 on discarded drugs.
    """
    sizes = sorted(set(sizes))
    assert sizes
    assert sizes[0] > 0
    if len(sizes) == 1:
        return billing_units([dose], sizes[0]) * sizes[0]
    reachable = {Decimal()}
    covering: set[Decimal] = set()
    while reachable:
        filled = {held + size for held in reachable for size in sizes}
        covering |= {held for held in filled if held >= dose}
        reachable = filled - covering
    return min(covering)
