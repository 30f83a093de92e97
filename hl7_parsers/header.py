"""Who sent a message and what it is (MSH), whom it is about (PID), and which visit (PV1)."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec

from hl7_parsers.er7 import NULL, Delimiters, Er7, Segment, first_in, value_in
from hl7_parsers.errors import MissingPatient, UnreadableMessage
from hl7_parsers.events import Header, Patient, Remark, Time, Visit
from hl7_parsers.keeping import Kept, kept
from hl7_parsers.timestamps import Clock, ReadTime, message_clock, times_by

# PID-3.5, best first: the id of the patient, rather than of an account, an insurance or a nation.
_ID_TYPES = {"MR": 0, "MRN": 1, "PI": 2, "PT": 3}


class Times(msgspec.Struct, frozen=True, gc=False):
    """The times of a message; remarks about them gather here."""

    clock: Clock
    kept: Kept[str, ReadTime]  # by raw field
    remarks: list[Remark]

    def of(self, raw: str) -> ReadTime:
        """The time that a raw field holds."""
        return self.kept.get(raw) or self.kept[raw]

    def read(self, segment: Segment, field: int, place: str) -> Time | None:
        """A time, and a remark when it cannot be read."""
        raw = segment.raw(field)
        if not raw:
            return None
        found = self.of(raw)
        if found.remark:
            self.remarks.append(Remark(found.remark, place))
        return found.time


def kind(message: Er7) -> str:
    """The message's type and trigger, "RAS^O17". MSH-9 governs; EVN-1 fills what it leaves out."""
    first, trigger = _kind(message.header.raw(9), message.delimiters)
    if not trigger and first == "ADT" and (event := message.first("EVN")) is not None:
        trigger = event.text(1)
    return f"{first}^{trigger}" if trigger else first


@kept(256)
def _kind(raw: str, marks: Delimiters) -> tuple[str, str]:
    """Type and trigger of MSH-9, the trigger also where both stand in one, as in "ADT_A01"."""
    raw = raw.partition(marks.repetition)[0]
    first, trigger = value_in(raw, 1, 1, marks), value_in(raw, 2, 1, marks)
    if not trigger and "_" in first:
        first, _, trigger = first.partition("_")
    return first, trigger


def read_header(message: Er7, sent: Time | None) -> Header:
    """MSH."""
    header = message.header
    return Header(
        control_id=header.text(10),
        kind=kind(message),
        version=header.text(12),
        application=header.text(3),
        facility=header.text(4),
        time=sent,
    )


def header_times(message: Er7, zone: ZoneInfo | None) -> tuple[Times, Time | None]:
    """The times of a message, by its clock or else that of the zone, and its own (MSH-7)."""
    clock, sent = message_clock(message.header.raw(7), zone, message.delimiters)
    remarks = [Remark(sent.remark, "MSH-7")] if sent.remark else []
    return Times(clock, times_by(clock, message.delimiters), remarks), sent.time


def patient_of(pid: Segment) -> Patient | None:
    """The patient id: PID-3 by type, else its first, else PID-2, else PID-4. None when there is none."""
    marks = pid.delimiters
    best, best_id, best_rank = [""], "", len(_ID_TYPES) + 1
    for raw in pid.repetitions(3):
        parts = raw.split(marks.component)
        if identifier := first_in(parts[0], marks):
            rank = _ID_TYPES.get(first_in(parts[4], marks).upper() if len(parts) > 4 else "", len(_ID_TYPES))
            if rank < best_rank:
                best, best_id, best_rank = parts, identifier, rank
            if not rank:
                break
    if best_id:
        return Patient(best_id, _authority(best, marks), "PID-3")
    for field in (2, 4):
        parts = pid.repetitions(field)[0].split(marks.component)
        if identifier := first_in(parts[0], marks):
            return Patient(identifier, _authority(parts, marks), f"PID-{field}")
    return None


def _authority(parts: list[str], marks: Delimiters) -> str:
    """CX.4: the namespace, else the universal id."""
    return (first_in(parts[3], marks) or value_in(parts[3], 1, 2, marks)) if len(parts) > 3 else ""


def read_patient(message: Er7, *, is_first_enough: bool = False) -> Patient:
    """The one patient of the message, or the first of one that is about several by its nature.

    Raises:
        MissingPatient: there is no PID, or no id in it.
        UnreadableMessage: a second PID names another patient, so that nothing says whose the rest is.
    """
    pid = message.first("PID")
    patient = patient_of(pid) if pid is not None else None
    if patient is None:
        raise MissingPatient("NO_PATIENT", "PID-3", "send the patient's id, with its type in PID-3.5")
    if message.count("PID") > 1 and not is_first_enough:
        others = (patient_of(each) for each in message.all("PID"))
        if any(other is not None and other.id != patient.id for other in others):
            raise UnreadableMessage("TWO_PATIENTS", "PID[2]", "send one patient in a message")
    return patient


def read_visit(message: Er7, times: Times) -> Visit:
    """The visit of the message's first PV1 and PID."""
    pv1 = message.first("PV1")
    has_own_id = pv1 is not None and pv1.raw(19) not in ("", NULL)
    visit = visit_of(pv1, None if has_own_id else message.first("PID"), times)
    insurance = message.first("IN1")
    if insurance is None:
        return visit
    return msgspec.structs.replace(visit, plan=insurance.text(2), insurer=insurance.text(3))


def visit_of(pv1: Segment | None, pid: Segment | None, times: Times) -> Visit:
    """The visit: PV1-19, else PID-18, else PV1-50; empty when none of them is there."""
    identifier, place = (pv1.text(19) if pv1 is not None else ""), "PV1-19"
    if not identifier:
        identifier, place = _other_visit_id(pv1, pid)
    if pv1 is None:
        return Visit(id=identifier, place=place)
    marks = pv1.delimiters
    location = pv1.repetitions(3)[0].split(marks.component)
    return Visit(
        id=identifier,
        place=place,
        patient_class=pv1.text(2),
        location=first_in(location[0], marks),
        facility=pv1.text(39) or (first_in(location[3], marks) if len(location) > 3 else ""),
        admitted=times.read(pv1, 44, "PV1-44"),
        discharged=times.read(pv1, 45, "PV1-45"),
        is_discharge_deleted=pv1.raw(45) == NULL,
        patient_type=pv1.text(18),
    )


def _other_visit_id(pv1: Segment | None, pid: Segment | None) -> tuple[str, str]:
    """The visit's id and its place where PV1-19 is empty."""
    for segment, field in ((pid, 18), (pv1, 50)):
        if segment is not None and (found := segment.text(field)):
            return found, f"{segment.name}-{field}"
    return "", ""
