"""Reading one message: header, patient, visit, and the events of its type. A glance at one, for the listener."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import msgspec

from hl7_parsers import adt, er7, header, pump, ras, rde, supply, vxu
from hl7_parsers.errors import HL7Error, UnreadableMessage, UnsupportedMessage
from hl7_parsers.events import AnyEvent, Event, Message, Patient, Remark
from hl7_parsers.header import Times
from hl7_parsers.keeping import kept
from hl7_parsers.profile import SenderProfile, load_profile

STANDARD = load_profile("standard")

_CONTROL_ID_MAX = 80  # in an error; a header that is out of step may hold anything there
_LINE_END = re.compile(rb"[\r\n]")


class Peek(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a listener needs to know of a message. Everything is empty where it cannot be told.

    `problem` is the error that reading the message would end with, as far as header and patient tell. A message that
    is not readable as a whole has the fields of its header all the same, where the header itself can be read.
    """

    is_readable: bool = False
    problem: HL7Error | None = None
    control_id: str = ""
    echo_id: str = ""  # MSH-10 as an answer repeats it: whole, by the standard's delimiters
    kind: str = ""
    application: str = ""
    facility: str = ""
    version: str = ""
    processing_id: str = ""
    accept_ack: str = ""  # MSH-15
    application_ack: str = ""  # MSH-16
    patient_id: str = ""
    patient_authority: str = ""
    sender: tuple[str, str] = ("", "")  # MSH-3 and MSH-4, all components, joined by ^
    receiver: tuple[str, str] = ("", "")  # MSH-5 and MSH-6
    charset: str = ""  # what the bytes were read with
    declared_charset: str = ""  # MSH-18, the first
    sequence: str = ""  # MSH-13


def peek(raw: bytes) -> Peek:
    """Look at the header and the patient. Never raises; the patient is the one that `parse_message` finds."""
    try:
        message = er7.read(raw)
    except HL7Error as wrong:
        return _peek_header(raw, wrong)
    return _peek(message, _problem_of(message), is_readable=True)


def _peek_header(raw: bytes, wrong: HL7Error) -> Peek:
    """What the first line alone says of a message that cannot be read."""
    try:
        message = er7.read(_LINE_END.split(raw.lstrip(b"\x0b\r\n"), maxsplit=1)[0])
    except HL7Error:
        return Peek(problem=wrong)
    return _peek(message, wrong, is_readable=False)


def _problem_of(message: er7.Er7) -> HL7Error | None:
    try:
        _patient_of(message, header.kind(message))
    except HL7Error as wrong:
        return wrong
    return None


def _peek(message: er7.Er7, problem: HL7Error | None, *, is_readable: bool) -> Peek:
    msh, pid = message.header, message.first("PID")
    patient = header.patient_of(pid) if pid is not None else None
    return Peek(
        is_readable=is_readable,
        problem=problem,
        control_id=msh.text(10),
        echo_id=_echo(msh, 10),
        kind=header.kind(message),
        application=msh.text(3),
        facility=msh.text(4),
        version=msh.text(12),
        processing_id=msh.text(11),
        accept_ack=msh.text(15),
        application_ack=msh.text(16),
        patient_id=patient.id if patient else "",
        patient_authority=patient.authority if patient else "",
        sender=(_components(msh, 3), _components(msh, 4)),
        receiver=(_components(msh, 5), _components(msh, 6)),
        charset=message.charset,
        declared_charset=msh.text(18),
        sequence=msh.text(13),
    )


def _echo(msh: er7.Segment, field: int) -> str:
    """A field as it was sent; where the sender's delimiters are not the standard's, its text written anew."""
    standard = er7.Delimiters()
    return msh.raw(field).strip() if msh.delimiters[:5] == standard[:5] else er7.escape(msh.text(field), standard)


def _components(msh: er7.Segment, field: int) -> str:
    """A field of names (HD) with its components, whatever the sender's delimiter was."""
    return "^".join(msh.text(field, component) for component in (1, 2, 3)).rstrip("^")


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
    times, sent = header.header_times(message, profile.zone)
    head = header.read_header(message, sent)
    patient = _patient_of(message, head.kind)
    kind, trigger, _ = _supported(head.kind)
    visit = header.read_visit(message, times)
    if kind == "ADT":
        found: Sequence[Event] = adt.read_encounter(message, trigger, visit, times, sent)
    else:
        reader, what, where = _READERS[kind]
        found = reader(message, times, profile)
        if not found and (where != "RXA" or message.first("RXA") is None):
            times.remarks.append(Remark(what, where))
    return Message(head, patient, visit, cast("tuple[AnyEvent, ...]", tuple(found)), tuple(times.remarks))


class _Reader(NamedTuple):
    """How the events of a type are read, and the remark on a message that has none, with where they would stand."""

    read: Callable[[er7.Er7, Times, SenderProfile], Sequence[Event]]
    nothing: str
    where: str


_READERS = {
    "RAS": _Reader(ras.read_administrations, "NO_ADMINISTRATION", "RXA"),
    "RDE": _Reader(rde.read_orders, "NO_ORDER", "RXE"),
    "ORM": _Reader(rde.read_orders, "NO_ORDER", "RXO"),
    "OMP": _Reader(rde.read_orders, "NO_ORDER", "RXO"),
    "RGV": _Reader(supply.read_gives, "NO_GIVE", "RXG"),
    "RDS": _Reader(supply.read_dispenses, "NO_DISPENSE", "RXD"),
    "VXU": _Reader(vxu.read_vaccines, "NO_ADMINISTRATION", "RXA"),
    "ORU": _Reader(pump.read_deliveries, "NO_PUMP_EVENT", "OBX-5"),
}
_TRIGGERS = {
    "RAS": frozenset({"O17", "O01", ""}),
    "RDE": frozenset({"O11", "O01", "O25", ""}),
    "ADT": adt.TRIGGERS,
    "ORM": frozenset({"O01", ""}),
    "OMP": frozenset({"O09", ""}),
    "RGV": frozenset({"O15", "O01", ""}),
    "RDS": frozenset({"O13", "O01", ""}),
    "VXU": frozenset({"V04", ""}),
    "ORU": frozenset({"R01", "R40", "R42", ""}),
}


def _patient_of(message: er7.Er7, kind: str) -> Patient:
    """Whose message it is. Raises HL7Error where its type or its patient make that nothing can come of it."""
    first, trigger, is_first_enough = _supported(kind)
    if first == "ORU":
        pump.refuse_without_delivery(message, trigger)
    elif first == "ORM":
        rde.refuse_other_orders(message)
    return header.read_patient(message, is_first_enough=is_first_enough)


@kept(256)
def _supported(type_and_trigger: str) -> tuple[str, str, bool]:
    """The type, the trigger, and whether such a message may be about several patients.

    Raises UnsupportedMessage, or UnreadableMessage for a message that does not say what it is.
    """
    kind, _, trigger = type_and_trigger.partition("^")
    if not kind:
        raise UnreadableMessage("NO_TYPE", "MSH-9", "send the message type, such as RAS^O17")
    known = _TRIGGERS.get(kind)
    if known is None:
        raise UnsupportedMessage("TYPE_NOT_CODED", "MSH-9.1", "nothing is coded from messages of this type")
    if trigger not in known:
        if kind == "ADT":
            raise adt.refuse(trigger)
        raise UnsupportedMessage("TRIGGER_NOT_CODED", "MSH-9.2", "nothing is coded from this trigger event")
    return kind, trigger, adt.may_name_several_patients(type_and_trigger)
