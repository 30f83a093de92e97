"""Who is who after merges: every identity a message may carry, and the one it stands for now. Pure.

A fact keeps the identity it was sent under; what that identity is called now is found each time it is asked, from
the set of merges alone. So merges and facts may come in any order, any number of times.

What rests on the newest word: of two merges of one identity the later one stands. Merges that lead in a circle say
that an identity was given up and taken up again: the oldest of them is set aside. Both are told to a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from hl7_parsers.events import EncounterMerged, Message, Patient

CONFLICT = "MERGE_CONFLICT"
CIRCLE = "MERGE_CIRCLE"


class Who(NamedTuple):
    """A patient ("authority|id") and an encounter of theirs."""

    patient: str
    encounter_id: str


class Merge(msgspec.Struct, frozen=True, array_like=True, order=True):
    """What stood under the old identity stands under the new one. In order of time, then of everything else."""

    at: float  # seconds since 1970, by the sender's clock
    control_id: str
    old_patient: str
    old_id: str  # "" for everything of the patient
    new_patient: str
    new_id: str  # "" when the number stays as it is

    @property
    def old(self) -> Who:
        return Who(self.old_patient, self.old_id)

    def moved(self, who: Who) -> Who:
        """What an identity that this merge is about becomes."""
        if self.new_id:
            return Who(self.new_patient, self.new_id)
        # An encounter that is named for want of a number is called by the patient and the day.
        old, new = _id_of(self.old_patient), _id_of(self.new_patient)
        if who.encounter_id.startswith(f"{old}@"):
            return Who(self.new_patient, new + who.encounter_id.removeprefix(old))
        return Who(self.new_patient, who.encounter_id)


def patient_key(authority: str, patient_id: str) -> str:
    """The routing key of a patient; "|" when there is none."""
    return f"{authority}|{patient_id}"


def _id_of(patient: str) -> str:
    return patient.partition("|")[2]


def merges_of(message: Message) -> list[Merge]:
    """The merges that a message tells; those of an identity with itself say nothing."""
    told = []
    for event in message.events:
        if isinstance(event, EncounterMerged):
            time = event.at or event.entered or message.header.time
            new = event.new_patient
            merge = Merge(
                at=time.at.timestamp() if time else 0.0,
                control_id=message.header.control_id,
                old_patient=_key(event.old_patient, new),
                old_id="" if event.scope == "patient" else event.old_id,
                new_patient=_key(new, new),
                new_id="" if event.scope == "patient" or event.new_id == event.old_id else event.new_id,
            )
            is_whole = event.scope == "patient" or merge.old_id
            if is_whole and (merge.old_patient != merge.new_patient or merge.new_id):
                told.append(merge)
    return told


def _key(patient: Patient, other: Patient) -> str:
    """MRG-1 often leaves out the authority that PID-3 names."""
    return patient_key(patient.authority or other.authority, patient.id)


class Merges:
    """Every merge that is known, and what it makes of identities."""

    def __init__(self, known: Iterable[Merge] = ()) -> None:
        self._of_patient: dict[str, set[Merge]] = {}
        self._newest: dict[Who, Merge] = {}
        self._doubted: set[Who] = set()
        for merge in known:
            self.add(merge)

    def add(self, merge: Merge) -> bool:
        """Take one in. False when it was there."""
        if merge in self._of_patient.get(merge.old_patient, ()):
            return False
        for patient in (merge.old_patient, merge.new_patient):
            self._of_patient.setdefault(patient, set()).add(merge)
        before = self._newest.get(merge.old)
        if before is not None and before.moved(before.old) != merge.moved(merge.old):
            self._doubted.add(merge.old)
        self._newest[merge.old] = max(before, merge) if before is not None else merge
        return True

    def concern(self, patient: str) -> bool:
        """Whether any merge names this patient."""
        return patient in self._of_patient

    def resolve(self, who: Who) -> Who:
        """What an identity is called now."""
        return self._rest(who)[0] if self._of_patient else who

    def doubts(self, who: Who) -> set[str]:
        """What a person should look at on the way from an identity to what it is called now."""
        rest, way = self._rest(who)
        found = {CONFLICT for passed, merge in way if merge.old in self._doubted}
        return found | ({CIRCLE} if any(passed == rest for passed, _ in way) else set())

    def _rest(self, who: Who) -> tuple[Who, list[tuple[Who, Merge]]]:
        """Where the way from an identity ends, and the way: each identity passed and the merge that leads on."""
        way: list[tuple[Who, Merge]] = []
        passed: dict[Who, int] = {}
        while merge := self._next(who):
            if who in passed:
                circle = way[passed[who] :]
                return min(circle, key=lambda step: step[1])[0], way
            passed[who] = len(way)
            way.append((who, merge))
            who = merge.moved(who)
        return who, way

    def _next(self, who: Who) -> Merge | None:
        """The merge of the number, else that of the whole patient."""
        return self._newest.get(who) or self._newest.get(Who(who.patient, ""))

    def family(self, patient: str) -> set[str]:
        """The patients that merges connect with this one, itself included."""
        found = {patient}
        to_look_at = [patient]
        while to_look_at:
            for merge in self._of_patient.get(to_look_at.pop(), ()):
                for other in {merge.old_patient, merge.new_patient} - found:
                    found.add(other)
                    to_look_at.append(other)
        return found

    def among(self, patients: Iterable[str]) -> set[Merge]:
        """Every merge that names one of these patients."""
        return {merge for patient in patients for merge in self._of_patient.get(patient, ())}

    def without(self, merges: set[Merge], patients: Iterable[str]) -> Merges:
        """What was known of these patients before those merges."""
        return Merges(self.among(patients) - merges)


def news_for(merges: Merges, new: set[Merge]) -> Iterator[tuple[str, list[Merge]]]:
    """After new merges: each patient they connect, and the merges that whoever owns the patient may not know.

    The owner of a patient knows, or is being told by another, what connected the patient before. So everybody whom
    a chain of merges connects ends with all of it, whichever part anybody learns first.
    """
    patients = {patient for merge in new for patient in (merge.old_patient, merge.new_patient)}
    while patients:
        family = merges.family(next(iter(patients)))
        patients -= family
        everything = merges.among(family)
        before = merges.without(new, family)
        for patient in sorted(family):
            known = before.among(before.family(patient))
            yield patient, sorted(everything - known)
