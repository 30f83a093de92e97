"""What of an encounter is ours to code, and what the record of each administration lacks or says."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter

from msgspec import Struct

from coding.bags import Bag, put_together
from coding.dates import instant, local_date, moment_of
from coding.devices import starts_pump
from coding.drugs import DrugClass, Formulary
from coding.encounter import Administration, Completion, Encounter, Method, Route
from coding.identify import identity_of, identity_of_mix
from coding.order_words import has_word, said_of
from coding.policy import Policy
from coding.presence import Presence, inside
from coding.procedures import beside_sedation
from coding.pump_times import units_differ
from coding.rules import Limits, Rules
from coding.services import Given, Identity, Note
from coding.sites import site_key
from coding.stretches import minutes_of
from coding.times import BY_HAND, running_time

# Bound once: on Python 3.11 a member looked up on its class costs ten times as much.
NOT_GIVEN = Completion.NOT_GIVEN
COMPLETION_UNKNOWN = Completion.UNKNOWN
ROUTE_UNKNOWN = Route.UNKNOWN
INTRAMUSCULAR = Route.INTRAMUSCULAR
INTRAVENOUS = Route.INTRAVENOUS
THERAPEUTIC = DrugClass.THERAPEUTIC
HYDRATION = DrugClass.HYDRATION
CHEMOTHERAPY = DrugClass.CHEMOTHERAPY
BLOOD_PRODUCT = DrugClass.BLOOD_PRODUCT
SUBCUTANEOUS = Route.SUBCUTANEOUS

NOT_OURS = {Route.ORAL, Route.OTHER, Route.EPIDURAL, Route.INTRADERMAL}
CHEMOTHERAPY_ONLY = {
    Route.INTRATHECAL,
    Route.INTRAVENTRICULAR,
    Route.INTRAPLEURAL,
    Route.INTRAPERITONEAL,
    Route.INTRALESIONAL,
}
INCLUDED = {
    DrugClass.CONTRAST: "PART_OF_IMAGING",
    DrugClass.SEDATION: "PART_OF_SEDATION",
    DrugClass.SELF_ADMINISTERED: "SELF_ADMINISTERED",
    DrugClass.OTHER: "NOT_A_SERVICE",
}
DRAWS = {"device_draw", "catheter_draw"}
BY_ANY_ROUTE = {DrugClass.VACCINE, DrugClass.BLOOD_PRODUCT}
BY_ID = attrgetter("administration_id")


class Record(Struct, frozen=True, gc=False):
    """By what the records of an encounter are read."""

    policy: Policy
    rules: Rules
    presence: Presence
    is_office: bool


def screen(encounter: Encounter, formulary: Formulary, record: Record) -> tuple[list[Given], list[Note]]:
    """Return the administrations that are ours to code, with their times, and a note for each other one."""
    given: list[Given] = []
    notes: list[Note] = []
    whole = _of_whole_encounter(encounter, record)
    bags: list[Bag] = []
    orders: list[str] = []
    for one in sorted(encounter.administrations, key=BY_ID):
        if whole or one.completion is NOT_GIVEN:
            notes.append(Note(whole or "NOT_GIVEN", (one.administration_id,)))
        else:
            bags.append((one, (one.administration_id,)))
            orders.append(one.order_number)
    orders = [*filter(None, orders)]
    if len(set(orders)) < len(orders):
        kept, repeated = _without_duplicates([one for one, _ in bags])
        notes += [Note("EXACT_DUPLICATE", (one.administration_id,)) for one in repeated]
        bags = put_together(kept)
    sedation: list[Administration] = []
    policy = record.policy
    for administration, ids in bags:
        if administration.components:
            identity = identity_of_mix(administration, formulary, policy)
        else:
            identity = identity_of(administration.drug, formulary, policy)
        is_usual = identity.drug_class is THERAPEUTIC and administration.route is INTRAVENOUS
        # Nothing that excludes speaks of the usual drug by vein.
        kind = "" if is_usual and not administration.order_text else excluded(administration, identity, policy)
        if kind:
            notes.append(Note(kind, ids))
            if kind == "PART_OF_SEDATION":
                sedation.append(administration)
            continue
        timed = _timed(administration, ids, identity, record)
        if isinstance(timed, Note):
            notes.append(timed)
        else:
            given.append(timed)
    return beside_sedation(given, sedation, record.rules.limits) if sedation else given, notes


def _of_whole_encounter(encounter: Encounter, record: Record) -> str:
    """Return why nothing of the encounter is coded; "" when it may be."""
    if encounter.is_cancelled:
        return "ENCOUNTER_CANCELLED"
    if record.is_office and encounter.place_of_service in record.rules.limits.facility_places_of_service:
        return "FACILITY_PLACE_OF_SERVICE"
    if record.is_office and encounter.place_of_service in record.rules.limits.home_places_of_service:
        return "HOME_INFUSION"
    return ""


def _without_duplicates(kept: list[Administration]) -> tuple[list[Administration], list[Administration]]:
    """Return the administrations, and those that repeat the order, drug, way and times of another."""
    first: dict[object, Administration] = {}
    for one in kept:
        numbered = bool(one.order_number) and one.runs[0].start is not None
        way = (one.drug, one.components, one.route, one.method, one.access_site)
        key = (one.order_number, way, one.runs, one.dose_amount) if numbered else one.administration_id
        first.setdefault(key, one)
    stay = {one.administration_id for one in first.values()}
    return list(first.values()), [one for one in kept if one.administration_id not in stay]


def excluded(administration: Administration, identity: Identity, policy: Policy) -> str:
    """Return the kind of note that says why an administration is no line of ours; "" when it may be one."""
    route, drug_class = administration.route, identity.drug_class
    if drug_class in BY_ANY_ROUTE or identity.tag in DRAWS:  # nothing below speaks of it
        return ""
    if route in NOT_OURS or (route in CHEMOTHERAPY_ONLY and drug_class is not CHEMOTHERAPY):
        return "ROUTE_NOT_OURS"
    if administration.order_text and (kind := _by_order(administration.order_text, identity)):
        return kind
    if drug_class is HYDRATION:
        return _fluid_excluded(administration, policy)
    if drug_class is DrugClass.SELF_ADMINISTERED and route is INTRAVENOUS:  # nobody takes it himself by vein
        return ""
    return INCLUDED.get(drug_class) or _by_policy(identity, route, policy)


def _by_order(order_text: str, identity: Identity) -> str:
    """Return why an order's words make an administration no line of ours; "" when they do not."""
    if identity.tag == "may_flush" and has_word(order_text, "flush"):
        return "FLUSH_INCLUDED"
    return "DIALYSIS_INCLUDED" if has_word(order_text, "dialysis") else ""


def _by_policy(identity: Identity, route: Route, policy: Policy) -> str:
    """Return why the payer does not take an administration for a service; "" when it does."""
    if identity.drug_class is DrugClass.NUTRITION and policy.tpn == "none":
        return "NUTRITION_NOT_REPORTED"
    if identity.tag == "insulin" and route is SUBCUTANEOUS and policy.sc_insulin == "none":
        return "SELF_ADMINISTERED"
    return ""


NO_HYDRATION = {
    "flush": "FLUSH_INCLUDED",
    "keep_open": "HYD_KVO",
    "procedural": "HYD_PROCEDURAL",
}  # by words of purpose


def _fluid_excluded(administration: Administration, policy: Policy) -> str:
    """Return why a fluid is no hydration; "" when it may be."""
    if said := said_of(administration):
        for purpose, kind in NO_HYDRATION.items():
            if has_word(said, purpose):
                return kind
    rate, volume = administration.rate_ml_per_hour, administration.volume_ml
    if policy.kvo_rate_ml_h is not None and rate is not None and rate <= policy.kvo_rate_ml_h:
        return "HYD_KVO"
    if policy.hyd_min_ml is not None and volume is not None and volume <= policy.hyd_min_ml:
        return "HYD_LOW_VOLUME"
    if policy.hyd_indication == "required" and not administration.indication:
        return "HYD_NO_INDICATION"
    return ""


def _timed(administration: Administration, ids: tuple[str, ...], identity: Identity, record: Record) -> Given | Note:
    """Return an administration with its running time inside the outpatient stay, or a note when it lies outside."""
    rules, presence = record.rules, record.presence
    stretches, wrong = running_time(administration, identity, record.policy, rules, is_office=record.is_office)
    flags = identity.flags + wrong
    if said := _of_record(administration, identity, record):
        flags = (*flags, *said)
    if administration.pump_minutes is not None and units_differ(
        administration.pump_minutes, stretches, identity.family, rules
    ):
        flags = (*flags, "TIME_SOURCE_CONFLICT")
    start_time = administration.runs[0].start or first_time(administration)
    if stretches:
        start, stop, minutes = stretches[0][0], stretches[-1][1], minutes_of(stretches)
    else:
        start = stop = instant(start_time) if start_time else 0
        minutes = 0
    if start_time and (start < presence.opens or presence.closes < stop):
        is_pump = starts_pump(administration, identity.family, stretches, rules, is_office=record.is_office)
        if is_pump or administration.method in BY_HAND:  # its start counts: a pump leaves with the patient
            kept, kinds = stretches, inside((), start, start, presence)[1]
        else:
            kept, kinds = inside(stretches, start, stop, presence)
        if "INPATIENT" in kinds:
            return Note("INPATIENT", ids)
        flags, stretches, minutes = (*flags, *kinds), kept, minutes_of(kept)
        if kept and kept[0][0] != start:
            start = kept[0][0]
            start_time = moment_of(start, start_time.tzinfo)
    day = local_date(start_time, presence.zone) if start_time else None
    site = site_key(administration.access_site)
    return Given(
        administration, ids, identity, identity.family, stretches, minutes, start, start_time, day, site, flags
    )


def first_time(administration: Administration) -> datetime | None:
    """Return the first documented time; None when there is none."""
    return next((time for run in administration.runs for time in (run.start, run.stop) if time), None)


def _of_record(administration: Administration, identity: Identity, record: Record) -> list[str]:
    """Return what the record lacks or says besides the times."""
    flags = [kind.upper() for kind in administration.remarks] if administration.remarks else []
    if administration.completion is COMPLETION_UNKNOWN:
        flags.append("ACTION_UNKNOWN")
    if not administration.has_order and record.policy.administrations_without_order == "on":
        flags += ["NO_ORDER"] if identity.drug_class is not BLOOD_PRODUCT else []  # its order is the blood bank's
    if administration.route is ROUTE_UNKNOWN:
        flags.append("ROUTE_UNKNOWN")
    elif administration.route is INTRAMUSCULAR and _ran(administration):
        flags.append("MODE_TIME_CONFLICT")
    last, charted_at = administration.runs[-1], administration.charted_at
    event = last.stop or last.start
    if charted_at and event and charted_at - event > record.rules.late_entry:
        flags.append("LATE_ENTRY")
    if last.stop and administration.stop_source == "pump" and record.policy.time_source != "pump":
        flags.append("STOP_FROM_PUMP")
    order_text = administration.order_text
    if identity.drug_class is HYDRATION:
        flags += _of_fluid(administration, record.rules.limits)
    elif (order_text or administration.indication) and has_word(said_of(administration), "procedural"):
        flags.append("PROCEDURE_INTEGRAL")
    if order_text and has_word(order_text, "resuscitation"):
        flags.append("CODE_BLUE")
    return flags


def _ran(administration: Administration) -> bool:
    """Say whether the record has a rate or an infusion."""
    return administration.rate_ml_per_hour is not None or administration.method is Method.INFUSION


def _of_fluid(administration: Administration, limits: Limits) -> list[str]:
    """Return what the record of a fluid lacks to be hydration without a look."""
    flags = [] if administration.indication else ["HYD_NO_INDICATION"]
    rate = administration.rate_ml_per_hour
    return [*flags, "HYD_KVO_RATE"] if rate is not None and rate <= limits.kvo_review_rate else flags
