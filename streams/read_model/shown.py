"""What pages show, as documents of the read model. Pure: each takes one record in, in any order, twice or late."""

from __future__ import annotations

from typing import Any

import msgspec

from streams.claims import Line
from streams.records import ClosedEncounter

CLAIM_SETS_KEPT = 20  # versions of one encounter; older ones lie on the topic

ENCOUNTER = "encounter"
FINDING = "finding"
LINE = "line"
DEAD_LETTER = "dead_letter"
SOURCE = "source"
TALLY = "tally"


class ClaimSet(msgspec.Struct):
    """One version of an encounter's claim set, as far as its lines have been read."""

    version: int
    claim_set_id: str
    coded_at: str
    lines: dict[str, Line] = msgspec.field(default_factory=dict)

    @property
    def standing(self) -> dict[str, Line]:
        return {key: line for key, line in self.lines.items() if line["action"] == "add"}


class EncounterShown(msgspec.Struct):
    """An encounter: as it stood when it closed last, its claim sets in order of version, its findings by id."""

    encounter_id: str
    version: int = 0
    cause: str = ""
    closed_at: float = 0.0  # seconds since 1970
    encounter: msgspec.Raw = msgspec.Raw(b"null")  # coding.Encounter as JSON
    claim_sets: list[ClaimSet] = msgspec.field(default_factory=list)
    findings: dict[str, Line] = msgspec.field(default_factory=dict)

    @property
    def newest(self) -> ClaimSet | None:
        return self.claim_sets[-1] if self.claim_sets else None

    @property
    def open_findings(self) -> dict[str, Line]:
        return {key: finding for key, finding in self.findings.items() if finding["resolved_at"] is None}

    def take_closed(self, closed: ClosedEncounter, at: float, snapshot: bytes) -> None:
        """The encounter closed, or closed again after late news."""
        if closed.version >= self.version:
            self.version, self.cause, self.closed_at = closed.version, closed.cause, at
            self.encounter = msgspec.Raw(snapshot)

    def take_line(self, line: Line) -> None:
        """A line of one version; what is published twice carries the same id."""
        version = line["claim_set_version"]
        held = next((known for known in self.claim_sets if known.version == version), None)
        if held is None:
            held = ClaimSet(version, line["claim_set_id"], line["coded_at"])
            self.claim_sets = sorted([*self.claim_sets, held], key=lambda known: known.version)[-CLAIM_SETS_KEPT:]
        held.lines[line["claim_line_id"]] = line

    def take_finding(self, finding: Line) -> bool:
        """A finding opened, or settled. False when a later claim set has spoken of it.

        After a merge two partitions speak of one encounter, and theirs come in any order.
        """
        known = self.findings.get(finding["finding_id"])
        if known is not None and finding["claim_set_version"] < known["claim_set_version"]:
            return False
        self.findings[finding["finding_id"]] = finding
        return True


class SourceShown(msgspec.Struct):
    """A sender: when it sent last, and how much."""

    last_at: float = 0.0  # seconds since 1970
    messages: int = 0
    types: dict[str, int] = msgspec.field(default_factory=dict)

    def take(self, kind: str, at: float) -> None:
        self.last_at = max(self.last_at, at)
        self.messages += 1
        self.types[kind] = self.types.get(kind, 0) + 1


class DeadLetterShown(msgspec.Struct):
    """Where a message lies that could not be used, and why. Nothing of what it says."""

    reason: str
    where: str
    topic: str
    partition: int
    offset: int
    at: float  # seconds since 1970


encode = msgspec.json.Encoder().encode
decode_encounter = msgspec.json.Decoder(EncounterShown).decode
decode_source = msgspec.json.Decoder(SourceShown).decode
decode_dead_letter = msgspec.json.Decoder(DeadLetterShown).decode
decode_json: Any = msgspec.json.Decoder().decode
