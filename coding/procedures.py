"""Procedures that the medication record shows by their sedation: what is given meanwhile may belong to them."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from coding.dates import MINUTE, instant
from coding.encounter import Administration
from coding.rules import Limits
from coding.services import Given
from coding.stretches import Covered, union


def beside_sedation(given: list[Given], sedation: Iterable[Administration], limits: Limits) -> list[Given]:
    """Return the administrations, those that began during a procedure saying so.

    A procedure lasts from its first dose of sedation to the last, or to the last stop. Source: University of Miami on
    administration charges.
    """
    gap = limits.procedure_gap_minutes * MINUTE
    times = [[instant(t) for run in one.runs for t in (run.start, run.stop) if t] for one in sedation]
    # Joined with the tolerated gap behind each; the last gap is no part of the procedure.
    procedures = [(first, last - gap) for first, last in union((min(of), max(of) + gap) for of in times if of)]
    during = Covered.by((first, last + 1) for first, last in procedures)  # the last dose's own moment too
    return [replace(one, flags=(*one.flags, "PROCEDURE_INTEGRAL")) if _began(one, during) else one for one in given]


def _began(one: Given, during: Covered) -> bool:
    """Say whether an administration began at a moment that is taken."""
    return one.start_time is not None and during.touches(((one.start, one.start + 1),))
