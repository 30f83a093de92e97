"""What takes no part in the contest for the initial service: injections, pump starts, cavities, blood, vaccines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import NamedTuple

from coding.claim import Family, Role
from coding.dates import MINUTE, local_date
from coding.devices import is_on_body_injector, starts_pump
from coding.drugs import DrugClass
from coding.encounter import Device, Encounter, Method, Route, Setting
from coding.hours import additional_hours
from coding.policy import Policy
from coding.rules import Rules, read_toml
from coding.services import Draft, Given, Note, Service, Technique
from coding.stretches import minutes_of

BY_VEIN = {Route.INTRAVENOUS, Route.UNKNOWN}
NEVER_IN_CONTEST = {DrugClass.VACCINE, DrugClass.BLOOD_PRODUCT, DrugClass.FLUSH}
OWN_CODE_TAGS = {"pemivibart", "declotting_only"}
ORAL_OR_NASAL = {Route.ORAL, Route.OTHER}
UNDER_SKIN = {Route.INTRAMUSCULAR, Route.SUBCUTANEOUS, Route.INTRADERMAL}


class Bench(NamedTuple):
    """What every step here needs to know."""

    encounter: Encounter
    rules: Rules
    policy: Policy
    zone: tzinfo | None
    drafts: list[Draft]
    notes: list[Note]

    @property
    def is_office(self) -> bool:
        """Say whether the claim is the practitioner's."""
        return self.encounter.setting is Setting.PROFESSIONAL

    def add(
        self, one: Given, code: str, rule: str, *, flags: tuple[str, ...] = (), role: Role = Role.STANDALONE
    ) -> Draft:
        """Write a draft of one unit for an administration."""
        draft = Draft(self.service(one), code, 1, role, (self.policy.wording[rule].say(),), flags=flags)
        self.drafts.append(draft)
        return draft

    def service(self, one: Given, technique: Technique = Technique.INJECTION) -> Service:
        """Return an administration as a service."""
        minutes = minutes_of(one.stretches)
        start_date = local_date(one.start_time, self.zone) if one.start_time else None
        start_date = start_date or (
            local_date(self.encounter.arrived_at, self.zone) if self.encounter.arrived_at else None
        )
        assert start_date is not None
        stop = one.stretches[-1][1] if one.stretches else one.start
        return Service(
            (one,), one.ids, one.identity.ingredient, one.family, technique, one.site, one.stretches, one.start, stop,
            minutes, start_date, one.identity.resource_rank, one.flags, (),
        )  # fmt: skip


def is_by_vein(one: Given, rules: Rules, *, is_office: bool) -> bool:
    """Say whether an administration takes part in the contest for the initial service, or would if it lacked nothing."""
    if one.administration.route not in BY_VEIN or one.identity.drug_class in NEVER_IN_CONTEST:
        return False
    if one.identity.tag and (one.identity.tag in OWN_CODE_TAGS or _is_declotting(one)):
        return False
    return not starts_pump(one.administration, one.family, one.stretches, rules, is_office=is_office)


def code_standalone(given: Iterable[Given], bench: Bench) -> None:
    """Code every administration outside the contest, in order of time."""
    in_order = sorted(given, key=lambda one: (one.start, one.ids))
    by_step: dict[Callable[[list[Given], Bench], None], list[Given]] = {}
    for one in in_order:
        by_step.setdefault(_step(one), []).append(one)
    for step, ones in by_step.items():
        step(ones, bench)


def _step(one: Given) -> Callable[[list[Given], Bench], None]:
    """Return the step that codes an administration."""
    drug_class, route = one.identity.drug_class, one.administration.route
    if drug_class is DrugClass.VACCINE:
        return _vaccines
    if drug_class is DrugClass.BLOOD_PRODUCT:
        return _blood
    if drug_class is DrugClass.FLUSH:
        return _flushes
    if one.identity.tag in OWN_CODE_TAGS or _is_declotting(one):
        return _own_codes
    if route is Route.SUBCUTANEOUS and _is_skin_infusion(one):
        return _skin_infusions
    if route in UNDER_SKIN:
        return _injections
    if route is Route.INTRA_ARTERIAL:
        return _arterial
    if route in BY_VEIN:
        return _pumps
    return _cavities


def _is_declotting(one: Given) -> bool:
    """Say whether a drug freed a catheter, by the order's words."""
    said = f"{one.administration.order_text} {one.administration.indication}".casefold()
    return one.identity.tag == "declotting" and any(
        word in said for word in read_toml("order_words.toml")["declotting"]
    )


def _is_skin_infusion(one: Given) -> bool:
    """Say whether a drug ran under the skin by pump, long enough or without a stop."""
    if one.family is Family.CHEMOTHERAPY or is_on_body_injector(one.administration):
        return False
    by_pump = one.administration.device is Device.PUMP or one.administration.method is Method.INFUSION
    return by_pump or (
        bool(one.stretches) and one.administration.method is Method.UNKNOWN and minutes_of(one.stretches) > 0
    )


def _vaccines(ones: list[Given], bench: Bench) -> None:
    """Code vaccines by their own codes, never as an injection; the first and the next of each date."""
    neighbours = bench.rules.neighbours
    medicare = "medicare" in bench.policy.payer.casefold()
    own = {
        "influenza": neighbours.influenza_vaccine_code if medicare else "",
        "pneumococcal": neighbours.pneumococcal_vaccine_code if medicare else "",
        "hepatitis_b": neighbours.hepatitis_b_vaccine_code if medicare else "",
        "covid": neighbours.covid_vaccine_code,
    }
    injected_on: set[object] = set()
    given_on: set[object] = set()
    plain = [one for one in ones if not own.get(one.identity.tag)]
    for one in ones:
        if code := own.get(one.identity.tag):
            bench.add(one, code, "VACCINE")
    for one in sorted(plain, key=lambda one: one.administration.route in ORAL_OR_NASAL):
        day = one.start_time and local_date(one.start_time, bench.zone)
        if one.administration.route in ORAL_OR_NASAL:
            first, following = neighbours.vaccine_first_oral_code, neighbours.vaccine_next_oral_code
            code = following if day in given_on else first
        else:
            code = neighbours.vaccine_next_code if day in injected_on else neighbours.vaccine_first_code
            injected_on.add(day)
        given_on.add(day)
        bench.add(one, code, "VACCINE")


def _blood(ones: list[Given], bench: Bench) -> None:
    """Code transfusions once per date, however many units. Source: CMS Pub. 100-04, ch. 4, sec. 231.8."""
    by_date: dict[object, list[Given]] = {}
    for one in ones:
        by_date.setdefault(bench.service(one).start_date, []).append(one)
    for units in by_date.values():
        bench.add(units[0], bench.rules.neighbours.transfusion_code, "TRANSFUSION")
        bench.notes.extend([Note("TRANSFUSION_INCLUDED", one.ids) for one in units[1:]])


def _flushes(ones: list[Given], bench: Bench) -> None:
    """Leave flushes out; the flush of an implanted device is a line of its own only when it is alone (edits)."""
    words = read_toml("order_words.toml")["implanted"]
    for one in ones:
        said = f"{one.administration.access_site} {one.administration.order_text} {one.administration.drug.name}".casefold()
        alone = len(bench.encounter.administrations) == len(ones) and one is ones[0]
        if alone and any(word in said.split() for word in words):
            bench.add(one, bench.rules.neighbours.device_flush_code, "DEVICE_FLUSH", flags=("FLUSH_ALONE",))
        else:
            bench.notes.append(Note("FLUSH_INCLUDED", one.ids))


def _own_codes(ones: list[Given], bench: Bench) -> None:
    """Code drugs whose administration has a code of its own."""
    neighbours = bench.rules.neighbours
    for one in ones:
        if one.identity.tag == "pemivibart":
            if neighbours.pemivibart_code:
                bench.add(one, neighbours.pemivibart_code, "OWN_CODE")
            else:
                bench.notes.append(Note("NOT_A_SERVICE", one.ids))
        else:
            bench.add(one, neighbours.declotting_code, "OWN_CODE")


def _injections(ones: list[Given], bench: Bench) -> None:
    """Code injections: one each. Source: CPT Assistant, May 2010; payers that pay once are a switch."""
    last: dict[str, Given] = {}
    hormonal: set[tuple[str, object]] = set()
    for one in ones:
        code, rule = _injection_code(one, bench)
        before = last.get(one.identity.ingredient)
        last[one.identity.ingredient] = one
        service = bench.service(one)
        if one.identity.drug_class is DrugClass.HORMONAL_ANTINEOPLASTIC and bench.policy.hormonal_injections == "once":
            if (one.identity.ingredient, service.start_date) in hormonal:
                bench.notes.append(Note("HORMONAL_SECOND_INJECTION", one.ids))
                continue
            hormonal.add((one.identity.ingredient, service.start_date))
        is_part = before is not None and one.family is not Family.CHEMOTHERAPY and _is_split(before, one, bench)
        if is_part and bench.policy.inj_split == "once":
            bench.notes.append(Note("INJECTION_PART", one.ids))
        else:
            bench.add(one, code, rule, flags=("INJECTION_SPLIT",) if is_part else ())


def _is_split(before: Given, one: Given, bench: Bench) -> bool:
    """Say whether two injections of one drug are so near that they are one dose in parts."""
    return (one.start - before.start) // MINUTE <= bench.rules.limits.split_injection_minutes


def _injection_code(one: Given, bench: Bench) -> tuple[str, str]:
    """Return the code of an injection and the rule that gave it."""
    therapeutic, chemotherapy, neighbours = bench.rules.therapeutic, bench.rules.chemotherapy, bench.rules.neighbours
    drug_class = one.identity.drug_class
    if is_on_body_injector(one.administration):
        return therapeutic.on_body_injector_code, "ON_BODY_INJECTOR"
    if one.identity.tag == "rsv_antibody":
        counselled = _says(one, "counselled")
        return neighbours.rsv_antibody_counselled_code if counselled else neighbours.rsv_antibody_code, "OWN_CODE"
    if drug_class is DrugClass.CHEMOTHERAPY:
        return chemotherapy.injection_code, "INJECTION_CHEMOTHERAPY"
    if drug_class is DrugClass.HORMONAL_ANTINEOPLASTIC:
        return chemotherapy.hormonal_injection_code, "INJECTION_HORMONAL"
    if drug_class is DrugClass.COMPLEX_BIOLOGIC:
        if bench.policy.complex_biologic_injection == "chemotherapy":
            return chemotherapy.injection_code, "INJECTION_BIOLOGIC"
        return therapeutic.injection_code, "INJECTION_BIOLOGIC"
    return therapeutic.injection_code, "INJECTION"


def _says(one: Given, words: str) -> bool:
    """Say whether the order or indication has one of the words."""
    said = f"{one.administration.order_text} {one.administration.indication}".casefold()
    return any(word in said for word in read_toml("order_words.toml")[words])


def _skin_infusions(ones: list[Given], bench: Bench) -> None:
    """Code infusions under the skin: the longest with its hours, and once another pump set-up."""
    subcutaneous = bench.rules.subcutaneous
    long: list[Given] = []
    for one in ones:
        if one.stretches and minutes_of(one.stretches) >= subcutaneous.initial_minutes_min:
            long.append(one)
        else:
            bench.add(one, bench.rules.therapeutic.injection_code, "SKIN_INFUSION_SHORT")
    if not long:
        return
    first = min(long, key=lambda one: (-minutes_of(one.stretches), one.start, one.ids))
    _hours(
        first,
        (subcutaneous.initial_code, subcutaneous.additional_code),
        subcutaneous.additional_minutes_min,
        bench,
        "SKIN_INFUSION",
    )
    others = [one for one in long if one is not first]
    for place, one in enumerate(others):
        if place == 0:
            bench.add(one, subcutaneous.set_up_code, "SKIN_SET_UP", role=Role.SEQUENTIAL)
        else:
            bench.notes.append(Note("SKIN_SET_UP_INCLUDED", one.ids))


def _hours(one: Given, codes: tuple[str, str], additional_minutes_min: int, bench: Bench, rule: str) -> None:
    """Write the first hour of an infusion outside the contest, and its additional hours."""
    service = bench.service(one, Technique.INFUSION)
    minutes = service.minutes
    more = bench.policy.additional_hour_min or additional_minutes_min
    reason = bench.policy.wording[rule].say()
    bench.drafts.append(Draft(service, codes[0], 1, Role.INITIAL, (reason,), service.stretches, 0, minutes))
    if hours := additional_hours(minutes, more):
        reason = bench.policy.wording["ADDITIONAL_HOURS"].say(minutes=minutes, hours=hours, more=more)
        bench.drafts.append(
            Draft(service, codes[1], hours, Role.ADDITIONAL_HOUR, (reason,), service.stretches, 60, minutes)
        )


def _arterial(ones: list[Given], bench: Bench) -> None:
    """Code what went into an artery."""
    chemotherapy = bench.rules.chemotherapy
    for one in ones:
        minutes = minutes_of(one.stretches)
        if one.identity.drug_class is not DrugClass.CHEMOTHERAPY:
            bench.add(one, bench.rules.therapeutic.intra_arterial_code, "ARTERIAL")
        elif starts_pump(one.administration, one.family, one.stretches, bench.rules, is_office=bench.is_office):
            bench.add(one, chemotherapy.intra_arterial_pump_code, "PUMP_START")
        elif minutes >= chemotherapy.initial_minutes_min:
            codes = (chemotherapy.intra_arterial_initial_code, chemotherapy.intra_arterial_additional_code)
            _hours(one, codes, chemotherapy.additional_minutes_min, bench, "ARTERIAL")
        else:
            bench.add(one, chemotherapy.intra_arterial_push_code, "ARTERIAL")


def _pumps(ones: list[Given], bench: Bench) -> None:
    """Code the start, or the refill, of a pump that the patient carries."""
    chemotherapy = bench.rules.chemotherapy
    for one in ones:
        implanted = one.administration.device is Device.IMPLANTED_PUMP
        if _is_refill(one) or implanted:
            bench.add(
                one,
                chemotherapy.implanted_refill_code if implanted else chemotherapy.portable_refill_code,
                "PUMP_REFILL",
            )
        elif one.family is not Family.CHEMOTHERAPY:
            bench.add(one, bench.rules.therapeutic.prolonged_pump_code, "PUMP_START")
        elif bench.policy.prolonged_pump == "G0498":
            bench.add(one, chemotherapy.clinic_pump_code, "PUMP_START")
        else:
            bench.add(one, chemotherapy.prolonged_pump_code, "PUMP_START")


def _is_refill(one: Given) -> bool:
    """Say whether a pump was refilled or kept up, by the order's words."""
    return _says(one, "refill") or "refill" in one.administration.drug.name.casefold()


def _cavities(ones: list[Given], bench: Bench) -> None:
    """Code chemotherapy into cavities, lesions and the nervous system."""
    chemotherapy = bench.rules.chemotherapy
    lesions = [one for one in ones if one.administration.route is Route.INTRALESIONAL]
    for one in ones:
        route = one.administration.route
        if route is Route.INTRALESIONAL:
            continue
        if route is Route.INTRAVENTRICULAR or (route is Route.INTRATHECAL and _says(one, "reservoir")):
            bench.add(one, chemotherapy.reservoir_code, "CAVITY")
        elif route is Route.INTRATHECAL:
            bench.add(one, chemotherapy.intrathecal_code, "CAVITY")
        elif route is Route.INTRAPLEURAL:
            bench.add(one, chemotherapy.intrapleural_code, "CAVITY")
        else:
            bench.add(one, chemotherapy.intraperitoneal_code, "CAVITY")
    if lesions:
        many = len(lesions) > chemotherapy.intralesional_few_max
        code = chemotherapy.intralesional_many_code if many else chemotherapy.intralesional_few_code
        bench.add(lesions[0], code, "LESIONS", flags=("LESIONS_UNCOUNTED",))
        bench.notes.extend([Note("LESION_INCLUDED", one.ids) for one in lesions[1:]])
