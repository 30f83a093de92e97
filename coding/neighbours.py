"""Services beside our families: vaccines, blood, flushes, and products whose administration has its own code."""

from __future__ import annotations

from msgspec.structs import replace

from coding.bench import Bench
from coding.checks import DRAWS
from coding.encounter import Route
from coding.order_words import has_word, said_of
from coding.rules import NeighbourRules, read_toml
from coding.services import Draft, Given, Note

OWN_CODE_TAGS = {"pemivibart", "declotting_only", *DRAWS}
PURPOSES = {"declotting": "declotting", "tocilizumab": "covid"}  # tag of a product: words that give it its own code
INCLUDED_AS = {"FLUSH_ALONE": "FLUSH_INCLUDED", "DRAW_ALONE": "DRAW_INCLUDED"}
OF_LENGTH = {"NO_STOP", "ORDER_DURATION_ONLY", "ZERO_DURATION_INFUSION", "ZERO_DURATION_HELD", "STOP_CALCULATED"}
ORAL_OR_NASAL = {Route.ORAL, Route.OTHER}


def vaccines(ones: list[Given], bench: Bench) -> None:
    """Code vaccines by their own codes, never as an injection: the first and the next of each date."""
    rules = bench.rules.neighbours
    own = _own_vaccine_codes(rules, bench.policy.payer)
    given_on: set[object] = set()
    for one in sorted(ones, key=lambda one: one.administration.route in ORAL_OR_NASAL):
        if code := own.get(one.identity.tag):
            bench.add(one, code, "VACCINE")
            continue
        first, following = rules.vaccine_first_code, rules.vaccine_next_code
        if one.administration.route in ORAL_OR_NASAL:
            first, following = rules.vaccine_first_oral_code, rules.vaccine_next_oral_code
        bench.add(one, following if one.start_date in given_on else first, "VACCINE")
        given_on.add(one.start_date)


def _own_vaccine_codes(rules: NeighbourRules, payer: str) -> dict[str, str]:
    """Return the codes of vaccines that have their own, by the dictionary's tag; Medicare has three more."""
    covid = {"covid": rules.covid_vaccine_code}
    if "medicare" not in payer.casefold():
        return covid
    return {
        **covid,
        "influenza": rules.influenza_vaccine_code,
        "pneumococcal": rules.pneumococcal_vaccine_code,
        "hepatitis_b": rules.hepatitis_b_vaccine_code,
    }


def blood(ones: list[Given], bench: Bench) -> None:
    """Code transfusions once per date, however many units. Source: CMS Pub. 100-04, ch. 4, sec. 231.8."""
    by_date: dict[object, list[Given]] = {}
    for one in ones:
        by_date.setdefault(one.start_date, []).append(one)
    for units in by_date.values():
        bench.add(units[0], bench.rules.neighbours.transfusion_code, "TRANSFUSION")
        bench.leave("TRANSFUSION_INCLUDED", units[1:])


def flushes(ones: list[Given], bench: Bench) -> None:
    """Leave flushes out, but the first of an implanted device on a date: it may be alone on it."""
    code = bench.rules.neighbours.device_flush_code
    first = _first_of_dates([one for one in ones if _is_of_implanted_device(one)])
    for one in first:
        bench.add(one, code, "DEVICE_FLUSH", "FLUSH_ALONE")
    bench.leave("FLUSH_INCLUDED", [one for one in ones if one not in first])


def _first_of_dates(ones: list[Given]) -> list[Given]:
    """Return the first administration of each date."""
    of_date: dict[object, Given] = {}
    for one in ones:
        of_date.setdefault(one.start_date, one)
    return list(of_date.values())


def _is_of_implanted_device(one: Given) -> bool:
    """Say whether the site, the order or the product names an implanted device."""
    record = one.administration
    said = f"{record.access_site} {record.order_text} {record.drug.name}".casefold().split()
    return any(word in said for word in read_toml("order_words.toml")["implanted"])


def draws(ones: list[Given], bench: Bench) -> None:
    """Leave blood draws from access devices out, but the first on a date: it may be alone on it."""
    rules, first = bench.rules.neighbours, _first_of_dates(ones)
    for one in first:
        code = rules.device_draw_code if one.identity.tag == "device_draw" else rules.catheter_draw_code
        bench.add(one, code, "DRAW", "DRAW_ALONE")
    bench.leave("DRAW_INCLUDED", [one for one in ones if one not in first])


def without_company(drafts: list[Draft]) -> tuple[list[Draft], list[Note]]:
    """Return the drafts; flushes and draws that have other services on their date are part of these.

    Of two that are alone on a date the first stays. Source: CPT on 96523, 36591 and 36592.
    """
    lonely = [draft for draft in drafts if draft.flags and draft.flags[0] in INCLUDED_AS]
    if not lonely:
        return drafts, []
    busy = {draft.service_date for draft in drafts if draft not in lonely}
    notes: list[Note] = []
    for draft in lonely:
        if draft.service_date in busy:
            notes.append(Note(INCLUDED_AS[draft.flags[0]], draft.service.ids))
            drafts = [one for one in drafts if one is not draft]
        busy.add(draft.service_date)
    return drafts, notes


def own_codes(ones: list[Given], bench: Bench) -> None:
    """Code products whose administration has its own code, monitoring included."""
    rules = bench.rules.neighbours
    doses = 0  # of tocilizumab for COVID-19
    for one in (_untimed(one) for one in ones):
        code = rules.pemivibart_code if one.identity.tag == "pemivibart" else rules.declotting_code
        if one.identity.tag == "tocilizumab":
            doses += 1
            code = rules.tocilizumab_covid_first_code if doses == 1 else rules.tocilizumab_covid_next_code
        if code:
            bench.add(one, code, "OWN_CODE")
        else:
            bench.leave("NOT_A_SERVICE", [one])


def _untimed(one: Given) -> Given:
    """Return an administration without what its times lack: its code knows none."""
    flags = tuple(flag for flag in one.flags if flag not in OF_LENGTH)
    return one if flags == one.flags else replace(one, flags=flags)


def has_own_code(one: Given) -> bool:
    """Say whether the administration has its own code: by the product, or by the product and the order's words."""
    tag = one.identity.tag
    if not tag or tag in OWN_CODE_TAGS:
        return bool(tag)
    purpose = PURPOSES.get(tag)
    return purpose is not None and has_word(said_of(one.administration), purpose)
