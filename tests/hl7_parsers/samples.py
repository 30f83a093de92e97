"""Synthetic messages for the tests, made from a few segments that a test changes."""

from typing import TypeVar

from hl7_parsers import STANDARD, SenderProfile, parse_message
from hl7_parsers.events import AdministrationEvent, Event

MSH = "MSH|^~\\&|MAR|SYNTH|DRIP|BILL|20250106093000-0500||RAS^O17^RAS_O17|SYN-1|P|2.5.1"
PID = "PID|1||SYN001^^^SYNTH^MR||SYNTHETIC^PATIENT||19700101|U"
PV1 = "PV1|1|O|INFUSION^01^A^SYNTH||||||||||||||||V001"
ORC = "ORC|RE|ORD1^EHR|FIL1^RX"
RXR = "RXR|IV^Intravenous^HL70162||IVP^IV Pump^HL70164|IVPB^IV Piggyback^HL70165"

Kind = TypeVar("Kind", bound=Event)


def message(*segments: str) -> bytes:
    """Segments as one message."""
    return ("\r".join(segments) + "\r").encode()


def ras(*segments: str) -> bytes:
    """A RAS message of an order with these segments."""
    return message(MSH, PID, PV1, ORC, *segments)


def rxa(changes: dict[int, str] | None = None) -> str:
    """An RXA row: one hour of a synthetic drug, with the fields that a test changes."""
    fields = {
        1: "0",
        2: "1",
        3: "20250106080000-0500",
        4: "20250106090000-0500",
        5: "SYN1^DRUG ONE^99SYN",
        6: "1",
        7: "g",
        20: "CP",
        21: "A",
        22: "20250106090100-0500",
    } | (changes or {})
    return "|".join(["RXA", *(fields.get(number, "") for number in range(1, max(fields) + 1))])


def administrations(raw: bytes, profile: SenderProfile = STANDARD) -> list[AdministrationEvent]:
    """The administration events of a message."""
    return [event for event in parse_message(raw, profile).events if isinstance(event, AdministrationEvent)]


def administration(row: str, *after: str, profile: SenderProfile = STANDARD) -> AdministrationEvent:
    """The one event of a row with a route after it."""
    (event,) = administrations(ras(row, *(after or (RXR,))), profile)
    return event


def remarks(event: Event) -> list[tuple[str, str]]:
    """Id and place of an event's remarks."""
    return [(remark.id, remark.place) for remark in event.remarks]
