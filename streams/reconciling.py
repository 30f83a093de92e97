"""Whether everything is accounted for: each message, each administration, each closed encounter. Pure.

What is counted is what became of things; an exception is one of which nothing became, or a claim line that rests on
nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from streams.claims import Line
from streams.embedded.records import StoredRecord
from streams.outbound.accounts import Account, account_key
from streams.records import ClosedEncounter

STATUSES = frozenset({"ready", "review", "hold"})

# What can be wrong, and what it means.
KINDS = {
    "MESSAGE_LOST": "received, and neither applied nor a duplicate, dead or ignored",
    "COUNT_DIFFERS": "the worker's counters and the topics tell different numbers",
    "ADMINISTRATION_LOST": "in no claim line and in no finding",
    "ENCOUNTER_LOST": "closed with administrations, and neither a claim line nor a finding says so",
    "ENCOUNTER_NOT_CODED": "closed, and coding it failed",
    "LINE_TWICE": "a claim line is there twice in one version of its set, and would be billed twice",
    "LINE_DIFFERS": "two different claim lines have one place in one version of a set",
    "SET_INCOMPLETE": "a newer version of the claim set is there in part",
    "NO_ENCOUNTER": "a claim line or finding of an encounter that is not there",
    "NO_ADMINISTRATION": "a claim line of an administration that its encounter does not have",
    "NO_MESSAGE": "a claim line of a message that is not there",
    "UNREADABLE": "a record that no process of ours wrote: see who else may write to the topic",
    "NO_FINDING": "a claim line names a finding that is not on the worklist",
}


class Exceptional(NamedTuple):
    """Something that is not accounted for, and where."""

    kind: str  # of KINDS
    where: str
    detail: str = ""


@dataclass(slots=True)
class Messages:
    """What became of the messages, as the messages themselves and what was kept of them show."""

    received: int = 0
    applied: int = 0  # those that are facts; `duplicate` is of them where only facts are known
    duplicate: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    waiting: int = 0  # received, and the worker has not come to them
    dead_at: list[tuple[str, str]] = field(default_factory=list)  # where, reason
    exceptions: list[Exceptional] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Visit:
    """A closed encounter, as far as it must be accounted for."""

    version: int
    administrations: frozenset[str]
    is_whole: bool  # its own claim: not emptied by a merge, not too late to be issued again
    is_beside: bool  # coded on one claim with others of the patient
    failed: str = ""  # the place of a dead letter of coding

    @classmethod
    def of(cls, closed: ClosedEncounter, failed: str = "") -> Visit:
        administrations = frozenset(one.administration_id for one in closed.encounter.administrations)
        is_whole = not (closed.is_emptied or closed.is_past)
        return cls(closed.version, administrations, is_whole, bool(closed.beside), failed)


def visit_key(closed: ClosedEncounter) -> str:
    """As `account_key` of its lines."""
    encounter = closed.encounter
    return "\x1f".join((encounter.patient_id_authority, encounter.patient_id, encounter.encounter_id))


@dataclass(slots=True)
class Written:
    """The lines of one version of a claim set as they came."""

    said: dict[int, bytes] = field(default_factory=dict)  # by line number, what it says
    places: dict[str, int] = field(default_factory=dict)  # by claim line id, its number

    def take(self, line: Line, *, may_come_again: bool) -> str:
        """Take a line in; the kind of the exception that it is, "" when it is none."""
        number = line["line_number"]
        if self.places.setdefault(line["claim_line_id"], number) != number:
            return "LINE_TWICE"
        # A worker that was killed while it published says the same again, at another time.
        content = msgspec.json.encode({**line, "coded_at": ""}, order="deterministic")
        known = self.said.get(number)
        self.said[number] = hashlib.blake2b(content, digest_size=16).digest()
        if known is None:
            return ""
        if known != self.said[number]:
            return "LINE_DIFFERS"
        return "" if may_come_again else "LINE_TWICE"


@dataclass(slots=True)
class Claims:
    """Closed encounters, claim sets and findings, by patient and encounter."""

    visits: dict[str, Visit] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    found: dict[str, set[str]] = field(default_factory=dict)  # administrations in findings
    finding_ids: set[str] = field(default_factory=set)
    control_ids: set[str] = field(default_factory=set)  # of the messages that are there
    waiting: set[str] = field(default_factory=set)  # closed, and the worker has not come to them
    written: dict[tuple[str, int], Written] = field(default_factory=dict)  # by account and version
    wrong: list[Exceptional] = field(default_factory=list)  # that a record by itself shows

    def take_closed(self, closed: ClosedEncounter, failed: str = "") -> None:
        """Keep the newest version of an encounter."""
        key = visit_key(closed)
        known = self.visits.get(key)
        if known is None or closed.version >= known.version:
            self.visits[key] = Visit.of(closed, failed)

    def take_line(self, line: Line, *, may_come_again: bool = True) -> None:
        """Take a line in. On a topic the same one may come again; in a file it would be billed twice."""
        key, version = account_key(line), line["claim_set_version"]
        wrong = self.written.setdefault((key, version), Written()).take(line, may_come_again=may_come_again)
        if wrong:
            place = f"{_place(key)}, claim line {line['claim_line_id']}"
            self.wrong.append(Exceptional(wrong, place, f"version {version}, line {line['line_number']}"))
        self.accounts.setdefault(key, Account()).take(line, STATUSES)

    def take_finding(self, finding: Line) -> None:
        self.finding_ids.add(finding["finding_id"])
        self.found.setdefault(account_key(finding), set()).update(finding["administration_ids"])

    def take_stranger(self, record: StoredRecord) -> None:
        """Note a record that cannot be read."""
        self.wrong.append(Exceptional("UNREADABLE", f"{record.topic}[{record.partition}]@{record.offset}"))

    def standing(self, key: str) -> list[Line]:
        account = self.accounts.get(key)
        return [held.line for held in account.standing.values()] if account else []

    def in_lines(self) -> int:
        """How many administrations are in claim lines."""
        return sum(len(visit.administrations & self._billed(key)) for key, visit in self.visits.items())

    def _billed(self, key: str) -> set[str]:
        return {one for line in self.standing(key) for one in line["administration_ids"]}

    def in_findings_alone(self) -> int:
        """How many administrations are in findings and in no claim line."""
        rest = ((visit.administrations - self._billed(key), key) for key, visit in self.visits.items())
        return sum(len(left & self.found.get(key, set())) for left, key in rest)

    def exceptions(self) -> Iterator[Exceptional]:
        """Everything that is not accounted for."""
        yield from self.wrong
        of_patient: dict[str, set[str]] = {}
        for key in {*self.accounts, *self.found}:
            of_patient.setdefault(_patient(key), set()).update(self._billed(key), self.found.get(key, ()))
        for key, visit in self.visits.items():
            if key not in self.waiting:
                yield from self._of_visit(key, visit, of_patient.get(_patient(key), set()))
        for key in self.accounts.keys() - self.waiting:
            yield from self._of_sets(key)
            yield from self._of_lines(key)
        for key in self.found.keys() - self.visits.keys() - self.waiting:
            yield Exceptional("NO_ENCOUNTER", _place(key), "findings")

    def _of_visit(self, key: str, visit: Visit, of_patient: set[str]) -> Iterator[Exceptional]:
        if visit.failed:
            yield Exceptional("ENCOUNTER_NOT_CODED", _place(key), f"dead letter {visit.failed}")
            return
        accounted = self._billed(key) | self.found.get(key, set())
        accounted |= of_patient if visit.is_beside else set()
        lost = visit.administrations - accounted if visit.is_whole else frozenset()
        if lost and not accounted:
            yield Exceptional("ENCOUNTER_LOST", _place(key), f"{len(lost)} administrations")
        elif lost:
            yield from (Exceptional("ADMINISTRATION_LOST", _place(key), one) for one in sorted(lost))

    def _of_sets(self, key: str) -> Iterator[Exceptional]:
        for version, parts in self.accounts[key].parts.items():
            count = next(iter(parts.values()))["line_count"]
            yield Exceptional("SET_INCOMPLETE", _place(key), f"version {version}: {len(parts)} of {count} lines")

    def _of_lines(self, key: str) -> Iterator[Exceptional]:
        lines, visit = self.standing(key), self.visits.get(key)
        if visit is None:
            if lines:
                yield Exceptional("NO_ENCOUNTER", _place(key), f"{len(lines)} claim lines")
            return
        for line in lines:
            place = f"{_place(key)}, claim line {line['claim_line_id']}"
            if visit.is_whole and not set(line["administration_ids"]) <= visit.administrations:
                unknown = sorted(set(line["administration_ids"]) - visit.administrations)
                yield Exceptional("NO_ADMINISTRATION", place, ", ".join(unknown))
            missing = sorted(set(line["message_control_ids"]) - self.control_ids)
            if missing:
                yield Exceptional("NO_MESSAGE", place, f"control ids {', '.join(missing)}")
            if untold := sorted(set(line["findings"]) - self.finding_ids):
                yield Exceptional("NO_FINDING", place, ", ".join(untold))


def _patient(key: str) -> str:
    return key.rpartition("\x1f")[0]


def _place(key: str) -> str:
    return f"encounter {key.rpartition(chr(31))[2]}"


def counts_differ(place: str, told: dict[str, int], counted: dict[str, int]) -> Iterable[Exceptional]:
    """One exception for each of these numbers that differs."""
    return [
        Exceptional("COUNT_DIFFERS", place, f"{name}: the counters say {told[name]}, the topics {counted[name]}")
        for name in told
        if told[name] != counted[name]
    ]
