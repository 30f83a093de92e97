"""What takes no part in the contest for the initial service: which step codes it."""

from __future__ import annotations

from collections.abc import Iterable

from coding.bench import Bench, Step
from coding.checks import DRAWS
from coding.devices import is_portable_pump, is_refill, starts_pump
from coding.drugs import DrugClass
from coding.encounter import Route
from coding.findings import is_holding
from coding.neighbours import blood, draws, flushes, has_own_code, own_codes, vaccines
from coding.policy import Policy
from coding.pumps import arteries, cavities, pumps
from coding.rules import Rules
from coding.runs import joined_runs
from coding.services import Given
from coding.times import BY_HAND
from coding.under_skin import injections, is_skin_infusion, skin_infusions

BY_VEIN = {Route.INTRAVENOUS, Route.UNKNOWN}
BY_CLASS: dict[DrugClass, Step] = {
    DrugClass.VACCINE: vaccines,
    DrugClass.BLOOD_PRODUCT: blood,
    DrugClass.FLUSH: flushes,
}
NO_DRUG = {DrugClass.FLUSH, DrugClass.OTHER}
BY_ROUTE: dict[Route, Step] = {
    Route.INTRAMUSCULAR: injections,
    Route.SUBCUTANEOUS: injections,
    Route.INTRA_ARTERIAL: arteries,
    Route.INTRAVENOUS: pumps,
    Route.UNKNOWN: pumps,
}


def parted(given: Iterable[Given], rules: Rules, policy: Policy, *, is_office: bool) -> tuple[list[Given], list[Given]]:
    """Return what takes part in the contest for the initial service, or would if complete, and what does not."""
    by_vein: list[Given] = []
    outside: list[Given] = []
    carried: list[Given] = []
    for one in given:
        record, identity = one.administration, one.identity
        has_code = identity.drug_class in BY_CLASS or (identity.tag and has_own_code(one))
        if has_code or record.route not in BY_VEIN:
            outside.append(one)
        else:
            (carried if is_portable_pump(record) else by_vein).append(one)
    for one in _as_runs(carried, rules, policy) if carried else ():
        if starts_pump(one.administration, one.family, one.stretches, rules, is_office=is_office):
            outside.append(one)
        else:
            by_vein += one.parts or (one,)
    return by_vein, outside


def _as_runs(carried: list[Given], rules: Rules, policy: Policy) -> list[Given]:
    """Return what ran on carried pumps; a pump that goes on in a further record, not a refill, is one."""
    ran = [one for one in carried if one.stretches and not is_refill(one.administration)]
    return [*[one for one in carried if one not in ran], *joined_runs(ran, policy, rules.limits)]


def runs_by_vein(one: Given) -> bool:
    """Say whether something outside the contest ran by vein: blood or a drug, not a flush."""
    if one.identity.drug_class is DrugClass.BLOOD_PRODUCT:
        return True
    is_drug = one.identity.drug_class not in NO_DRUG and one.administration.method not in BY_HAND
    return is_drug and one.administration.route in BY_VEIN


def code_standalone(given: Iterable[Given], bench: Bench) -> None:
    """Code every administration outside the contest, in order of time; each held one by itself, changing none."""
    by_step: dict[Step, list[Given]] = {}
    held: list[Given] = []
    for one in sorted(given, key=lambda one: (one.start, one.ids)):
        if one.flags and is_holding(one.flags):
            held.append(one)
        else:
            by_step.setdefault(_step(one, bench.policy), []).append(one)
    for step, ones in by_step.items():
        step(ones, bench)
    for one in held:
        _step(one, bench.policy)([one], bench)


def _step(one: Given, policy: Policy) -> Step:
    """Return the step that codes an administration: by its class, else by a code of its own, else by its route."""
    if step := BY_CLASS.get(one.identity.drug_class):
        return step
    if one.identity.tag in DRAWS:
        return draws
    if has_own_code(one):
        return own_codes
    if is_skin_infusion(one, policy):
        return skin_infusions
    return BY_ROUTE.get(one.administration.route, cavities)
