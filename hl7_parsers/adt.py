"""ADT: what opens, closes, cancels, moves and changes an encounter. HL7 v2 chapter 3."""

from __future__ import annotations

from hl7_parsers import events
from hl7_parsers.er7 import Er7
from hl7_parsers.events import EncounterEvent, Time, Visit
from hl7_parsers.header import Times

_KINDS: dict[str, type[EncounterEvent]] = {
    "A01": events.EncounterOpened,
    "A04": events.EncounterOpened,
    "A08": events.EncounterUpdated,
    "A03": events.EncounterClosed,
    "A13": events.EncounterReopened,
    "A11": events.EncounterCancelled,
    "A02": events.EncounterMoved,
    "A12": events.EncounterMoved,
    "A06": events.EncounterClassChanged,
    "A07": events.EncounterClassChanged,
}
TRIGGERS = frozenset(_KINDS)


def read_encounter(message: Er7, trigger: str, visit: Visit, times: Times, sent: Time | None) -> EncounterEvent:
    """The one event of an ADT message whose trigger is in `TRIGGERS`."""
    kind = _KINDS[trigger]
    places: dict[str, str] = {}
    evn = message.first("EVN")
    occurred = times.read(evn, 6, "EVN-6") if evn is not None else None
    entered = times.read(evn, 2, "EVN-2") if evn is not None else None
    own = {events.EncounterOpened: (visit.admitted, "PV1-44"), events.EncounterClosed: (visit.discharged, "PV1-45")}
    candidates = (own.get(kind, (None, "")), (occurred, "EVN-6"), (entered, "EVN-2"), (sent, "MSH-7"))
    at, place = next(((time, place) for time, place in candidates if time is not None), (None, ""))
    if at is not None:
        places["at"] = place
    if entered is not None:
        places["entered"] = "EVN-2"
    return kind(at=at, entered=entered, places=places, remarks=tuple(times.remarks))
