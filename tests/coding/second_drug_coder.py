"""A second coder of drug lines, slow and plain: fractions, and every choice of containers tried.

Written from the published rules by themselves, so that the engine is checked by something that shares no code with it.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import product
from math import ceil

ASKED_FROM = date(2023, 7, 1)  # from then on it must be said that nothing was discarded
Line = tuple[tuple[str, ...], bool]  # modifiers; held


@dataclass(frozen=True)
class Product:
    """A drug: milligrams of one unit and of each container that there is."""

    unit: Fraction
    containers: tuple[Fraction, ...]
    is_single_dose: bool
    is_packaged: bool = False
    is_discounted: bool = False


@dataclass(frozen=True)
class Dose:
    """What was given and discarded in milligrams; None is not charted."""

    given: Fraction | None
    discarded: Fraction | None


def lines(doses: list[Dose], drug: Product, day: date, policy: dict[str, str], *, is_medicare: bool) -> Counter[Line]:
    """Return units of one drug on one date, by modifiers and whether they are held."""
    known = [dose for dose in doses if dose.given is not None]
    if not known:
        return Counter()
    given = sum(dose.given for dose in known)
    units, held, wasted, nothing = ceil(given / drug.unit), len(known) < len(doses), 0, []
    asked = day >= ASKED_FROM
    is_told = policy["waste_modifiers"] == "always" or (policy["waste_modifiers"] == "medicare" and is_medicare)
    if drug.is_single_dose and is_told and not drug.is_packaged and (asked or any(dose.discarded for dose in known)):
        opened = [opened_for(dose, drug, asked=asked) for dose in known]
        held = held or any(not is_sure for _, is_sure in opened)
        wasted = max(0, int(sum(amount for amount, _ in opened) // drug.unit) - units)
        is_emptied = sum(amount for amount, _ in opened) == given
        nothing = ["JZ"] if asked and not wasted and (is_emptied or policy["zero_waste_unit_mod"] == "JZ") else []
    discount = discounted(day, policy["mod_340b"]) if drug.is_discounted else []
    total = Counter({((*nothing, *discount), held): units})
    if wasted:
        total[("JW", *discount), held] += wasted
    return total


def opened_for(dose: Dose, drug: Product, *, asked: bool) -> tuple[Fraction, bool]:
    """Return what the containers of a dose held, and whether the record says so."""
    best = least(dose.given, drug.containers) if drug.containers else None
    if dose.discarded is not None:
        charted = dose.given + dose.discarded
        return (charted if best is None else min(charted, best)), True
    if not asked:
        return dose.given, True
    return (dose.given if best is None else best), best == dose.given


def least(dose: Fraction, containers: tuple[Fraction, ...]) -> Fraction:
    """Return the least content of containers that covers a dose."""
    counts = product(*(range(ceil(dose / size) + 1) for size in containers))
    held = (sum(count * size for count, size in zip(some, containers, strict=True)) for some in counts)
    return min(amount for amount in held if amount >= dose)


def discounted(day: date, which: str) -> list[str]:
    """Return the modifier of a drug bought under the 340B programme."""
    if which == "none" or day.year < 2024:
        return []
    if which == "by_entity":
        return ["JG" if day.year == 2024 else "TB"]
    return [which]
