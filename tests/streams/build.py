"""Builders: messages and facts of one synthetic encounter, by the clock of one day."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

from hl7_parsers import events as hl7
from hl7_parsers.events import Action, Code, Header, Message, Patient, Quantity, Time, Visit
from streams.records import LAYOUT, MessageFact

EASTERN = timezone(timedelta(hours=-5))
_counter = itertools.count(1)


def clock(text: str, day: int = 2) -> Time:
    """09:30 on that day of March 2026, as an HL7 time with an offset."""
    hour, minute = map(int, text.split(":"))
    return Time(datetime(2026, 3, day, hour, minute, tzinfo=EASTERN))


def message(
    *events: hl7.AnyEvent,
    at: str = "09:00",
    control_id: str = "",
    kind: str = "RAS^O17",
    visit: Visit | None = None,
) -> Message:
    header = Header(control_id or f"C{next(_counter)}", kind, "2.5.1", "MAR", "SYNTH", clock(at))
    return Message(header, Patient("SYN1", "SYNTH"), visit or Visit("V1", "PV1-19", "O"), tuple(events))


def fact(one: Message, received: float = 0.0) -> MessageFact:
    return MessageFact(LAYOUT, received, one)


def opened(at: str = "08:00", patient_class: str = "O") -> Message:
    visit = Visit("V1", "PV1-19", patient_class, admitted=clock(at))
    return message(hl7.EncounterOpened(at=clock(at), entered=clock(at)), at=at, kind="ADT^A04", visit=visit)


def closed(at: str = "18:00") -> Message:
    visit = Visit("V1", "PV1-19", "O", discharged=clock(at))
    return message(hl7.EncounterClosed(at=clock(at), entered=clock(at)), at=at, kind="ADT^A03", visit=visit)


def reopened(at: str = "19:00") -> Message:
    return message(hl7.EncounterReopened(at=clock(at), entered=clock(at)), at=at, kind="ADT^A13")


def void_visit(at: str = "19:00") -> Message:
    return message(hl7.EncounterCancelled(at=clock(at), entered=clock(at)), at=at, kind="ADT^A11")


def class_changed(at: str, patient_class: str, trigger: str = "A06") -> Message:
    visit = Visit("V1", "PV1-19", patient_class)
    return message(
        hl7.EncounterClassChanged(at=clock(at), entered=clock(at)), at=at, kind=f"ADT^{trigger}", visit=visit
    )


def _drug(name: str) -> Code:
    return Code(name.upper(), name, "99SYN")


def started(
    order: str,
    *,
    at: str = "09:00",
    drug: str = "ceftriaxone",
    sub_id: str = "1",
    action: Action = Action.ADD,
    word: str = "CP",
    rate: Quantity | None = None,
    charted: str = "",
) -> Message:
    event = hl7.AdministrationStarted(
        placer=order, sub_id=sub_id, action=action, word=word, at=clock(at), drug=_drug(drug), rate=rate,
        route="intravenous", method="infusion", entered=clock(charted or at), is_bolus=word.startswith("Bolus"),
    )  # fmt: skip
    return message(event, at=charted or at)


def given(
    order: str,
    at: str = "09:00",
    stop: str = "10:00",
    *,
    drug: str = "ceftriaxone",
    sub_id: str = "1",
    action: Action = Action.ADD,
    charted: str = "",
) -> Message:
    event = hl7.AdministrationGiven(
        placer=order, sub_id=sub_id, action=action, word="CP", at=clock(at), stop=clock(stop), drug=_drug(drug),
        route="intravenous", method="infusion", entered=clock(charted or stop),
    )  # fmt: skip
    return message(event, at=charted or stop)


def moment(kind: type[hl7.AdministrationEvent], order: str, at: str, drug: str = "ceftriaxone") -> Message:
    """A stop, pause, restart or rate change."""
    event = kind(placer=order, at=clock(at), drug=_drug(drug), word=kind.__name__, entered=clock(at))
    return message(event, at=at)  # type: ignore[arg-type]


def voided(order: str, at: str = "09:00", drug: str = "ceftriaxone", sub_id: str = "1") -> Message:
    event = hl7.AdministrationVoided(
        placer=order, sub_id=sub_id, action=Action.DELETE, at=clock(at), drug=_drug(drug), entered=clock("20:00")
    )
    return message(event, at="20:00")
