"""What pages show, as documents of the read model. Pure: each takes one record in, in any order, twice or late."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from streams.claims import Line
from streams.records import ClosedEncounter, OpenEncounter

LAYOUT = 4  # of everything on the shelf; what another one left is made anew from the topics
CLAIM_SETS_KEPT = 20  # versions of one encounter; older ones lie on the topic

HOUR = 3600  # seconds
DAY, WEEK, HOURS_KEPT = 24, 168, 336  # hours

# In front of a moment in seconds since 1970, so that one number orders by rank first, then the older first.
RANK = 1e11

ENCOUNTER = "encounter"
FINDING = "finding"
OPEN_FINDING = "open_finding"  # of an encounter that is not closed yet
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


class OpenShown(msgspec.Struct):
    """An encounter as it stood while it is open, and what it would come to."""

    version: int
    after: str  # the close before which it was opened again
    encounter: msgspec.Raw  # coding.Encounter as JSON
    lines: list[Line]
    findings: dict[str, Line]


class EncounterShown(msgspec.Struct):
    """An encounter: as it stood when it closed last, its claim sets in order of version, its findings by id; `opened`
    where it is open and stood otherwise later."""

    encounter_id: str
    version: int = 0
    cause: str = ""
    closed_at: float = 0.0  # seconds since 1970
    encounter: msgspec.Raw = msgspec.Raw(b"null")  # coding.Encounter as JSON
    claim_sets: list[ClaimSet] = msgspec.field(default_factory=list)
    findings: dict[str, Line] = msgspec.field(default_factory=dict)
    opened: OpenShown | None = None

    @property
    def snapshot(self) -> msgspec.Raw:
        """The encounter as it stood last; null when that is not known."""
        return self.opened.encounter if self.opened else self.encounter

    @property
    def newest_version(self) -> int:
        """Of what is shown."""
        return self.opened.version if self.opened else self.version

    @property
    def where(self) -> Where:
        return _decode_where(self.snapshot) or Where()

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

    @property
    def provisional(self) -> dict[str, Line]:
        """What would be a finding if it closed as it stands; not what is one already."""
        found = self.opened.findings if self.opened else {}
        return {key: finding for key, finding in found.items() if key not in self.open_findings}

    @property
    def is_blank(self) -> bool:
        """Nothing is known of it any more."""
        return not (self.version or self.claim_sets or self.findings or self.opened)

    @property
    def issued_version(self) -> int:
        """The newest version that a close, a claim line or a finding spoke of: no snapshot up to it counts."""
        of_sets = [known.version for known in self.claim_sets]
        of_findings: list[int] = [finding["claim_set_version"] for finding in self.findings.values()]
        return max(self.version, *of_sets, *of_findings, 0)

    def is_news(self, opened: OpenEncounter) -> bool:
        """Whether a snapshot is newer than all that is known. Snapshots and closes come in any order."""
        known = self.opened.version if self.opened else 0
        if opened.is_emptied:  # the identity it goes by now may be of the same number
            return opened.version > known > 0
        return opened.version > self.issued_version and opened.version >= known

    def take_open(self, opened: OpenEncounter, snapshot: bytes, lines: list[Line], findings: list[Line]) -> None:
        """It is open, and would come to these lines and findings; what was found before keeps its date."""
        if opened.is_emptied:
            self.opened = None
            return
        before = self.opened.findings if self.opened and self.opened.after == opened.after else {}
        dated = [{**one, "opened_at": before.get(one["finding_id"], one)["opened_at"]} for one in findings]
        by_id = {one["finding_id"]: {**one, "not_closed": True} for one in dated}
        self.opened = OpenShown(opened.version, opened.after, msgspec.Raw(snapshot), lines, by_id)

    def _leave_open(self) -> None:
        if self.opened and self.opened.version <= self.issued_version:
            self.opened = None

    def take_closed(self, closed: ClosedEncounter, at: float, snapshot: bytes) -> None:
        """The encounter closed, or closed again after late news."""
        if closed.version >= self.version:
            self.version, self.cause, self.closed_at = closed.version, closed.cause, at
            self.encounter = msgspec.Raw(snapshot)
        self._leave_open()

    def take_line(self, line: Line) -> None:
        """A line of one version; what is published twice carries the same id."""
        version = line["claim_set_version"]
        held = next((known for known in self.claim_sets if known.version == version), None)
        if held is None:
            held = ClaimSet(version, line["claim_set_id"], line["coded_at"])
            self.claim_sets = sorted([*self.claim_sets, held], key=lambda known: known.version)[-CLAIM_SETS_KEPT:]
        held.lines[line["claim_line_id"]] = line
        self._leave_open()

    def take_finding(self, finding: Line) -> None:
        """A finding opened, or settled, unless a later claim set has spoken of it.

        After a merge two partitions speak of one encounter, and theirs come in any order.
        """
        known = self.findings.get(finding["finding_id"])
        if known is None or finding["claim_set_version"] >= known["claim_set_version"]:
            self.findings[finding["finding_id"]] = finding
        self._leave_open()


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
