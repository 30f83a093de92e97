"""Carried pumps, arteries, cavities, lesions: chemotherapy by ways with their own codes."""

from __future__ import annotations

from coding.bench import Bench, continued, edged
from coding.claim import Family
from coding.devices import is_implanted_pump, is_portable_pump, is_refill, starts_pump
from coding.drugs import DrugClass
from coding.encounter import Route
from coding.order_words import says
from coding.services import Given
from coding.times import BY_HAND


def pumps(ones: list[Given], bench: Bench) -> None:
    """Code the start, or the refill, of a pump that the patient carries."""
    rules = bench.rules.chemotherapy
    on_clinics_pump = bench.policy.prolonged_pump == "G0498"
    for one in _with_own_code(ones, bench):
        edge = ("BOUNDARY_MINUTE",) if one.minutes == rules.prolonged_minutes + 1 else ()
        if is_implanted_pump(one.administration):
            bench.add(one, rules.implanted_refill_code, "PUMP_REFILL")
        elif is_refill(one.administration):
            bench.add(one, rules.portable_refill_code, "PUMP_REFILL")
        elif one.family is not Family.CHEMOTHERAPY:
            bench.add(one, bench.rules.therapeutic.prolonged_pump_code, "PUMP_START", *edge)
        else:
            code = rules.clinic_pump_code if on_clinics_pump else rules.prolonged_pump_code
            bench.add(one, code, "PUMP_START", *edge)


def _with_own_code(ones: list[Given], bench: Bench) -> list[Given]:
    """Return the pumps without the refills of a drug that goes home on the clinic's pump: they are in its code.

    Source: AAPC on A55134 and G0498.
    """
    if bench.policy.prolonged_pump != "G0498":
        return ones
    portable = [one for one in ones if one.family is Family.CHEMOTHERAPY and not is_implanted_pump(one.administration)]
    clinics = {one.identity.ingredient for one in portable if not is_refill(one.administration)}
    within = [one for one in portable if is_refill(one.administration) and one.identity.ingredient in clinics]
    bench.leave("PUMP_INCLUDED", within)
    return [one for one in ones if one not in within]


def arteries(ones: list[Given], bench: Bench) -> None:
    """Code what went into an artery."""
    rules, is_office = bench.rules.chemotherapy, bench.claim.is_office
    least, more = rules.initial_minutes_min, rules.additional_minutes_min
    for one in continued(ones, bench):
        if is_portable_pump(one.administration) and is_refill(one.administration):
            is_implanted = is_implanted_pump(one.administration)
            bench.add(one, rules.implanted_refill_code if is_implanted else rules.portable_refill_code, "PUMP_REFILL")
        elif one.identity.drug_class is not DrugClass.CHEMOTHERAPY:
            _therapeutic_artery(one, bench)
        elif starts_pump(one.administration, one.family, one.stretches, bench.rules, is_office=is_office):
            bench.add(one, rules.intra_arterial_pump_code, "PUMP_START")
        elif one.minutes >= least and one.administration.method not in BY_HAND:
            codes = (rules.intra_arterial_initial_code, rules.intra_arterial_additional_code)
            bench.add_hours(edged(one, least, more), codes, more, "ARTERY")
        else:
            bench.add(edged(one, least, more), rules.intra_arterial_push_code, "ARTERY")


def _therapeutic_artery(one: Given, bench: Bench) -> None:
    """Code a therapeutic drug into an artery: the code is of an injection, an infusion has none."""
    rules = bench.rules.therapeutic
    least = rules.initial_minutes_min
    if one.minutes >= least and one.administration.method not in BY_HAND:
        bench.add(edged(one, least), rules.unlisted_code, "ARTERY", "UNLISTED")
    else:
        bench.add(edged(one, least), rules.intra_arterial_code, "ARTERY")


def cavities(ones: list[Given], bench: Bench) -> None:
    """Code chemotherapy into cavities, the nervous system and lesions."""
    rules = bench.rules.chemotherapy
    by_route = {
        Route.INTRAVENTRICULAR: rules.reservoir_code,
        Route.INTRATHECAL: rules.intrathecal_code,
        Route.INTRAPLEURAL: rules.intrapleural_code,
        Route.INTRAPERITONEAL: rules.intraperitoneal_code,
    }
    lesions = [one for one in ones if one.administration.route is Route.INTRALESIONAL]
    for one in [one for one in ones if one.administration.route is not Route.INTRALESIONAL]:
        route, by_reservoir = one.administration.route, says(one.administration, "reservoir")
        if route is Route.INTRAPERITONEAL and says(one.administration, "heated"):
            bench.leave("HIPEC_NOT_OURS", [one])
        else:
            bench.add(one, rules.reservoir_code if by_reservoir else by_route[route], "CAVITY")
    if lesions:
        many = len(lesions) > rules.intralesional_few_max
        code = rules.intralesional_many_code if many else rules.intralesional_few_code
        bench.add(lesions[0], code, "LESIONS", "LESIONS_UNCOUNTED")
        bench.leave("LESION_INCLUDED", lesions[1:])
