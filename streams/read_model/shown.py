"""What pages show, as documents of the read model. Pure: each takes one record in, in any order, twice or late."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from streams.claims import Line
from streams.records import ClosedEncounter

LAYOUT = 3  # of everything on the shelf; what another one left is made anew from the topics
CLAIM_SETS_KEPT = 20  # versions of one encounter; older ones lie on the topic

HOUR = 3600  # seconds
DAY, WEEK, HOURS_KEPT = 24, 168, 336  # hours

# In front of a moment in seconds since 1970, so that one number orders by rank first, then the older first.
RANK = 1e11

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


class _Drug(msgspec.Struct):
    code: str = ""
    name: str = ""


class _Given(msgspec.Struct):
    administration_id: str
    drug: _Drug


class Where(msgspec.Struct):
    """Where to ask about an encounter, and for what drugs, of its snapshot."""

    facility: str = ""
    location: str = ""
    administrations: list[_Given] = []

    def drugs(self, administration_ids: Collection[str]) -> list[str]:
        """What was given by these administrations, each drug once."""
        given = [one for one in self.administrations if one.administration_id in administration_ids]
        return list(dict.fromkeys(one.drug.name or one.drug.code for one in given))

    @property
    def unit(self) -> str:
        return self.location or self.facility


_decode_where = msgspec.json.Decoder(Where | None).decode


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
    def where(self) -> Where:
        return _decode_where(self.encounter) or Where()

    @property
    def unit(self) -> str:
        """Who to ask: the location, else the facility."""
        return self.where.unit

    @property
    def newest(self) -> ClaimSet | None:
        return self.claim_sets[-1] if self.claim_sets else None

    @property
    def open_findings(self) -> dict[str, Line]:
        return {key: finding for key, finding in self.findings.items() if finding["resolved_at"] is None}

    @property
    def waiting(self) -> list[Line]:
        """The open findings that a person must do something about: a notice only tells why."""
        return [finding for finding in self.open_findings.values() if finding["severity"] != "notice"]

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

    def take_finding(self, finding: Line) -> None:
        """A finding opened, or settled, unless a later claim set has spoken of it.

        After a merge two partitions speak of one encounter, and theirs come in any order.
        """
        known = self.findings.get(finding["finding_id"])
        if known is None or finding["claim_set_version"] >= known["claim_set_version"]:
            self.findings[finding["finding_id"]] = finding


class SourceShown(msgspec.Struct):
    """A sender: when it sent last, how much, and how much in each hour of the last fortnight."""

    last_at: float = 0.0  # seconds since 1970
    messages: int = 0
    types: dict[str, int] = msgspec.field(default_factory=dict)
    hours: dict[int, int] = msgspec.field(default_factory=dict)  # hour since 1970 to messages

    def take(self, kind: str, at: float) -> None:
        hour = int(at // HOUR)
        if hour not in self.hours:  # another hour has begun: forget what is too old
            newest = max([hour, *self.hours])
            self.hours = {known: n for known, n in self.hours.items() if known > newest - HOURS_KEPT}
        self.last_at = max(self.last_at, at)
        self.messages += 1
        self.types[kind] = self.types.get(kind, 0) + 1
        self.hours[hour] = self.hours.get(hour, 0) + 1

    def usual_gap(self, now: float) -> float:
        """Seconds between two messages in this hour of a week ago, else of yesterday; 0 when there were none.

        At the turn of an hour the slower of the two counts.
        """
        return max(self._usual(int(now // HOUR)), self._usual(int(self.last_at // HOUR)))

    def _usual(self, hour: int) -> float:
        number = self.hours.get(hour - WEEK) or self.hours.get(hour - DAY) or 0
        return HOUR / number if number else 0.0


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
