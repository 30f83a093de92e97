"""What of an encounter is ours to code: what was given, when the hospital gave it, and what the record lacks."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from coding.bags import put_together
from coding.dates import MINUTE, instant, moment_of, zone_named
from coding.devices import is_portable_pump, starts_pump
from coding.drugs import DrugClass, Formulary
from coding.encounter import Administration, Completion, Device, Encounter, Method, PatientStatus, Route, Run, Setting
from coding.identify import family_of, identify
from coding.policy import Policy
from coding.rules import Limits, Rules, read_toml
from coding.services import Given, Identity, Note
from coding.stretches import Stretches, union, within

NOT_OURS = {Route.ORAL, Route.OTHER, Route.EPIDURAL}
CHEMOTHERAPY_ONLY = {
    Route.INTRATHECAL, Route.INTRAVENTRICULAR, Route.INTRAPLEURAL, Route.INTRAPERITONEAL, Route.INTRALESIONAL,
}  # fmt: skip
VESSEL_OR_SKIN = {Route.INTRAVENOUS, Route.SUBCUTANEOUS, Route.INTRA_ARTERIAL, Route.UNKNOWN}
INCLUDED = {
    DrugClass.CONTRAST: "PART_OF_IMAGING",
    DrugClass.SEDATION: "PART_OF_SEDATION",
    DrugClass.SELF_ADMINISTERED: "SELF_ADMINISTERED",
    DrugClass.OTHER: "NOT_A_SERVICE",
}


TIMELESS = {DrugClass.VACCINE, DrugClass.BLOOD_PRODUCT, DrugClass.FLUSH}


class Clinic(NamedTuple):
    """Whose rules the record is read by."""

    policy: Policy
    rules: Rules
    is_office: bool


class Presence(NamedTuple):
    """When the patient was the hospital's outpatient: microseconds; None where nothing bounds it."""

    arrived: int | None
    departed: int | None
    inpatient: Stretches  # in order; the last may be open-ended
    zone: tzinfo | None


def presence_of(encounter: Encounter) -> Presence:
    """Return when the patient was the hospital's outpatient."""
    inpatient: list[tuple[int, int]] = []
    since: int | None = None
    for change in encounter.status_changes:
        at = instant(change.at)
        if change.status is PatientStatus.INPATIENT:
            since = at if since is None else since
        elif since is not None:
            inpatient.append((since, at))
            since = None
    if since is not None:
        inpatient.append((since, instant(datetime.max.replace(tzinfo=encounter.status_changes[-1].at.tzinfo))))
    return Presence(
        instant(encounter.arrived_at) if encounter.arrived_at else None,
        instant(encounter.departed_at) if encounter.departed_at else None,
        union(inpatient),
        zone_named(encounter.time_zone),
    )


def first_date(encounter: Encounter, zone: tzinfo | None) -> date | None:
    """Return the local date of the first documented time: its rules code the encounter. None when there is no time."""
    times = [time for a in encounter.administrations for run in a.runs for time in (run.start, run.stop) if time]
    first = min(times, default=encounter.arrived_at)
    if first is None:
        return None
    return first.astimezone(zone).date() if zone else first.date()


def screen(
    encounter: Encounter, policy: Policy, formulary: Formulary, rules: Rules, presence: Presence
) -> tuple[list[Given], list[Note]]:
    """Return the administrations that are ours to code, with their times, and a note for each other one."""
    given: list[Given] = []
    notes: list[Note] = []
    whole = _of_whole_encounter(encounter, rules.limits)
    clinic = Clinic(policy, rules, encounter.setting is Setting.PROFESSIONAL)
    seen: set[tuple[object, ...]] = set()
    kept: list[Administration] = []
    for administration in sorted(encounter.administrations, key=lambda one: one.administration_id):
        if kind := whole or _not_given(administration) or _duplicate(administration, seen):
            notes.append(Note(kind, (administration.administration_id,)))
        else:
            kept.append(administration)
    for administration, ids in put_together(kept):
        identity = identify(administration, formulary, policy)
        kind = excluded(administration, identity, policy)
        one = Note(kind, ids) if kind else _timed(administration, ids, identity, clinic, presence)
        if isinstance(one, Note):
            notes.append(one)
        else:
            given.append(one)
    return given, notes


def _of_whole_encounter(encounter: Encounter, limits: Limits) -> str:
    """Return why nothing of the encounter is coded; "" when it may be."""
    if encounter.is_cancelled:
        return "ENCOUNTER_CANCELLED"
    office = encounter.setting is Setting.PROFESSIONAL
    if office and encounter.place_of_service in limits.facility_places_of_service:
        return "FACILITY_PLACE_OF_SERVICE"
    return ""


def _not_given(administration: Administration) -> str:
    """Return NOT_GIVEN when the record says that it was not."""
    return "NOT_GIVEN" if administration.completion is Completion.NOT_GIVEN else ""


def _duplicate(administration: Administration, seen: set[tuple[object, ...]]) -> str:
    """Return EXACT_DUPLICATE when the same order, drug, way and times were seen before in this encounter."""
    if not administration.order_number or administration.runs[0].start is None:
        return ""
    key = (
        administration.order_number, administration.drug, administration.route, administration.access_site,
        administration.runs, administration.dose_amount, administration.method,
    )  # fmt: skip
    if key in seen:
        return "EXACT_DUPLICATE"
    seen.add(key)
    return ""


def excluded(administration: Administration, identity: Identity, policy: Policy) -> str:
    """Return the kind of note that says why an administration is no line of ours; "" when it may be one."""
    route, drug_class = administration.route, identity.drug_class
    if drug_class is DrugClass.VACCINE or drug_class is DrugClass.BLOOD_PRODUCT:
        return ""
    if route in NOT_OURS:
        return "ROUTE_NOT_OURS"
    if (kind := INCLUDED.get(drug_class)) is not None:
        return kind
    if route in CHEMOTHERAPY_ONLY and drug_class is not DrugClass.CHEMOTHERAPY:
        return "ROUTE_NOT_OURS"
    if route is Route.INTRADERMAL:
        return "ROUTE_NOT_OURS"
    if drug_class is DrugClass.NUTRITION and policy.tpn == "none":
        return "NUTRITION_NOT_REPORTED"
    if identity.tag == "insulin" and route is Route.SUBCUTANEOUS and policy.sc_insulin == "none":
        return "SELF_ADMINISTERED"
    if drug_class is DrugClass.HYDRATION:
        return _fluid_excluded(administration, policy)
    return ""


def _fluid_excluded(administration: Administration, policy: Policy) -> str:
    """Return why a fluid is no hydration; "" when it may be."""
    words = read_toml("order_words.toml")
    said = f"{administration.order_text} {administration.indication}".casefold()
    if any(word in said for word in words["keep_open"]):
        return "HYD_KVO"
    if any(word in said for word in words["procedural"]):
        return "HYD_PROCEDURAL"
    rate, volume = administration.rate_ml_per_hour, administration.volume_ml
    if policy.kvo_rate_ml_h is not None and rate is not None and rate <= policy.kvo_rate_ml_h:
        return "HYD_KVO"
    if policy.hyd_min_ml is not None and volume is not None and volume <= policy.hyd_min_ml:
        return "HYD_LOW_VOLUME"
    if policy.hyd_indication == "required" and not administration.indication:
        return "HYD_NO_INDICATION"
    return ""


def _timed(
    administration: Administration,
    ids: tuple[str, ...],
    identity: Identity,
    clinic: Clinic,
    presence: Presence,
) -> Given | Note:
    """Return an administration with its running time inside the outpatient stay, or a note when it lies outside."""
    runs, policy, limits = administration.runs, clinic.policy, clinic.rules.limits
    flags = [*identity.flags, *_remarks(administration), *_of_record(administration, policy, identity, limits)]
    stretches, time_flags = running_time(administration, identity, clinic)
    flags += time_flags
    start_time = runs[0].start or next((run.start for run in runs if run.start), None)
    start = stretches[0][0] if stretches else instant(start_time) if start_time else 0
    if start_time is None:
        stop_time = runs[-1].stop
        start_time, start = stop_time, instant(stop_time) if stop_time else 0
    clipped = stretches
    if presence.arrived is not None or presence.departed is not None or presence.inpatient:
        stop = stretches[-1][1] if stretches else start
        kinds = list[str]()
        if start_time is not None and not (
            stretches and is_portable_pump(administration)
        ):  # a pump leaves with the patient
            clipped, kinds = _inside(stretches, start, stop, presence)
        if "INPATIENT" in kinds:
            return Note("INPATIENT", ids)
        flags += kinds
        if clipped and clipped[0][0] != start and start_time is not None:
            start = clipped[0][0]
            start_time = moment_of(start, start_time.tzinfo)
    return Given(
        administration, ids, identity, family_of(identity, policy), clipped, start, start_time, bool(stretches) or _at_once(runs),
        administration.access_site, tuple(dict.fromkeys(flags)),
    )  # fmt: skip


def _at_once(runs: tuple[Run, ...]) -> bool:
    """Say whether the only run's start is its stop."""
    return runs[0].start is not None and runs[0].start == runs[0].stop


def _remarks(administration: Administration) -> list[str]:
    """Return what the reader or the assembly noted, and an action word nobody mapped."""
    remarks = [kind.upper() for kind in administration.remarks]
    return [*remarks, "ACTION_UNKNOWN"] if administration.completion is Completion.UNKNOWN else remarks


def _of_record(administration: Administration, policy: Policy, identity: Identity, limits: Limits) -> list[str]:
    """Return what the record lacks or says besides the times."""
    flags = []
    if not administration.has_order:
        flags.append("NO_ORDER")
    if administration.route is Route.UNKNOWN:
        flags.append("ROUTE_UNKNOWN")
    if administration.route is Route.INTRAMUSCULAR and (
        administration.rate_ml_per_hour is not None or administration.method is Method.INFUSION
    ):
        flags.append("MODE_TIME_CONFLICT")
    last = administration.runs[-1]
    event = last.stop or last.start
    if (
        administration.charted_at
        and event
        and administration.charted_at - event > timedelta(minutes=limits.late_entry_minutes)
    ):
        flags.append("LATE_ENTRY")
    if administration.stop_source == "pump" and last.stop is not None and policy.time_source == "mar_signed":
        flags.append("STOP_FROM_PUMP")
    if identity.drug_class is DrugClass.HYDRATION:
        flags += _of_fluid(administration, limits, policy)
    if administration.order_text and any(
        word in administration.order_text.casefold() for word in read_toml("order_words.toml")["resuscitation"]
    ):
        flags.append("CODE_BLUE")
    return flags


def _of_fluid(administration: Administration, limits: Limits, policy: Policy) -> list[str]:
    """Return what the record of a fluid lacks to be hydration without a look."""
    flags = [] if administration.indication else ["HYD_NO_INDICATION"]
    rate = administration.rate_ml_per_hour
    if rate is not None and rate <= limits.kvo_review_rate:
        flags.append("HYD_KVO_RATE")
    return flags


def running_time(administration: Administration, identity: Identity, clinic: Clinic) -> tuple[Stretches, list[str]]:
    """Return the running time and what is wrong with the times. No running time when one is missing.

    A push or injection recorded at a moment has no running time, and lacks nothing.
    """
    policy, at_once = clinic.policy, administration.method in {Method.PUSH, Method.INJECTION}
    to_minute = policy.seconds == "minute_stamps"
    stretches: list[tuple[int, int]] = []
    for run in administration.runs:
        if run.start is None:
            return (), ["NO_START"]
        start = instant(run.start)
        if run.stop is None:
            if at_once or _is_timeless(administration, identity, clinic):
                return (), []
            return _without_stop(administration, stretches, start, policy)
        stop = instant(run.stop)
        if to_minute:
            start, stop = start - start % MINUTE, stop - stop % MINUTE
        if stop < start:
            return (), ["NEGATIVE_DURATION"]
        if stop > start:
            stretches.append((start, stop))
    if not stretches and not at_once and administration.route in VESSEL_OR_SKIN:
        return (), _zero_duration(policy)
    return union(stretches), []


def _zero_duration(policy: Policy) -> list[str]:
    """Return what a start that is also the stop means, when the method does not say push."""
    if policy.equal_times_mean == "stop_unknown":
        return ["NO_STOP"]
    if policy.equal_times_mean == "push":
        return []
    return (
        ["ZERO_DURATION_INFUSION", "ZERO_DURATION_HELD"]
        if policy.zero_duration == "hold"
        else ["ZERO_DURATION_INFUSION"]
    )


def _without_stop(
    administration: Administration, before: list[tuple[int, int]], start: int, policy: Policy
) -> tuple[Stretches, list[str]]:
    """Return the running time when a run has no stop: reckoned from what a nurse recorded, or missing."""
    volume, rate = administration.volume_ml, administration.rate_ml_per_hour
    only_run = len(administration.runs) == 1
    if only_run and volume and rate and rate > 0 and policy.stop_calc == "nursing_volume_rate":
        stop = start + int(volume * 60 / rate) * MINUTE
        return union([*before, (start, stop)]), ["STOP_CALCULATED"]
    return (), ["NO_STOP", "ORDER_DURATION_ONLY"] if administration.ordered_minutes else ["NO_STOP"]


def _is_timeless(administration: Administration, identity: Identity, clinic: Clinic) -> bool:
    """Say whether the service has no time rule, so that a moment is enough."""
    route = administration.route
    if identity.drug_class in TIMELESS:
        return True
    if route is Route.SUBCUTANEOUS:
        return administration.device is not Device.PUMP and administration.method is not Method.INFUSION
    family = family_of(identity, clinic.policy)
    if starts_pump(administration, family, (), clinic.rules, is_office=clinic.is_office):
        return True
    if route is Route.INTRA_ARTERIAL:
        return identity.drug_class is not DrugClass.CHEMOTHERAPY
    return route not in VESSEL_OR_SKIN


def _inside(stretches: Stretches, start: int, stop: int, presence: Presence) -> tuple[Stretches, list[str]]:
    """Return the running time inside the outpatient stay, and what crosses its edges."""
    arrived, departed = presence.arrived, presence.departed
    for since, until in presence.inpatient:
        if since <= start and stop <= until:
            return (), ["INPATIENT"]
    if arrived is not None and (stop < arrived or (stop == arrived and stretches)):
        return stretches, ["GIVEN_BEFORE_ARRIVAL"]
    if departed is not None and start > departed:
        return stretches, ["GIVEN_AFTER_DEPARTURE"]
    if not stretches:
        return stretches, []
    kinds = []
    kept = stretches
    if arrived is not None and start < arrived:
        kept, kinds = within(kept, arrived, stop), ["RUNNING_ON_ARRIVAL"]
    if departed is not None and stop > departed:
        kept = within(kept, start, departed)
        kinds.append("STATUS_CHANGE")
    for since, until in presence.inpatient:
        if since < stop and start < until:
            kept = union([*within(kept, start, since), *within(kept, until, stop)])
            kinds.append("STATUS_CHANGE")
    return (kept, kinds) if kept else ((), ["INPATIENT"])
