"""What a sender means by a file's messages, in the shape of a corpus' `semantic`, as far as a profile can tell."""

from typing import Any

from hl7_parsers import HL7Error, SenderProfile, parse_message
from hl7_parsers import events as hl7
from hl7_parsers.events import AdministrationEvent, Time

UNKNOWN = object()  # a note for people, or a question that no event answers
_BY_INJECTION = {"subcutaneous", "intramuscular", "intradermal"}


def meaning(raws: list[bytes], profile: SenderProfile) -> dict[str, Any]:
    """The event, its times and parts; "event" is "none" where nothing was given."""
    events = [event for raw in raws for event in read(raw, profile) if isinstance(event, AdministrationEvent)]
    if not events:
        return {"event": "none"}
    first = events[0]
    found: dict[str, Any] = {"event": what(first), "ingredients": len(first.components) or 1}
    found |= {name: minute(time) for name, time in (("start", first.at), ("stop", first.stop)) if time}
    if first.at and first.stop:
        found["minutes"] = round((first.stop.at - first.at.at).total_seconds() / 60, 2)
    return found


def read(raw: bytes, profile: SenderProfile) -> tuple[Any, ...]:
    try:
        return parse_message(raw, profile).events
    except HL7Error:
        return ()


def what(event: AdministrationEvent) -> str:
    """The kind of service that the record shows."""
    if event.blood_unit:
        return "transfusion"
    if isinstance(event, hl7.AdministrationNotGiven):
        return "not given"
    if event.route in _BY_INJECTION or event.method == "injection":
        return "injection"
    return "infusion" if event.method == "infusion" else "given"


def minute(time: Time) -> str:
    return f"{time.at:%Y-%m-%dT%H:%M}"
