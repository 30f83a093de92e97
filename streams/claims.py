"""A closed encounter in, its claim set out: new lines, void lines, findings opened and settled. Pure but for `now`.

`claim_set_version` is the number of facts the set rests on. What was issued is kept word for word, so that a
closed encounter read twice publishes the same bytes again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

import coding
from streams import records
from streams.embedded.records import Record
from streams.formats import cloud_events
from streams.identity import patient_key
from streams.people import confirmed
from streams.progress import MessagesSkipped, Progress, skipped
from streams.records import ClosedEncounter
from streams.stop_sources import stop_sources
from streams.topics import Topics

LATE_CHANGE = "LATE_CHANGE"

# Codes an encounter among those it shares a claim with; None when it has no claim of its own then.
Code = Callable[[coding.Encounter, Sequence[coding.Encounter]], coding.CodedEncounter | None]
Line = dict[str, Any]  # a claim line or a finding as JSON, by the names of the published contract


class Issued(msgspec.Struct, frozen=True):
    """One version of an encounter's claim set as it was published."""

    layout: int
    claim_set_id: str
    lines: list[Line]  # the lines that stand, then the void ones
    findings: list[Line]  # those open now, then those settled by this version

    @property
    def standing(self) -> list[Line]:
        return [line for line in self.lines if line["action"] == "add"]

    @property
    def open_findings(self) -> list[Line]:
        return [finding for finding in self.findings if finding["resolved_at"] is None]


_decode_issued = msgspec.json.Decoder(Issued).decode


@dataclass(slots=True)
class ClaimSets:
    """The newest issued versions of the encounters of one partition."""

    newest: dict[bytes, tuple[int, Issued]] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)

    def restore(self, key: bytes, value: bytes) -> None:
        if key == records.PROGRESS_KEY:
            progress = records.decode_progress(value)
            self.progress = progress if progress.next_offset >= self.progress.next_offset else self.progress
            return
        encounter, version = split_version(key)
        if version >= self.newest.get(encounter, (0, None))[0]:
            self.newest[encounter] = (version, _decode_issued(value))


def versioned(encounter: bytes, version: int) -> bytes:
    """The key of one issued version; sorts by version."""
    return encounter + records.SEPARATOR + b"%010d" % version


def split_version(key: bytes) -> tuple[bytes, int]:
    encounter, _, version = key.rpartition(records.SEPARATOR)
    return encounter, int(version)


class Issuer:
    """Codes closed encounters and says what must be published."""

    def __init__(self, topics: Topics, code: Code) -> None:
        self.topics = topics
        self.code = code
        self.partitions: dict[int, ClaimSets] = {}
        self.stop_sources: Counter[str] = Counter()  # of the versions issued here, for metrics

    def partition(self, number: int) -> ClaimSets:
        return self.partitions.setdefault(number, ClaimSets())

    def restore(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Take one record of the claim sets changelog in; nothing in it is ever deleted."""
        if value is not None:
            self.partition(partition).restore(key, value)

    def drop(self, partition: int) -> None:
        """Forget a partition that another worker owns now."""
        self.partitions.pop(partition, None)

    def skipped(self, offsets: Sequence[tuple[int, int]]) -> tuple[list[Record], list[MessagesSkipped]]:
        """Gaps before these (partition, offset) of `encounters.closed`: what to write, and the errors to end with."""
        gaps = skipped(offsets, {number: self.partition(number).progress for number, _ in offsets})
        for number, gap in gaps.items():
            self.partition(number).progress.gap = gap
        errors = [MessagesSkipped(self.topics.closed, number, gap) for number, gap in gaps.items()]
        return [self._progress(number) for number in gaps], errors

    def advance(self, offsets: Sequence[tuple[int, int]]) -> list[Record]:
        """Note how far these bring their partitions; last in the batch that does them."""
        for number, offset in offsets:
            progress = self.partition(number).progress
            progress.next_offset = max(progress.next_offset, offset + 1)
        return [self._progress(number) for number in dict(offsets)]

    def _progress(self, number: int) -> Record:
        value = records.encode(self.partition(number).progress)
        return Record(self.topics.claim_sets_changelog, records.PROGRESS_KEY, value, partition=number)

    def issue(self, number: int, value: bytes, now: str) -> tuple[list[Record], list[Line]]:
        """What one closed encounter causes; `now` is ISO 8601. Returns the records and the lines in them.

        An older version than the newest issued: nothing. The same version: the same bytes again. A newer one that
        changes nothing: nothing, unless the void set of another identity stands in its way.
        """
        closed = records.decode_closed(value)
        encounter = closed.encounter
        key = records.encounter_key(
            patient_key(encounter.patient_id_authority, encounter.patient_id), encounter.encounter_id
        )
        version, before = self.partition(number).newest.get(key, (0, None))
        if closed.version < version:
            return [], []
        if closed.version == version and before is not None:
            return self._publish(number, key, version, before), before.lines
        coded = None if closed.is_emptied else self.code(encounter, closed.beside)
        if coded is None and before is None:
            return [], []
        issued = empty_version(key, closed, before, now) if coded is None else issue_version(closed, coded, before, now)
        if before is not None and _says(issued) == _says(before) and version > closed.follows[0]:
            return [], []
        if closed.is_past:
            return [self._too_late(closed, issued, before, now)], []
        self.partition(number).newest[key] = (closed.version, issued)
        self.stop_sources.update(stop_sources(closed))
        return self._publish(number, key, closed.version, issued), issued.lines

    def _too_late(self, closed: ClosedEncounter, issued: Issued, before: Issued | None, now: str) -> Record:
        """The finding that a claim would change which is too old to be issued again; one for each content.

        At stake are the lines that would come and those that would go.
        """
        standing = {line["claim_line_id"] for line in before.standing} if before else set()
        changed = [one for one in issued.lines if one["action"] == "void" or one["claim_line_id"] not in standing]
        late = coding.Finding(
            finding_id=records.late_finding_id(issued.claim_set_id),
            kind=LATE_CHANGE,
            severity=coding.Severity.REVIEW,
            administration_ids=tuple(sorted({one for line in issued.lines for one in line["administration_ids"]})),
            message_control_ids=tuple(sorted({one for line in issued.lines for one in line["message_control_ids"]})),
            text="The record changed when the claim was too old to be issued again. Correct it by hand, if at all.",
            codes_at_stake=tuple(coding.CodeAtStake(one["code"], one["units"]) for one in changed),
        )
        return self._finding(wire_finding(closed, late, now))

    def _finding(self, finding: Line) -> Record:
        headers = cloud_events.finding_headers(self.topics.worklist, finding)
        encounter_id = str(finding["encounter_id"]).encode()
        return Record(self.topics.worklist, encounter_id, records.encode(finding), headers=headers)

    def _publish(self, number: int, key: bytes, version: int, issued: Issued) -> list[Record]:
        out = []
        for line in issued.lines:
            headers = (
                ("claim_set_id", str(line["claim_set_id"]).encode()),
                ("version", str(version).encode()),
                ("action", str(line["action"]).encode()),
                *cloud_events.line_headers(self.topics.claim_lines, line),
            )
            encounter_id = str(line["encounter_id"]).encode()
            out.append(Record(self.topics.claim_lines, encounter_id, records.encode(line), headers=headers))
        out += [self._finding(finding) for finding in issued.findings]
        changelog = versioned(key, version)
        out.append(Record(self.topics.claim_sets_changelog, changelog, records.encode(issued), partition=number))
        return out


# What may differ between two versions that say the same: that one more message said so is no news for a payer.
_OF_A_VERSION = frozenset(
    {
        "claim_set_version",
        "line_number",
        "line_count",
        "supersedes",
        "coded_at",
        "opened_at",
        "message_control_ids",
    }
)


def _says(issued: Issued) -> tuple[str, list[Line]]:
    """What a version says: its lines that stand and its open findings."""
    said = [*issued.standing, *issued.open_findings]
    return issued.claim_set_id, [
        {name: value for name, value in one.items() if name not in _OF_A_VERSION} for one in said
    ]


def issue_version(closed: ClosedEncounter, coded: coding.CodedEncounter, before: Issued | None, now: str) -> Issued:
    """The next version of a claim set: the lines that stand, void lines for those of `before` that do not, findings."""
    coded = confirmed(closed, coded)
    lines = [wire_line(closed, coded, line, now) for line in coded.lines]
    findings = _findings(closed, coded, before, now)
    return _version(closed, Issued(records.LAYOUT, coded.claim_set_id, lines, findings), before, now)


def empty_version(key: bytes, closed: ClosedEncounter, before: Issued | None, now: str) -> Issued:
    """The version of an encounter that has no claim of its own any more: everything of `before` void and settled."""
    settled = [
        {**finding, "claim_set_version": closed.version, "resolved_at": now, "resolution": None}
        for finding in (before.open_findings if before else ())
    ]
    return _version(closed, Issued(records.LAYOUT, records.emptied_set_id(key), [], settled), before, now)


def _version(closed: ClosedEncounter, meant: Issued, before: Issued | None, now: str) -> Issued:
    """The version with the void lines for what no longer stands, numbered."""
    lines = meant.lines
    kept = {line["claim_line_id"] for line in lines}
    head = {"claim_set_id": meant.claim_set_id, "claim_set_version": closed.version, "coded_at": now}
    if before is not None:
        voids = [line for line in before.standing if line["claim_line_id"] not in kept]
        lines = lines + [{**line, **head, "action": "void"} for line in voids]
    supersedes = before.claim_set_id if before else closed.follows[1] or None
    numbered = [
        {**line, "line_number": place, "line_count": len(lines), "supersedes": supersedes}
        for place, line in enumerate(lines, 1)
    ]
    return msgspec.structs.replace(meant, lines=numbered)


def _findings(closed: ClosedEncounter, coded: coding.CodedEncounter, before: Issued | None, now: str) -> list[Line]:
    opened = {finding["finding_id"]: finding for finding in (before.open_findings if before else ())}
    found = []
    for finding in coded.findings:
        line = wire_finding(closed, finding, now)
        line["opened_at"] = opened.get(finding.finding_id, line)["opened_at"]
        found.append(line)
    still_open = {finding.finding_id for finding in coded.findings}
    said = {one.about: f"{one.why} ({one.who})" for one in closed.resolved}
    settled = [
        {**line, "claim_set_version": closed.version, "resolved_at": now, "resolution": said.get(key)}
        for key, line in opened.items()
        if key not in still_open
    ]
    return found + settled


# -- the published forms -----------------------------------------------------------------------------------------


def wire_line(closed: ClosedEncounter, coded: coding.CodedEncounter, line: coding.ClaimLine, now: str) -> Line:
    """A claim line by the names of the published contract; line_number, line_count and supersedes still to come."""
    encounter = closed.encounter
    content: Line = records.to_builtins(line)
    of_drugs, billed = content.pop("drug_line_ids"), content.pop("billed")
    more = {"drug_line_ids": of_drugs} if of_drugs else _billed(line.code, line.billed, billed) if line.billed else {}
    return {
        "claim_line_id": content.pop("claim_line_id"),
        "claim_set_id": coded.claim_set_id,
        "claim_set_version": closed.version,
        "line_number": 0,
        "line_count": 0,
        "action": "add",
        "supersedes": None,
        "status": content.pop("status"),
        "patient_id": encounter.patient_id,
        "patient_id_authority": encounter.patient_id_authority,
        "encounter_id": encounter.encounter_id,
        "facility": encounter.facility,
        "setting": encounter.setting.value,
        "payer": encounter.payer,
        **content,
        "drug": {"code": line.drug.code, "system": line.drug.code_system, "name": line.drug.name},
        "rules_version": coded.rules_version,
        "policy": coded.policy,
        "coded_at": now,
        **more,
    }


def _billed(code: str, billed: coding.BilledDrug, content: Line) -> Line:
    """What the line of a drug says besides. Amounts are digits and a point: a biller does not read 1E+2."""
    measures = {"dose": billed.dose, "waste": billed.waste}
    return {
        "hcpcs": code,
        **content,
        "ndc_quantity": None if billed.ndc_quantity is None else f"{billed.ndc_quantity:f}",
        **{name: {"amount": f"{one.amount:f}", "unit": one.unit} for name, one in measures.items()},
    }


def wire_finding(closed: ClosedEncounter, finding: coding.Finding, now: str) -> Line:
    """A finding by the names of the published contract, open."""
    encounter = closed.encounter
    content: Mapping[str, Any] = records.to_builtins(finding)
    return {
        "finding_id": content["finding_id"],
        "claim_set_version": closed.version,
        "kind": content["kind"],
        "severity": content["severity"],
        "encounter_id": encounter.encounter_id,
        "patient_id": encounter.patient_id,
        "patient_id_authority": encounter.patient_id_authority,
        "administration_ids": content["administration_ids"],
        "message_control_ids": content["message_control_ids"],
        "text": content["text"],
        "codes_at_stake": content["codes_at_stake"],
        "opened_at": now,
        "resolved_at": None,
        "resolution": None,
    }


def newest_sets(issued: Iterable[Line]) -> dict[str, list[Line]]:
    """What a reader of `claim.lines` holds in the end: per encounter, the lines of the highest version that stand."""
    best: dict[str, tuple[int, dict[str, Line]]] = {}
    for line in issued:
        version, lines = best.get(line["encounter_id"], (0, {}))
        if line["claim_set_version"] > version:
            version, lines = line["claim_set_version"], {}
        if line["claim_set_version"] == version:
            lines[line["claim_line_id"]] = line
        best[line["encounter_id"]] = (version, lines)
    return {
        encounter: sorted((x for x in lines.values() if x["action"] == "add"), key=lambda x: x["line_number"])
        for encounter, (_, lines) in best.items()
    }
