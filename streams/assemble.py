"""The pure fold: facts of one encounter, in any order, into the encounter that is coded.

This is the only place where an event becomes a `coding.Encounter`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import coding
from hl7_parsers import events as hl7
from hl7_parsers.events import Message
from streams.administrations import Draft, drug_key, exact, is_running, newest, order_rows, runs_of
from streams.pump_log import gather_all
from streams.records import Fact, MessageFact, patient_key

# PV1-2 as sites send it; every other class is an outpatient to the coding (table 0004 knows no observation).
_INPATIENT_CLASSES = frozenset({"I", "IP", "INP", "INPATIENT"})


@dataclass(frozen=True, slots=True)
class Site:
    """What the site's settings add to what the messages say."""

    setting: coding.Setting = coding.Setting.FACILITY
    payer: str = ""
    place_of_service: str = ""
    time_zone: str = ""


def encounter_of(message: Message) -> tuple[str, str]:
    """Patient key and encounter id of a message.

    A message that names no visit belongs to the patient's day: id, "@" and the local date of its first event.
    """
    patient = patient_key(message.patient.authority, message.patient.id)
    if message.visit.id:
        return patient, message.visit.id
    times = [getattr(event, "at", None) or event.entered for event in message.events]
    at = next((time.at for time in times if time), None) or (message.header.time.at if message.header.time else None)
    return patient, f"{message.patient.id}@{at.date().isoformat() if at else 'undated'}"


def assemble(facts: Iterable[Fact], site: Site) -> coding.Encounter:
    """The encounter that these facts make. At least one of them is a message."""
    messages = sorted((fact.message for fact in facts if isinstance(fact, MessageFact)), key=_message_order)
    drafts, remarks = gather_all(order_rows(messages))
    orders = _orders(messages)
    _, encounter_id = encounter_of(messages[0])
    visit = _Visit.of(messages)
    return coding.Encounter(
        encounter_id=encounter_id,
        patient_id=messages[0].patient.id,
        patient_id_authority=messages[0].patient.authority,
        facility=visit.facility,
        setting=site.setting,
        payer=site.payer,
        place_of_service=site.place_of_service,
        arrived_at=visit.arrived_at,
        departed_at=visit.departed_at,
        status_changes=visit.status_changes,
        is_cancelled=visit.is_cancelled,
        administrations=_administrations(drafts, orders),
        time_zone=site.time_zone,
        remarks=tuple(sorted({*remarks, *_about_messages(messages)})),
    )


def has_running_infusion(facts: Iterable[Fact]) -> bool:
    """Whether an infusion has begun and not ended, by what is known now."""
    messages = [fact.message for fact in facts if isinstance(fact, MessageFact)]
    return any(is_running(draft) for draft in gather_all(order_rows(messages))[0] if not draft.is_voided)


def _message_order(message: Message) -> tuple[float, str, str]:
    header = message.header
    return (header.time.at.timestamp() if header.time else 0.0), header.control_id, header.kind


def _about_messages(messages: Sequence[Message]) -> set[str]:
    """Remarks about the messages as such: the reader's, no visit named, a control id used for two different ones."""
    remarks = {remark.id for message in messages for remark in message.remarks}
    if not messages[0].visit.id:
        remarks.add("ENCOUNTER_UNKNOWN")
    used = Counter(
        (m.header.application, m.header.facility, m.header.control_id) for m in messages if m.header.control_id
    )
    if any(number > 1 for number in used.values()):
        remarks.add("CONTROL_ID_REUSED")
    return remarks


def _orders(messages: Sequence[Message]) -> dict[str, hl7.AnyEvent]:
    """The newest word on each order by its numbers: pharmacy's, else the prescriber's."""
    ordered = [event for message in messages for event in message.events if isinstance(event, hl7.DrugOrdered)]
    ordered.sort(key=lambda event: not event.is_request)
    return {number: event for event in ordered for number in _order_numbers(event)}


def _order_numbers(event: hl7.AnyEvent) -> tuple[str, ...]:
    if not isinstance(event, hl7.DrugOrdered):
        return ()
    return tuple(number for number in (event.placer, event.filler) if number)


# -- the visit ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Visit:
    facility: str
    arrived_at: datetime | None
    departed_at: datetime | None
    status_changes: tuple[coding.StatusChange, ...]
    is_cancelled: bool

    @classmethod
    def of(cls, messages: Sequence[Message]) -> _Visit:
        """The visit as the newest message about each thing tells it. Messages in order of time."""
        arrived: datetime | None = None
        departed: datetime | None = None
        is_cancelled = False
        facility = ""
        for message in messages:
            visit = message.visit
            facility = visit.facility or facility or message.header.facility
            arrived = exact(visit.admitted) or arrived
            departed = None if visit.is_discharge_deleted else exact(visit.discharged) or departed
            for event in message.events:
                if isinstance(event, hl7.EncounterOpened):
                    arrived = arrived or exact(event.at)
                    is_cancelled = False
                elif isinstance(event, hl7.EncounterClosed):
                    departed = exact(visit.discharged) or exact(event.at) or departed
                elif isinstance(event, hl7.EncounterReopened):
                    departed = None
                elif isinstance(event, hl7.EncounterCancelled):
                    is_cancelled = True
        return cls(facility, arrived, departed, _status_changes(messages, arrived), is_cancelled)


def _status_changes(messages: Sequence[Message], arrived: datetime | None) -> tuple[coding.StatusChange, ...]:
    """When the patient was what. ADT news rules; without any, the class on the other messages does."""
    adt = [m for m in messages if m.visit.patient_class and any(isinstance(e, hl7.EncounterEvent) for e in m.events)]
    changes: list[coding.StatusChange] = []
    for message in adt or [m for m in messages if m.visit.patient_class]:
        is_inpatient = message.visit.patient_class.strip().upper() in _INPATIENT_CLASSES
        status = coding.PatientStatus.INPATIENT if is_inpatient else coding.PatientStatus.OUTPATIENT
        times = [exact(e.at) for e in message.events if isinstance(e, hl7.EncounterEvent)]
        sent = message.header.time.at if message.header.time else None
        at = (arrived if not changes else next((t for t in times if t), None)) or sent
        if at is not None and (not changes or changes[-1].status is not status):
            changes.append(coding.StatusChange(at, status))
    if all(change.status is coding.PatientStatus.OUTPATIENT for change in changes):
        return ()
    return tuple(sorted(changes, key=lambda change: change.at))


# -- administrations ---------------------------------------------------------------------------------------------


def _administrations(drafts: Sequence[Draft], orders: dict[str, hl7.AnyEvent]) -> tuple[coding.Administration, ...]:
    """Every administration that was not voided, with an id of its own. In order of id."""
    standing = [draft for draft in drafts if not draft.is_voided]
    names = Counter(_short_id(draft) for draft in standing)
    made = []
    for draft in standing:
        short = _short_id(draft)
        start = exact(draft.opening.at)
        moment = f":{start:%Y%m%dT%H%M%S}" if start else ""
        unique = short if names[short] == 1 else f"{short}:{drug_key(draft.opening)}{moment}"
        order = orders.get(draft.opening.placer) or orders.get(draft.opening.filler)
        made.append(_administration(draft, unique, order if isinstance(order, hl7.DrugOrdered) else None))
    return tuple(sorted(made, key=lambda administration: administration.administration_id))


def _short_id(draft: Draft) -> str:
    opening = draft.opening
    number = opening.placer or opening.filler or draft.rows[0].control_id
    return f"{number}:{opening.sub_id}" if opening.sub_id else number


def _administration(draft: Draft, administration_id: str, order: hl7.DrugOrdered | None) -> coding.Administration:
    def value(name: str, empty: object = "") -> object:
        found = newest(draft, name, empty)
        return getattr(order, name, empty) if found == empty and order is not None else found

    dose = cast("hl7.Quantity | None", newest(draft, "dose", None))
    rate = cast("hl7.Quantity | None", newest(draft, "rate", None))
    charted = [row.event.entered.at for row in draft.rows if row.event.entered]
    rows = [*draft.rows, *draft.moments, *draft.joined, *draft.reported]
    device = str(newest(draft, "device", "none"))
    indication = str(value("indication"))
    return coding.Administration(
        administration_id=administration_id,
        drug=_drug(cast(hl7.Code, value("drug", hl7.Code())), is_blood=bool(newest(draft, "blood_unit", ""))),
        components=tuple(_drug(part.drug) for part in cast("tuple[hl7.Component, ...]", value("components", ()))),
        route=coding.Route(str(value("route", "unknown"))),
        method=coding.Method(str(value("method", "unknown"))),
        device=coding.Device("pump" if device == "none" and draft.reported else device),
        access_site=str(newest(draft, "access_site", "")),
        runs=runs_of(draft),
        stop_source=draft.stop_source,
        pump_minutes=draft.pump_minutes,
        completion=_completion(draft),
        dose_amount=dose.amount if dose else None,
        dose_unit=dose.unit if dose else "",
        volume_ml=dose.amount if dose and dose.unit.casefold() in _ML else None,
        rate_ml_per_hour=rate.amount if rate and rate.unit.casefold().replace(" ", "") in _ML_PER_HOUR else None,
        ordered_minutes=cast("int | None", value("ordered_minutes", None)),
        order_text=" ".join(text for text in (str(newest(draft, "note", "")), order.note if order else "") if text),
        indication=indication,
        has_order=bool(draft.opening.placer or draft.opening.filler),
        charted_at=min(charted, default=None),
        order_number=draft.opening.placer or draft.opening.filler,
        message_control_ids=tuple(dict.fromkeys(row.control_id for row in rows if row.control_id)),
        remarks=tuple(sorted({remark.id for row in rows for remark in row.event.remarks} | set(draft.remarks))),
    )


_ML = frozenset({"ml", "mls"})
_ML_PER_HOUR = frozenset({"ml/hr", "ml/h", "ml/hour", "mls/hr"})


def _drug(code: hl7.Code, *, is_blood: bool = False) -> coding.Drug:
    """A drug as the record names it. What has a unit's number is a product by ISBT 128, which holds blood alone."""
    return coding.Drug(code=code.id, code_system="ISBT128" if is_blood else code.system, name=code.text)


def _completion(draft: Draft) -> coding.Completion:
    last = draft.rows[-1].event
    if isinstance(last, hl7.AdministrationNotGiven):
        return coding.Completion.NOT_GIVEN
    if isinstance(last, hl7.AdministrationUnclear):
        return coding.Completion.UNKNOWN
    return coding.Completion.PARTLY_GIVEN if last.word.strip().upper() == "PA" else coding.Completion.GIVEN
