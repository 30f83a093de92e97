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
_MSH_WIDTH = 13  # as far as MSH-12
_PV1_WIDTH = 46


class Times(msgspec.Struct, frozen=True, gc=False):
    """The times of a message; remarks about them gather here."""

    clock: Clock
    kept: Kept[str, ReadTime]  # by raw field
    remarks: list[Remark]

    def of(self, raw: str) -> ReadTime:
        """The time that a raw field holds."""
        return self.kept.get(raw) or self.kept[raw]

    def read(self, raw: str, place: str) -> Time | None:
        """The time of a raw field, and a remark when it cannot be read."""
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
    row, marks = message.header.row(_MSH_WIDTH), message.delimiters
    return Header(
        control_id=first_in(row[10], marks),
        kind=kind(message),
        version=first_in(row[12], marks),
        application=first_in(row[3], marks),
        facility=first_in(row[4], marks),
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
    best, best_rank = None, len(_ID_TYPES) + 1
    for raw in pid.repetitions(3):
        number, _, more = raw.partition(marks.component)
        if identifier := first_in(number, marks):
            rank, authority = _kind_of_id(more, marks)
            if rank < best_rank:
                best, best_rank = Patient(identifier, authority, "PID-3"), rank
            if not rank:
                break
    if best is not None:
        return best
    for field in (2, 4):
        number, _, more = pid.repetitions(field)[0].partition(marks.component)
        if identifier := first_in(number, marks):
            return Patient(identifier, _kind_of_id(more, marks)[1], f"PID-{field}")
    return None


@kept(1024)
def _kind_of_id(more: str, marks: Delimiters) -> tuple[int, str]:
    """The rank of an id by its type (CX.5) and its authority (CX.4: the namespace, else the universal id).

    `more` is what follows the number itself; there are but a few kinds.
    """
    parts = [*more.split(marks.component), "", "", ""]
    rank = _ID_TYPES.get(first_in(parts[3], marks).upper(), len(_ID_TYPES))
    return rank, first_in(parts[2], marks) or value_in(parts[2], 1, 2, marks)


def read_patient(message: Er7, *, is_first_enough: bool = False) -> Patient:
    """The one patient of the message, or the first of one that is about several by its nature.

    Raises:
        MissingPatient: there is no PID, or no id in it.
        UnreadableMessage: a second PID names another patient, so that nothing says whose the rest is.
    """
    pid = message.beginning("PID", 4)
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
    return visit_of(pv1, None if has_own_id else message.first("PID"), times, _insurance(message))


def _insurance(message: Er7) -> tuple[str, str]:
    """Plan and insurer of the first IN1."""
    slot, marks = message.layout.first.get("IN1"), message.delimiters
    if slot is None:
        return "", ""
    row = message.lines[slot.line].split(marks.field, 4)
    return first_in(row[2], marks) if len(row) > 2 else "", first_in(row[3], marks) if len(row) > 3 else ""


def visit_of(pv1: Segment | None, pid: Segment | None, times: Times, insurance: tuple[str, str] = ("", "")) -> Visit:
    """The visit: PV1-19, else PID-18, else PV1-50; empty when none of them is there."""
    plan, insurer = insurance
    if pv1 is None:
        identifier, place = _other_visit_id(pv1, pid)
        return Visit(identifier, place, plan=plan, insurer=insurer)
    row, marks = pv1.row(_PV1_WIDTH), pv1.delimiters
    identifier, place = first_in(row[19], marks), "PV1-19"
    if not identifier:
        identifier, place = _other_visit_id(pv1, pid)
    location, facility = _location(row[3], marks)
    return Visit(
        identifier,
        place,
        patient_class=first_in(row[2], marks),
        location=location,
        facility=first_in(row[39], marks) or facility,
        admitted=times.read(row[44], "PV1-44"),
        discharged=times.read(row[45], "PV1-45"),
        is_discharge_deleted=row[45] == NULL,
        plan=plan,
        insurer=insurer,
        patient_type=first_in(row[18], marks),
    )


@kept(4096)
def _location(raw: str, marks: Delimiters) -> tuple[str, str]:
    """Ward and facility of PV1-3."""
    parts = raw.partition(marks.repetition)[0].split(marks.component)
    return first_in(parts[0], marks), first_in(parts[3], marks) if len(parts) > 3 else ""


def _other_visit_id(pv1: Segment | None, pid: Segment | None) -> tuple[str, str]:
    """The visit's id and its place where PV1-19 is empty."""
    for segment, field in ((pid, 18), (pv1, 50)):
        if segment is not None and (found := segment.text(field)):
            return found, f"{segment.name}-{field}"
    return "", ""
