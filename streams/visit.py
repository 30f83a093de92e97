"""The visit as its messages tell it: where, from when to when, as what, and whether it was at all. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import coding
from hl7_parsers import events as hl7
from hl7_parsers.events import Message
from streams.administrations import exact

# PV1-2 as sites send it; every other class is an outpatient to the coding (table 0004 knows no observation).
_INPATIENT_CLASSES = frozenset({"I", "IP", "INP", "INPATIENT"})


@dataclass(frozen=True, slots=True)
class Visit:
    facility: str
    arrived_at: datetime | None
    departed_at: datetime | None
    status_changes: tuple[coding.StatusChange, ...]
    is_cancelled: bool
    insurance: tuple[str, ...] = ()  # plan and insurer as the newest message that names any has them

    @classmethod
    def of(cls, messages: Sequence[Message]) -> Visit:
        """The visit as the newest message about each thing tells it. Messages in order of time."""
        arrived: datetime | None = None
        departed: datetime | None = None
        is_cancelled = False
        facility = ""
        insurance: tuple[str, ...] = ()
        for message in messages:
            visit = message.visit
            facility = visit.facility or facility or message.header.facility
            insurance = tuple(name for name in (visit.plan, visit.insurer) if name) or insurance
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
        return cls(facility, arrived, departed, _status_changes(messages, arrived), is_cancelled, insurance)


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
