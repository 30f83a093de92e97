"""When the patient was an outpatient and when an inpatient, by the classes that the messages give (PV1-2). Pure.

HL7 says which class a visit has, and when it changed only in part: A06 and A07 say that it did, an A01 after an A04
and an A08 show it. PV1-44 is then the time of the admission at one sender and still that of the arrival at another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

import coding
from coding import PatientStatus
from hl7_parsers import events as hl7
from hl7_parsers.events import Message
from streams.administrations import exact

CHANGED_BY_UPDATE = "CLASS_CHANGED_BY_UPDATE"
UNKNOWN_CLASS = "CLASS_UNKNOWN"
OBSERVED = "OBSERVATION_BY_TYPE"

# PV1-2 as sites send it (table 0004 knows no observation). Obstetrics is an inpatient here and an outpatient there.
_INPATIENT = frozenset({"I", "IN", "IP", "IPT", "INP", "INPT", "INPATIENT"})
_OUTPATIENT = frozenset(
    {"O", "OP", "OUT", "OUTP", "OUTPATIENT", "E", "EM", "ED", "ER", "EMER", "EMERGENCY"}
    | {"R", "REC", "RECURRING", "SERIES", "P", "PRE", "C", "COMMERCIAL", "CLINIC", "SDS", "DS", "DAY"}
    | {"OBS", "OBV", "OBSERVATION"}
)
_OBSERVATION_TYPES = frozenset({"OBS", "OBV", "OBSV", "OBSERV", "OBSERVATION"})  # PV1-18


class Told(NamedTuple):
    """A message that gives a class, and what that makes of the patient."""

    status: PatientStatus
    patient_class: str
    message: Message

    @property
    def event(self) -> hl7.EncounterEvent | None:
        return _adt_event(self.message)


class Status(NamedTuple):
    """The changes in order of time, none for an outpatient throughout; the arrival; what a person should look at."""

    changes: tuple[coding.StatusChange, ...]
    arrived_at: datetime | None
    doubts: frozenset[str]  # about everything that is billed
    remarks: frozenset[str]  # about what is billed and what is not


def status_of(messages: Sequence[Message]) -> Status:
    """When the patient was what, and came. Messages in order of time."""
    told = _told(messages)
    arrived = _arrived(messages, told)
    is_updated = False
    changes: list[coding.StatusChange] = []
    known = {arrived}
    for status, stay in groupby(told, key=lambda one: one.status):
        of_stay = list(stay)
        if changes:
            at = _changed_at(of_stay, known, changes[-1].at)
            is_updated |= isinstance(of_stay[0].event, hl7.EncounterUpdated)
        else:
            at = _since(of_stay[0], arrived, messages)
            changes += _before(of_stay[0], messages)
        known |= {exact(one.message.visit.admitted) for one in of_stay}
        if at is not None:
            changes.append(coding.StatusChange(at, status))
    if all(change.status is PatientStatus.OUTPATIENT for change in changes):
        changes = []
    in_order = tuple(sorted(changes, key=lambda change: change.at))
    doubts = frozenset(doubt for one in told for doubt in _doubts(one))
    return Status(in_order, arrived, doubts, frozenset([CHANGED_BY_UPDATE] if is_updated else []))


def _adt_event(message: Message) -> hl7.EncounterEvent | None:
    return next((event for event in message.events if isinstance(event, hl7.EncounterEvent)), None)


def _told(messages: Sequence[Message]) -> list[Told]:
    """The messages that tell the class: ADT, and others only until ADT begins, unless that begins with the visit."""
    with_class = [message for message in messages if message.visit.patient_class]
    first = next((n for n, message in enumerate(with_class) if _adt_event(message) is not None), len(with_class))
    from_there = [message for message in with_class[first:] if _adt_event(message) is not None]
    is_opening = bool(from_there) and isinstance(_adt_event(from_there[0]), hl7.EncounterOpened)
    return [_read(message) for message in ([] if is_opening else with_class[:first]) + from_there]


def _read(message: Message) -> Told:
    word = message.visit.patient_class.strip().upper()
    is_observed = message.visit.patient_type.strip().upper() in _OBSERVATION_TYPES
    status = PatientStatus.INPATIENT if word in _INPATIENT and not is_observed else PatientStatus.OUTPATIENT
    return Told(status, word, message)


def _doubts(told: Told) -> Iterable[str]:
    if told.patient_class in _INPATIENT:
        return (OBSERVED,) if told.status is PatientStatus.OUTPATIENT else ()
    return () if told.patient_class in _OUTPATIENT else (UNKNOWN_CLASS,)


def _arrived(messages: Sequence[Message], told: Sequence[Told]) -> datetime | None:
    """PV1-44 as the newest message has it that still gives the first class; else when the visit was opened.

    After a change of class many senders put the time of the change there.
    """
    changed = next((id(one.message) for one in told if one.patient_class != told[0].patient_class), None)
    arrived: datetime | None = None
    opened: datetime | None = None
    for message in messages:
        if id(message) == changed:
            break
        arrived = exact(message.visit.admitted) or arrived
        if opened is None and isinstance(event := _adt_event(message), hl7.EncounterOpened):
            opened = exact(event.at)
    return arrived or opened


def _since(first: Told, arrived: datetime | None, messages: Sequence[Message]) -> datetime | None:
    """Since when the first class holds: since the arrival. One that was not told of a beginning held before, too."""
    event = first.event
    if isinstance(event, hl7.EncounterClassChanged):
        return exact(event.at) or _sent(first.message)
    if arrived is not None and isinstance(event, hl7.EncounterOpened):
        return arrived
    times = [*_times(messages), *([arrived] if arrived else [])]
    return min(times, default=_sent(first.message))


def _before(first: Told, messages: Sequence[Message]) -> list[coding.StatusChange]:
    """What the patient was before an A07 that is the first news: an inpatient, for that is what it ends."""
    is_back = isinstance(first.event, hl7.EncounterClassChanged) and first.message.header.kind.endswith("A07")
    times = _times(messages)
    if not is_back or first.status is PatientStatus.INPATIENT or not times:
        return []
    return [coding.StatusChange(min(times), PatientStatus.INPATIENT)]


def _changed_at(stay: Sequence[Told], known: set[datetime | None], before: datetime) -> datetime | None:
    """When the class changed: EVN-6, else a PV1-44 that is newer than all before, else when it was recorded."""
    event, message = stay[0].event, stay[0].message
    if event is None:
        return min(_times([message]), default=_sent(message))
    if event.places.get("at") == "EVN-6":
        return exact(event.at)
    admitted = [exact(one.message.visit.admitted) for one in stay]
    fresh = [time for time in admitted if time is not None and time not in known and time > before]
    if fresh:
        return fresh[-1]
    return (None if event.places.get("at") == "PV1-44" else exact(event.at)) or exact(event.entered) or _sent(message)


def _sent(message: Message) -> datetime | None:
    return message.header.time.at if message.header.time else None


def _times(messages: Iterable[Message]) -> list[datetime]:
    """The times of what was charted."""
    charted = [event for message in messages for event in message.events if isinstance(event, hl7.AdministrationEvent)]
    return [time for event in charted if (time := exact(event.at) or exact(event.stop)) is not None]
