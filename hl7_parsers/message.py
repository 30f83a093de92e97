"""Reading one message: header, patient, visit, and the events of its type. A glance at one, for the listener."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec

from hl7_parsers import adt, er7, header, pump, ras, rde
from hl7_parsers.errors import HL7Error, UnreadableMessage, UnsupportedMessage
from hl7_parsers.events import AnyEvent, Event, Header, Message, Remark, Visit
from hl7_parsers.header import Times
from hl7_parsers.profile import SenderProfile, load_profile
from hl7_parsers.timestamps import Clock

STANDARD = load_profile("standard")

_CONTROL_ID_MAX = 80  # in an error; a header that is out of step may hold anything there
_RAS_TRIGGERS = frozenset({"O17", "O01", ""})
_RDE_TRIGGERS = frozenset({"O11", "O01", "O25", ""})


class Peek(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a listener needs to know of a message. Everything is empty where it cannot be told."""

    is_readable: bool = False
    control_id: str = ""
    kind: str = ""
    application: str = ""
    facility: str = ""
    version: str = ""
    processing_id: str = ""
    accept_ack: str = ""  # MSH-15
    application_ack: str = ""  # MSH-16
    patient_id: str = ""
    patient_authority: str = ""
    charset: str = ""


def peek(raw: bytes) -> Peek:
    """Look at the header and the patient. Never raises; the patient is the one that `parse_message` finds."""
    try:
        message = er7.read(raw)
    except HL7Error:
        return Peek()
    msh, pid = message.header, message.first("PID")
    patient = header.patient_of(pid) if pid is not None else None
    return Peek(
        is_readable=True,
        control_id=msh.text(10),
        kind=header.kind(msh, message.first("EVN")),
        application=msh.text(3),
        facility=msh.text(4),
        version=msh.text(12),
        processing_id=msh.text(11),
        accept_ack=msh.text(15),
        application_ack=msh.text(16),
        patient_id=patient.id if patient else "",
        patient_authority=patient.authority if patient else "",
        charset=message.charset,
    )


def parse_message(raw: bytes, profile: SenderProfile = STANDARD) -> Message:
    """Read one message as its sender means it.

    Raises:
        HL7Error: one of its kinds, and nothing else, whatever the bytes are.
    """
    message = er7.read(raw)
    try:
        return _read(message, profile)
    except HL7Error as problem:
        control_id = "".join(c for c in message.header.text(10) if c.isprintable())[:_CONTROL_ID_MAX]
        raise type(problem)(problem.reason, problem.place, problem.advice, control_id) from None


def _read(message: er7.Er7, profile: SenderProfile) -> Message:
    times, sent = header.header_times(message, Clock(None, profile.zone))
    head = header.read_header(message, times.clock, sent)
    kind, _, trigger = head.kind.partition("^")
    if kind == "ORU":
        pump.refuse_without_delivery(message, trigger)
        pump.refuse_unknown_patient(message)
    else:
        _refuse_other_types(kind, trigger)
    patient = header.read_patient(message, is_first_enough=adt.may_name_several_patients(head.kind))
    visit = header.read_visit(message, times)
    found = _events(message, head, visit, times, profile)
    return Message(head, patient, visit, found, tuple(times.remarks))


def _refuse_other_types(kind: str, trigger: str) -> None:
    """Raises UnsupportedMessage, or UnreadableMessage for a message that does not say what it is."""
    if not kind:
        raise UnreadableMessage("NO_TYPE", "MSH-9", "send the message type, such as RAS^O17")
    known = {"RAS": _RAS_TRIGGERS, "RDE": _RDE_TRIGGERS, "ADT": adt.TRIGGERS}
    if kind not in known:
        raise UnsupportedMessage("TYPE_NOT_CODED", "MSH-9.1", "nothing is coded from messages of this type")
    if trigger not in known[kind]:
        if kind == "ADT":
            raise adt.refuse(trigger)
        raise UnsupportedMessage("TRIGGER_NOT_CODED", "MSH-9.2", "nothing is coded from this trigger event")


def _events(message: er7.Er7, head: Header, visit: Visit, times: Times, profile: SenderProfile) -> tuple[AnyEvent, ...]:
    kind, _, trigger = head.kind.partition("^")
    found: Sequence[Event]
    if kind == "ADT":
        found = adt.read_encounter(message, trigger, visit, times, head.time)
    elif kind == "ORU":
        found = pump.read_deliveries(message, times)
        if not found:
            times.remarks.append(Remark("NO_PUMP_EVENT", "OBX-5"))
    elif kind == "RDE":
        found = rde.read_orders(message, times, profile)
        if not found:
            times.remarks.append(Remark("NO_ORDER", "RXE"))
    else:
        found = ras.read_administrations(message, times, profile)
        if not found and message.first("RXA") is None:
            times.remarks.append(Remark("NO_ADMINISTRATION", "RXA"))
    return cast("tuple[AnyEvent, ...]", tuple(found))
