"""Merges across partitions: who is told of them, which facts go to whom, what is void under its old identity. Pure.

A merge reaches the partition of the patient who stays. From there every partition that owns a patient it connects is
told, and tells on what the others may not know; each keeps the merge as a fact, so that it holds for what comes later.
A partition whose facts belong to a patient of another one hands them over, those that are there and those that come,
and issues nothing for them any more. Facts and merges are the same wherever and however often they arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

import coding
from streams import records
from streams.assemble import Site
from streams.close import NEVER
from streams.embedded.records import Record
from streams.identity import Merge, Who, news_for
from streams.occasions import Occasion, occasions_of
from streams.partition import Partition
from streams.records import ClosedEncounter, Command, Handed, HandedFact, OpenEncounter
from streams.topics import Topics

# Of facts in one command; a larger fact goes alone.
HANDED_BYTES_MAX = 256 * 1024
MERGES_MAX = 500


@dataclass(frozen=True, slots=True)
class Mail:
    """Where commands and encounters are sent to: topics, and which partition owns a patient."""

    topics: Topics
    owner: Callable[[str], int] | None = None  # None: there is but one partition

    def is_owner(self, number: int, patient: str) -> bool:
        """Whether a patient's commands go to this partition."""
        return self.owner is None or self.owner(patient) == number

    def to_owner(self, command: Command) -> Record:
        """A command to whoever owns its patient; the broker finds the partition by the key, as `owner` does."""
        return Record(self.topics.commands, command.patient.encode(), records.encode(command))

    def closed(self, number: int, closed: ClosedEncounter) -> Record:
        encounter = closed.encounter
        key = f"{encounter.patient_id_authority}|{encounter.patient_id}".encode()
        return Record(self.topics.closed, key, records.encode(closed), partition=number)

    def opened(self, number: int, opened: OpenEncounter) -> Record:
        encounter = opened.encounter
        key = f"{encounter.patient_id_authority}|{encounter.patient_id}".encode()
        return Record(self.topics.open, key, records.encode(opened), partition=number)


def tell(mail: Mail, number: int, partition: Partition, new: set[Merge]) -> Iterator[Record]:
    """Tell the owners of all patients that new merges connect; not the one who just learned them."""
    for patient, merges in news_for(partition.merges, new):
        if not mail.is_owner(number, patient):
            for first in range(0, len(merges), MERGES_MAX):
                part = tuple(merges[first : first + MERGES_MAX])
                yield mail.to_owner(Command("transfer", patient, merges=part))


def hand_over(mail: Mail, home: Who, facts: Iterable[tuple[Who, bytes, bytes]]) -> Iterator[Record]:
    """Commands with facts (identity, id, value) for the owner of `home`."""
    parcel: list[Handed] = []
    size = 0
    for who, fact_id, value in facts:
        if parcel and size + len(value) > HANDED_BYTES_MAX:
            yield mail.to_owner(Command("transfer", home.patient, home.encounter_id, facts=tuple(parcel)))
            parcel, size = [], 0
        parcel.append(Handed(who.patient, who.encounter_id, fact_id.decode(), msgspec.Raw(value)))
        size += len(value)
    if parcel:
        yield mail.to_owner(Command("transfer", home.patient, home.encounter_id, facts=tuple(parcel)))


def emptied(
    mail: Mail, number: int, partition: Partition, new: set[Merge], site: Site
) -> Iterator[tuple[Who, list[Who], list[Occasion]]]:
    """After new merges: each account of this partition that nothing is called any more.

    Yields the account, the identities whose facts it had, and what it was.
    """
    patients = {patient for merge in new for patient in (merge.old_patient, merge.new_patient)}
    family = {other for patient in patients for other in partition.merges.family(patient)}
    before = partition.merges.without(new, family)
    members: dict[Who, list[Who]] = {}
    for who in (who for patient in sorted(family) for who in partition.of_patient.get(patient, ())):
        members.setdefault(before.resolve(who), []).append(who)
    now = {
        partition.merges.resolve(who)
        for held in members.values()
        for who in held
        if partition.encounters[who].standing.messages
    }
    for account, held in members.items():
        if account in now:
            continue
        partition.due.put(account, NEVER)
        occasions = occasions_of(partition, account, site, before) if mail.is_owner(number, account.patient) else []
        yield account, held, occasions


def void_sets(
    mail: Mail, number: int, account: Who, version: int, closed: Sequence[Occasion]
) -> tuple[HandedFact, list[Record]]:
    """What makes the sets of an emptied account void, and the fact to keep of it."""
    received = max(one.standing.last_received for one in closed)
    mark = HandedFact(records.LAYOUT, received, version, *account)
    return mark, [mail.closed(number, void_of(one.who, version)) for one in closed]


def void_of(who: Who, version: int) -> ClosedEncounter:
    """What makes the sets of an encounter void whose facts go by another identity now."""
    authority, _, patient_id = who.patient.partition("|")
    nothing = coding.Encounter(encounter_id=who.encounter_id, patient_id=patient_id, patient_id_authority=authority)
    return ClosedEncounter(version, "merged", nothing, is_emptied=True)


def nothing_open(who: Who, version: int, now: float) -> OpenEncounter:
    """What takes back the snapshots of an open encounter whose facts go by another identity now."""
    return OpenEncounter(version, void_of(who, version).encounter, now, is_emptied=True)


def follows(partition: Partition, account: Who, who: Who) -> tuple[int, str]:
    """The highest version that was void under another identity, and the id of the void set that this one follows."""
    marks = (partition.encounters[identity].standing.handed for identity in partition.family(account.patient))
    of_number = [mark for mark in marks if mark[0] and mark[2] == account.encounter_id and mark[1] != account.patient]
    version = partition.handed(account.patient)
    if not of_number:
        return version, ""
    _, patient, _ = max(of_number)
    return version, records.emptied_set_id(records.encounter_key(patient, who.encounter_id))
