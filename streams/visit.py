"""The visit as its messages tell it: where, from when to when, as what, and whether it was at all. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import coding
from hl7_parsers import events as hl7
from hl7_parsers.events import Message
from streams.administrations import exact
from streams.patient_status import status_of


@dataclass(frozen=True, slots=True)
class Visit:
    facility: str
    location: str
    arrived_at: datetime | None
    departed_at: datetime | None
    status_changes: tuple[coding.StatusChange, ...]
    is_cancelled: bool
    doubts: frozenset[str] = frozenset()  # about the patient's class, and with it about everything billed
    remarks: frozenset[str] = frozenset()
    insurance: tuple[str, ...] = ()  # plan and insurer as the newest message that names any has them

    @classmethod
    def of(cls, messages: Sequence[Message]) -> Visit:
        """The visit as the newest message about each thing tells it. Messages in order of time."""
        departed: datetime | None = None
        is_cancelled = False
        facility = location = ""
        insurance: tuple[str, ...] = ()
        for message in messages:
            visit = message.visit
            facility = visit.facility or facility or message.header.facility
            location = visit.location or location
            insurance = tuple(name for name in (visit.plan, visit.insurer) if name) or insurance
            departed = None if visit.is_discharge_deleted else exact(visit.discharged) or departed
            for event in message.events:
                if isinstance(event, hl7.EncounterOpened):
                    is_cancelled = False
                elif isinstance(event, hl7.EncounterClosed):
                    departed = exact(visit.discharged) or exact(event.at) or departed
                elif isinstance(event, hl7.EncounterReopened):
                    departed = None
                elif isinstance(event, hl7.EncounterCancelled):
                    is_cancelled = True
        status = status_of(messages)
        told = (status.changes, is_cancelled, status.doubts, status.remarks)
        return cls(facility, location, status.arrived_at, departed, *told, insurance)
