"""Whether an infusion went on from one bag to the next, by what is charted of the bag. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from hl7_parsers.events import AdministrationEvent, AdministrationStopped, Quantity
from hl7_parsers.fields import per_minute

_ML = "ml"
_VOLUME = re.compile(r"(?<![\d.,])(\d[\d,]*(?:\.\d+)?) ?(ml|l)\b", re.IGNORECASE)  # in a drug's name: "250 mL", "1 L"
_ML_OF = {_ML: 1.0, "l": 1000.0}
_LONGER = 1.5  # bags are overfilled, and rates are lower for a while that nobody charts


def runs_until(
    bag: AdministrationEvent, following: AdministrationEvent, moments: Iterable[AdministrationEvent]
) -> bool | None:
    """Whether a bag was still running when the following one was hung; None when nothing tells.

    It was not where it was stopped before, nor where it held too little to run so long. A stop in the minute of the
    following bag is the change of bags.

    Args:
        bag, following: starts with a time.
        moments: the stops and changes of rate of their order.
    """
    if bag.at is None or following.at is None:
        return None
    hung, end = bag.at.at, following.at.at
    between = [one for one in moments if one.at is not None and hung <= one.at.at <= end]
    if any(isinstance(one, AdministrationStopped) and one.at != following.at for one in between):
        return False
    longest = _minutes_at_most(bag, [one.rate for one in (bag, *between) if one.rate is not None])
    return None if longest is None else (end - hung).total_seconds() <= longest * 60


def _minutes_at_most(bag: AdministrationEvent, rates: Sequence[Quantity]) -> float | None:
    """The longest that a bag runs, at the slowest of the rates; None when its amount or a pace of it is not known."""
    paces = [float(pace) for rate in rates if (pace := per_minute(rate))]
    units = {_unit_of(rate) for rate in rates}
    amount = _amount(bag, *units) if len(units) == 1 else None  # rates of several units do not compare
    return None if amount is None or not paces else amount / min(paces) * _LONGER


def _unit_of(rate: Quantity) -> str:
    return rate.unit.rpartition("/")[0].strip().casefold()


def _amount(bag: AdministrationEvent, unit: str) -> float | None:
    """How much a bag holds, in the unit of a rate: the dose, else the largest volume in the drug's name."""
    if bag.dose is not None and bag.dose.unit.casefold() == unit:
        return float(bag.dose.amount)
    if unit != _ML:
        return None
    found = _VOLUME.findall(bag.drug.text)
    return max((float(number.replace(",", "")) * _ML_OF[of.casefold()] for number, of in found), default=None)
