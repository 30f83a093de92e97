"""ADT that puts what stood under one number under another: merges, moves and changes of identifiers. HL7 v2 chapter 3.

PID holds what stays and MRG what goes. From 2.3.1 on the group of both repeats (A40); an A45 repeats MRG and PV1 alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hl7_parsers.er7 import Er7, Segment, value_in
from hl7_parsers.errors import UnreadableMessage
from hl7_parsers.events import EncounterMerged, Patient, Remark, Time
from hl7_parsers.fields import at
from hl7_parsers.header import Times, patient_of

PATIENT, ACCOUNT, VISIT = "patient", "account", "visit"
# A36 merges a patient and an account at once. A51 changes the alternate visit id, which stands in MRG-6 and PV1-50.
_SCOPES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(["A18", "A30", "A34", "A39", "A40", "A43", "A46", "A47"], (PATIENT,)),
    **dict.fromkeys(["A35", "A41", "A44", "A49"], (ACCOUNT,)),
    **dict.fromkeys(["A42", "A45", "A50", "A51"], (VISIT,)),
    "A36": (PATIENT, ACCOUNT),
}
TRIGGERS = frozenset(_SCOPES)
# Where the old number may stand in MRG, and the new one in PID or PV1; the first that is filled counts.
_OLD = {ACCOUNT: (3,), VISIT: (5, 6)}
_NEW = {ACCOUNT: (("PID", 18),), VISIT: (("PV1", 19),)}
_ALTERNATE_OLD, _ALTERNATE_NEW = (6, 5), (("PV1", 50),)


class Group(NamedTuple):
    """One PID with one MRG, and the PV1 that goes with them, if any."""

    pid: Segment
    mrg: Segment
    pv1: Segment | None


class When(NamedTuple):
    """When it happened and when it was recorded, and where the first stands."""

    at: Time | None
    place: str
    entered: Time | None


class Problem(NamedTuple):
    """Why a group makes no event."""

    remark: Remark
    advice: str


def read_merges(message: Er7, trigger: str, times: Times, when: When) -> list[EncounterMerged]:
    """The merges of a message whose trigger is in `TRIGGERS`; a group that changes nothing is remarked on.

    Args:
        when: the times of all its events.

    Raises:
        UnreadableMessage: it does not say what goes, so that nobody can tell whose records these are.
    """
    found: list[EncounterMerged] = []
    problems: list[Problem] = []
    for group in _groups(message):
        for scope in _SCOPES[trigger]:
            made = _merge(group, trigger, scope, when)
            if isinstance(made, Problem):
                problems.append(made)
            else:
                found.append(made)
    if not found and not problems:
        raise UnreadableMessage("MERGE_INCOMPLETE", "MRG", "send an MRG segment with the number that goes out of use")
    times.remarks.extend(problem.remark for problem in problems)
    incomplete = next((problem for problem in problems if problem.remark.id == "MERGE_INCOMPLETE"), None)
    if incomplete and not found:
        raise UnreadableMessage(incomplete.remark.id, incomplete.remark.place, incomplete.advice)
    return found


def read_new_numbers(message: Er7, trigger: str, when: When) -> list[EncounterMerged]:
    """The numbers that a stay goes by after a change of class (A06, A07), where an MRG says which it went by before."""
    found = [_merge(group, trigger, scope, when) for group in _groups(message) for scope in (VISIT, ACCOUNT)]
    return [made for made in found if isinstance(made, EncounterMerged) and made.new_id]


def _groups(message: Er7) -> Iterator[Group]:
    """Every MRG with the PID before it; its PV1 is the one that follows it, else the last one before it."""
    pid: Segment | None = None
    mrg: Segment | None = None
    pv1: Segment | None = None
    for segment in message.all("PID", "MRG", "PV1"):
        if segment.name == "PV1":
            pv1 = segment
        if mrg is not None and pid is not None:
            yield Group(pid, mrg, pv1)
            mrg = None
        if segment.name == "PID":
            pid, pv1 = segment, None
        elif segment.name == "MRG":
            mrg = segment
    if mrg is not None and pid is not None:
        yield Group(pid, mrg, pv1)


def _merge(group: Group, trigger: str, scope: str, when: When) -> EncounterMerged | Problem:
    """The event of one group in one scope, or why there is none."""
    new_patient = patient_of(group.pid)
    old_patient = _old_patient(group.mrg, group.pid)
    if new_patient is None:
        return Problem(Remark("MERGE_INCOMPLETE", at(group.pid, 3)), "send the id that stays in PID-3")
    old_id = old_place = new_id = new_place = ""
    if scope != PATIENT:
        alternate = trigger == "A51"
        old_id, old_place = _first([(group.mrg, n) for n in (_ALTERNATE_OLD if alternate else _OLD[scope])])
        new_id, new_place = _first(_new_fields(group, _ALTERNATE_NEW if alternate else _NEW[scope]))
        if not old_id:
            place = at(group.mrg, _OLD[scope][0])
            return Problem(Remark("MERGE_INCOMPLETE", place), "send the number that goes out of use")
        old_patient = old_patient or new_patient
    if old_patient is None:
        return Problem(Remark("MERGE_INCOMPLETE", at(group.mrg, 1)), "send the id that goes out of use in MRG-1")
    is_same_patient = (old_patient.id, old_patient.authority) == (new_patient.id, new_patient.authority)
    if is_same_patient and (scope == PATIENT or new_id in ("", old_id)):
        return Problem(Remark("MERGE_OF_SAME", old_place or at(group.mrg, 1)), "nothing changes")
    places = {"new_patient": at(group.pid, int(new_patient.place[4:])), "old_id": old_place, "new_id": new_place}
    places |= {"old_patient": old_patient.place, "at": when.place, "entered": "EVN-2" if when.entered else ""}
    return EncounterMerged(
        scope=scope,
        old_patient=old_patient,
        new_patient=new_patient,
        old_id=old_id,
        new_id=new_id,
        at=when.at,
        entered=when.entered,
        places={name: place for name, place in places.items() if place},
    )


def _new_fields(group: Group, names: tuple[tuple[str, int], ...]) -> list[tuple[Segment | None, int]]:
    return [(group.pid if name == "PID" else group.pv1, number) for name, number in names]


def _first(candidates: list[tuple[Segment | None, int]] | list[tuple[Segment, int]]) -> tuple[str, str]:
    """The first number that is there, and its place."""
    for segment, number in candidates:
        if segment is not None and (value := segment.text(number)):
            return value, at(segment, number)
    return "", ""


def _old_patient(mrg: Segment, pid: Segment) -> Patient | None:
    """The id of MRG-1 of the same kind as the one that stays, else the one that a PID with these would go by; MRG-4."""
    marks = mrg.delimiters
    chosen = patient_of(pid)
    kind = next(
        (
            (value_in(raw, 4, 1, marks), value_in(raw, 5, 1, marks))
            for raw in pid.repetitions(3)
            if chosen is not None and value_in(raw, 1, 1, marks) == chosen.id
        ),
        None,
    )
    for raw in mrg.repetitions(1):
        if chosen is not None and value_in(raw, 1, 1, marks) == chosen.id and not value_in(raw, 4, 1, marks):
            return chosen  # the same number without its authority
        own = (value_in(raw, 4, 1, marks), value_in(raw, 5, 1, marks))
        if own == kind and (found := value_in(raw, 1, 1, marks)):
            return Patient(found, own[0] or value_in(raw, 4, 2, marks), at(mrg, 1))
    as_pid = Segment.of(f"PID{marks.field * 3}{mrg.raw(1) or mrg.raw(4)}", marks, "PID", mrg.number)
    other = patient_of(as_pid)
    return Patient(other.id, other.authority, at(mrg, 1 if mrg.raw(1) else 4)) if other else None
