"""Who sent a message and what it is (MSH), whom it is about (PID), and which visit (PV1)."""

from __future__ import annotations

from typing import NamedTuple

from hl7_parsers.er7 import NULL, Er7, Segment, value_in
from hl7_parsers.errors import MissingPatient, UnreadableMessage
from hl7_parsers.events import Header, Patient, Remark, Time, Visit
from hl7_parsers.timestamps import Clock, message_clock, read_time

# PID-3.5, best first: the id of the patient, rather than of an account, an insurance or a nation.
_ID_TYPES = {"MR": 0, "MRN": 1, "PI": 2, "PT": 3}


class Times(NamedTuple):
    """How the times of a message are read; remarks about them gather here."""

    clock: Clock
    remarks: list[Remark]

    def read(self, segment: Segment, field: int, place: str) -> Time | None:
        """A time, and a remark when it cannot be read."""
        found = read_time(segment.text(field), self.clock)
        if found.remark:
            self.remarks.append(Remark(found.remark, place))
        return found.time


def kind(header: Segment, event: Segment | None = None) -> str:
    """The message's type and trigger, "RAS^O17". MSH-9 governs; EVN-1 fills what it leaves out."""
    first, trigger = header.text(9), header.text(9, 2)
    if not trigger and "_" in first:
        first, _, trigger = first.partition("_")
    if not trigger and event is not None and first == "ADT":
        trigger = event.text(1)
    return f"{first}^{trigger}" if trigger else first


def read_header(message: Er7, clock: Clock, sent: Time | None) -> Header:
    """MSH."""
    header = message.header
    return Header(
        control_id=header.text(10),
        kind=kind(header, message.first("EVN")),
        version=header.text(12),
        application=header.text(3),
        facility=header.text(4),
        time=sent,
    )


def header_times(message: Er7, zone_clock: Clock) -> tuple[Times, Time | None]:
    """The clock of a message, its own time (MSH-7), and a list for remarks."""
    clock, sent = message_clock(message.header.text(7), zone_clock.zone)
    remarks = [Remark(sent.remark, "MSH-7")] if sent.remark else []
    return Times(clock, remarks), sent.time


def patient_of(pid: Segment) -> Patient | None:
    """The patient id: PID-3 by type, else its first, else PID-2, else PID-4. None when there is none."""
    marks = pid.delimiters
    best, best_rank = "", len(_ID_TYPES) + 1
    for raw in pid.repetitions(3):
        if best_rank and value_in(raw, 1, 1, marks):
            rank = _ID_TYPES.get(value_in(raw, 5, 1, marks).upper(), len(_ID_TYPES))
            if rank < best_rank:
                best, best_rank = raw, rank
    for field, raw in ((3, best), (2, pid.repetitions(2)[0]), (4, pid.repetitions(4)[0])):
        if found := value_in(raw, 1, 1, marks):
            return Patient(found, _authority(raw, pid), f"PID-{field}")
    return None


def _authority(raw: str, pid: Segment) -> str:
    """CX.4: the namespace, else the universal id."""
    return value_in(raw, 4, 1, pid.delimiters) or value_in(raw, 4, 2, pid.delimiters)


def read_patient(message: Er7, *, is_first_enough: bool = False) -> Patient:
    """The one patient of the message, or the first of one that is about several by its nature.

    Raises:
        MissingPatient: there is no PID, or no id in it.
        UnreadableMessage: a second PID names another patient, so that nothing says whose the rest is.
    """
    found = [patient_of(pid) for pid in message.all("PID")]
    if not found or found[0] is None:
        raise MissingPatient("NO_PATIENT", "PID-3", "send the patient's id, with its type in PID-3.5")
    if not is_first_enough and any(other is not None and other.id != found[0].id for other in found[1:]):
        raise UnreadableMessage("TWO_PATIENTS", "PID[2]", "send one patient in a message")
    return found[0]


def read_visit(message: Er7, times: Times) -> Visit:
    """The visit of the message's first PV1 and PID."""
    return visit_of(message.first("PV1"), message.first("PID"), times)


def visit_of(pv1: Segment | None, pid: Segment | None, times: Times) -> Visit:
    """The visit: PV1-19, else PID-18, else PV1-50; empty when none of them is there."""
    sources = ((pv1, 19), (pid, 18), (pv1, 50))
    identifier, place = "", ""
    for segment, field in sources:
        if segment is not None and (identifier := segment.text(field)):
            place = f"{segment.name}-{field}"
            break
    if pv1 is None:
        return Visit(id=identifier, place=place)
    return Visit(
        id=identifier,
        place=place,
        patient_class=pv1.text(2),
        location=pv1.text(3),
        facility=pv1.text(39) or pv1.text(3, 4),
        admitted=times.read(pv1, 44, "PV1-44"),
        discharged=times.read(pv1, 45, "PV1-45"),
        is_discharge_deleted=pv1.raw(45) == NULL,
    )
