"""ADT: what opens, closes, cancels, moves, merges and changes an encounter. HL7 v2 chapter 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hl7_parsers import events, merges
from hl7_parsers.er7 import Er7
from hl7_parsers.errors import UnreadableMessage, UnsupportedMessage
from hl7_parsers.events import EncounterEvent, EncounterMerged, EncounterSwapped, Remark, Time, Visit
from hl7_parsers.header import Times, patient_of, visit_of

_KINDS: dict[str, type[EncounterEvent]] = {
    "A01": events.EncounterOpened,
    "A04": events.EncounterOpened,
    "A08": events.EncounterUpdated,
    "A03": events.EncounterClosed,
    "A13": events.EncounterReopened,
    "A11": events.EncounterCancelled,
    "A23": events.EncounterCancelled,  # the record of the visit is deleted
    "A02": events.EncounterMoved,
    "A12": events.EncounterMoved,
    "A06": events.EncounterClassChanged,
    "A07": events.EncounterClassChanged,
}
# About a person: read, so that the patient's id is checked, with nothing to code. An A31 that names a visit updates it.
_OF_A_PERSON = frozenset({"A28", "A29", "A31", "A60"})
_SWAP = "A17"
TRIGGERS = frozenset({*_KINDS, *_OF_A_PERSON, *merges.TRIGGERS, _SWAP})
_SEVERAL_PATIENTS = frozenset({*merges.TRIGGERS, _SWAP})


class Refusal(NamedTuple):
    """Why a trigger is not coded from: a stable id for counters, and what a person should know."""

    reason: str
    advice: str


_PLANNED = Refusal("PLANNED_ONLY", "nothing has happened yet: what comes true is sent as A01 to A04")
_WHEREABOUTS = Refusal("WHEREABOUTS_ONLY", "where patient or bed is at the moment changes no times and no status")
_LINK = Refusal("LINK_ONLY", "linked records stay two patients: only a merge makes them one")
_STAFF = Refusal("STAFF_ONLY", "who is in charge is not coded")
_LEAVE = Refusal("LEAVE_ONLY", "a leave leaves the visit open: what is given or stopped meanwhile is charted as such")
_REFUSALS = {
    **dict.fromkeys(["A05", "A14", "A15", "A16", "A25", "A26", "A27", "A38"], _PLANNED),
    **dict.fromkeys(["A09", "A10", "A20", "A32", "A33"], _WHEREABOUTS),
    **dict.fromkeys(["A24", "A37"], _LINK),
    **dict.fromkeys(["A54", "A55", "A61", "A62"], _STAFF),
    **dict.fromkeys(["A21", "A22", "A52", "A53"], _LEAVE),
}
_OTHER = Refusal("TRIGGER_NOT_CODED", "nothing is coded from this trigger event")


def refuse(trigger: str) -> UnsupportedMessage:
    """The error for a trigger that is not in `TRIGGERS`."""
    reason, advice = _REFUSALS.get(trigger, _OTHER)
    return UnsupportedMessage(reason, "MSH-9.2", advice)


def may_name_several_patients(kind: str) -> bool:
    """Whether such a message is about more than one patient by its nature: merges and swaps."""
    return kind.startswith("ADT") and kind[4:] in _SEVERAL_PATIENTS


def read_encounter(
    message: Er7, trigger: str, visit: Visit, times: Times, sent: Time | None
) -> Sequence[EncounterEvent | EncounterMerged]:
    """The events of an ADT message whose trigger is in `TRIGGERS`; none with a remark when it is about a person alone.

    Raises:
        UnreadableMessage: a merge or a swap that does not say of whom.
    """
    if trigger == "A31" and visit.place.startswith("PV1"):
        trigger = "A08"
    if trigger in _OF_A_PERSON:
        times.remarks.append(Remark("PERSON_ONLY", "MSH-9.2"))
        return []
    kind = events.EncounterSwapped if trigger == _SWAP else _KINDS.get(trigger)
    evn = message.first("EVN")
    occurred = times.read(evn.raw(6), "EVN-6") if evn is not None else None
    entered = times.read(evn.raw(2), "EVN-2") if evn is not None else None
    own = {events.EncounterOpened: (visit.admitted, "PV1-44"), events.EncounterClosed: (visit.discharged, "PV1-45")}
    first = own.get(kind, (None, "")) if kind else (None, "")
    candidates = (first, (occurred, "EVN-6"), (entered, "EVN-2"), (sent, "MSH-7"))
    at, place = next(((time, place) for time, place in candidates if time is not None), (None, ""))
    when = merges.When(at, place, entered)
    if kind is None:
        return merges.read_merges(message, trigger, times, when)
    places = {"at": place} if at is not None else {}
    if entered is not None:
        places["entered"] = "EVN-2"
    if kind is EncounterSwapped:
        return [_swapped(message, at, entered, places, times)]
    happened = kind(at=at, entered=entered, places=places, remarks=tuple(times.remarks))
    if kind is events.EncounterClassChanged and message.first("MRG") is not None:
        return [happened, *merges.read_new_numbers(message, trigger, when)]
    return [happened]


def _swapped(
    message: Er7, at: Time | None, entered: Time | None, places: dict[str, str], times: Times
) -> EncounterSwapped:
    """The second patient and visit of an A17; the first are the message's own."""
    pids, pv1s = list(message.all("PID")), list(message.all("PV1"))
    other = patient_of(pids[1]) if len(pids) > 1 else None
    if other is None:
        raise UnreadableMessage("SWAP_INCOMPLETE", "PID[2]-3", "send both patients that change beds")
    visit = visit_of(pv1s[1] if len(pv1s) > 1 else None, pids[1], times)
    return EncounterSwapped(
        other_patient=other, other_visit=visit, at=at, entered=entered, places=places, remarks=tuple(times.remarks)
    )
