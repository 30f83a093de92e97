"""Workers, partitions and topics in memory: batches of any size, in any interleaving, with crashes at every moment.

What is played is the real applying and issuing; what is played with is when each thing is written, delivered again or
lost with a worker. The oracle is the same messages folded and coded in memory.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from hl7_parsers.events import Message, Patient
from streams import records
from streams.apply import Applier, Inbound, Rules
from streams.batch import Folded, Read, code_all
from streams.claims import Issuer, Line, issue_version, newest_sets
from streams.embedded.partitioner import partition_for
from streams.embedded.records import Record
from streams.identity import Who
from streams.records import Command
from streams.settings import load_settings
from streams.site import coder_of, rules_of
from streams.topics import topics_of
from tests.streams.play import VOLATILE

SETTINGS = load_settings(environment={"DRIPCODE_CLOSE_AFTER_DISCHARGE": "4h"})[0]
CODER = coder_of(SETTINGS)
TOPICS = topics_of(SETTINGS)


def parse(raw: bytes) -> Message:
    return msgspec.json.decode(raw, type=Message)


def under(message: Message, patient: str, visit: str) -> Message:
    """A message of another patient and visit."""
    replaced = msgspec.structs.replace(message.visit, id=visit)
    return msgspec.structs.replace(message, patient=Patient(patient, "SYNTH"), visit=replaced)


def settings_rules(partitions: int) -> Rules:
    rules = rules_of(SETTINGS)
    return replace(rules, parse=parse, owner=lambda patient: partition_for(patient.encode(), range(partitions)))


@dataclass
class Log:
    """One partition of a topic: what lies there and how far it was acknowledged."""

    records: list[Record] = field(default_factory=list)
    committed: int = 0


@dataclass
class Cluster:
    """Partitions with a worker each."""

    partitions: int
    chance: random.Random
    crashes: int = 0  # how many are still to come
    now: float = 0.0
    logs: dict[tuple[str, int], Log] = field(default_factory=lambda: defaultdict(Log))
    appliers: dict[int, Applier] = field(default_factory=dict)
    issuers: dict[int, Issuer] = field(default_factory=dict)
    published: list[Line] = field(default_factory=list)
    findings: list[Line] = field(default_factory=list)
    dead: list[tuple[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number in range(self.partitions):
            self._start(number)

    def _start(self, number: int) -> None:
        """A new worker for a partition, recovered from the changelogs."""
        applier = Applier(TOPICS, settings_rules(self.partitions))
        issuer = Issuer(TOPICS, CODER.code_beside)
        for record in self.logs[TOPICS.facts_changelog, number].records:
            applier.restore(number, record.key or b"", record.value)
        applier.index_due(number)
        for record in self.logs[TOPICS.claim_sets_changelog, number].records:
            issuer.restore(number, record.key or b"", record.value or b"")
        self.appliers[number], self.issuers[number] = applier, issuer

    def send(self, message: Message) -> None:
        key = f"{message.patient.authority}|{message.patient.id}".encode()
        self._append([Record(TOPICS.inbound, key, records.encode(message))])

    def command(self, command: Command) -> None:
        self._append([Record(TOPICS.commands, command.patient.encode(), records.encode(command))])

    def _append(self, out: Iterable[Record]) -> None:
        for record in out:
            number = record.partition
            if number is None:
                number = partition_for(record.key, range(self.partitions))
            self.logs[record.topic, number].records.append(record)
            if record.topic == TOPICS.claim_lines:
                self.published.append(json.loads(record.value or b""))
            elif record.topic == TOPICS.worklist:
                self.findings.append(json.loads(record.value or b""))
            elif record.topic == TOPICS.dead_letter:
                self.dead.append((dict(record.headers)["reason"].decode(), record.value or b""))

    def step(self) -> bool:
        """One batch of one agent somewhere; False when there is nothing to do."""
        ready = [
            (topic, number)
            for topic in (TOPICS.inbound, TOPICS.commands, TOPICS.closed)
            for number in range(self.partitions)
            if self.logs[topic, number].committed < len(self.logs[topic, number].records)
        ]
        if not ready:
            return False
        topic, number = self.chance.choice(ready)
        log = self.logs[topic, number]
        size = self.chance.randint(1, 4)
        batch = list(enumerate(log.records))[log.committed : log.committed + size]
        out = self._code(number, batch) if topic == TOPICS.closed else self._apply(topic, number, batch)
        if self._write(out):
            log.committed += len(batch)
        else:
            self._start(number)
        return True

    def _apply(self, topic: str, number: int, batch: Sequence[tuple[int, Record]]) -> list[Record]:
        inbound = [Inbound(topic, number, offset, r.key or b"", r.value or b"", self.now) for offset, r in batch]
        return self.appliers[number].apply(inbound, self.now)[0]

    def _code(self, number: int, batch: Sequence[tuple[int, Record]]) -> list[Record]:
        return [one for _, r in batch for one in self.issuers[number].issue(number, r.value or b"", "2026-03-09")[0]]

    def _write(self, out: Sequence[Record]) -> bool:
        """Facts first, then the rest. False when the worker ended before it acknowledged."""
        kept = [record for record in out if record.topic in TOPICS.compacted()]
        sent = [record for record in out if record.topic not in TOPICS.compacted()]
        if self.crashes and self.chance.random() < 0.25:
            self.crashes -= 1
            kept_so_far = kept[: self.chance.randint(0, len(kept))]
            self._append(kept_so_far)
            if len(kept_so_far) == len(kept):
                self._append(self.chance.sample(sent, self.chance.randint(0, len(sent))))
            return False
        self._append(kept)
        self._append(sent)
        return True

    def run(self) -> None:
        steps = 0
        while self.step():
            steps += 1
            assert steps < 20_000, "the partitions tell each other things for ever"

    def tick(self, now: float) -> None:
        """The close timers of all partitions at this time, and all that follows."""
        self.now = now
        for number, applier in self.appliers.items():
            for command in applier.due_commands(number, now):
                self._append([Record(TOPICS.commands, command.patient.encode(), records.encode(command), number)])
        self.run()

    def close_all(self, accounts: Iterable[Who]) -> None:
        for account in accounts:
            self.command(Command("close", *account, at=self.now))
        self.run()

    def standing(self) -> dict[str, list[Line]]:
        return comparable(newest_sets(self.published))

    def open_findings(self) -> set[str]:
        newest: dict[str, Line] = {}
        for finding in self.findings:
            known = newest.setdefault(finding["finding_id"], finding)
            if finding["claim_set_version"] >= known["claim_set_version"]:
                newest[finding["finding_id"]] = finding
        return {key for key, finding in newest.items() if finding["resolved_at"] is None}


def folded(messages: Iterable[Message]) -> Folded:
    made = Folded()
    for number, message in enumerate(messages):
        made.take(Read("test", number, records.encode(message), message, None))
    return made


def oracle(messages: Iterable[Message]) -> tuple[dict[str, list[Line]], set[str]]:
    """The latest claim sets and the open findings of these messages, folded in memory."""
    lines: list[Line] = []
    findings: set[str] = set()
    for closed, coded in code_all(folded(messages), settings_rules(1), CODER):
        issued = issue_version(closed, coded, None, "")
        lines += issued.lines
        findings |= {finding["finding_id"] for finding in issued.findings}
    return comparable(newest_sets(lines)), findings


def comparable(sets: dict[str, list[Line]]) -> dict[str, list[Line]]:
    kept: dict[str, list[dict[str, Any]]] = {}
    for encounter, lines in sets.items():
        if lines:
            plain = [{name: value for name, value in line.items() if name not in VOLATILE} for line in lines]
            kept[encounter] = sorted(plain, key=lambda line: str(line["claim_line_id"]))
    return kept


def histories(published: Iterable[Line]) -> dict[tuple[str, str], list[tuple[int, dict[str, Line]]]]:
    """Per patient and encounter the versions that were published, in order; a version published twice is the same."""
    found: dict[tuple[str, str], dict[int, dict[str, Line]]] = defaultdict(lambda: defaultdict(dict))
    for line in published:
        versions = found[line["patient_id"], line["encounter_id"]]
        known = versions[line["claim_set_version"]].setdefault(line["claim_line_id"], line)
        assert known == line, "one version says two things"
    return {key: sorted(versions.items()) for key, versions in found.items()}


def assert_each_version_takes_back_the_one_before(published: Iterable[Line], *, is_calm: bool = True) -> None:
    """Every line that no longer stands is void in the next version of its set, once, and the chain is whole.

    Not calm: a worker was killed, so that a version may be missing which another followed in the same batch.
    """
    for versions in histories(published).values():
        standing: set[str] = set()
        last = ""
        for _, lines in versions:
            added = {key for key, line in lines.items() if line["action"] == "add"}
            void = {key for key, line in lines.items() if line["action"] == "void"}
            assert void == standing - added or not is_calm
            assert void >= standing - added
            (supersedes,) = {line["supersedes"] for line in lines.values()}
            assert not (standing and is_calm) or supersedes == last  # a set without lines is published by nothing
            (last,) = {line["claim_set_id"] for line in lines.values()}
            standing = added
