"""What came of the day so far, read from the topics as any consumer would read them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

from streams import records
from streams.claims import Line
from streams.identity import Merges, Who
from streams.reading import Reader
from streams.records import ClosedEncounter, Tally
from streams.topics import Topics


@dataclass(slots=True)
class Watch:
    """The newest claim set of each encounter, open findings, the balance; brought up to date by `look`."""

    reader: Reader
    topics: Topics
    claim_sets: dict[str, tuple[int, dict[str, Line]]] = field(default_factory=dict)
    findings: dict[str, Line] = field(default_factory=dict)
    closed: dict[str, ClosedEncounter] = field(default_factory=dict)
    tallies: dict[int, Tally] = field(default_factory=dict)
    identities: set[Who] = field(default_factory=set)
    merges: Merges = field(default_factory=Merges)
    reissued: int = 0
    received: int = 0  # messages on the inbound topic, counted by the topic itself
    lag: int = 0  # messages, commands and closed encounters that are still waiting

    async def look(self) -> None:
        """Read what is new on the topics."""
        names = (self.topics.inbound, self.topics.commands, self.topics.closed)
        sizes = [await self.reader.sizes(name) for name in names]
        self.received, self.lag = sizes[0][0], sum(waiting for _, waiting in sizes)
        for record in await self.reader.new(self.topics.claim_lines):
            self._take_line(json.loads(record.value or b"{}"))
        for record in await self.reader.new(self.topics.worklist):
            finding: Line = json.loads(record.value or b"{}")
            known_finding = self.findings.get(finding["finding_id"], finding)
            if finding["claim_set_version"] >= known_finding["claim_set_version"]:
                self.findings[finding["finding_id"]] = finding
        for record in await self.reader.new(self.topics.closed):
            closed = records.decode_closed(record.value or b"")
            known = self.closed.get(closed.encounter.encounter_id)
            if closed.is_emptied:
                continue
            if known is None or closed.version >= known.version:
                self.closed[closed.encounter.encounter_id] = closed
        for record in await self.reader.new(self.topics.facts_changelog):
            if record.key == records.TALLY_KEY:
                self.tallies[record.partition] = records.decode_tally(record.value or b"")
                continue
            encounter, _, _ = (record.key or b"").rpartition(records.SEPARATOR)
            if encounter == records.MERGE_KEY:
                self.merges.add(records.decode_merge(record.value or b"").merge)
            else:
                self.identities.add(Who(*records.split_encounter_key(encounter)))

    def _take_line(self, line: Line) -> None:
        version, lines = self.claim_sets.get(line["encounter_id"], (0, {}))
        if line["claim_set_version"] > version:
            self.reissued += version > 0
            version, lines = line["claim_set_version"], {}
        if line["claim_set_version"] == version:
            lines[line["claim_line_id"]] = line
        self.claim_sets[line["encounter_id"]] = (version, lines)

    @property
    def encounters(self) -> set[Who]:
        """Every encounter that messages spoke of, as it is called now."""
        return {self.merges.resolve(who) for who in self.identities}

    @property
    def standing_lines(self) -> list[Line]:
        """The lines that stand, of every encounter."""
        return [line for _, lines in self.claim_sets.values() for line in lines.values() if line["action"] == "add"]

    @property
    def open_findings(self) -> list[Line]:
        return [finding for finding in self.findings.values() if finding["resolved_at"] is None]

    @property
    def balance(self) -> Tally:
        """What became of every message, over all partitions."""
        total = Tally()
        for tally in self.tallies.values():
            total.add(tally)
        return total


def by_code(lines: list[Line]) -> list[tuple[str, str, int, int]]:
    """Code, service family, lines and units, in order of code; held lines left out: they are not proposed."""
    counts: Counter[tuple[str, str]] = Counter()
    units: Counter[tuple[str, str]] = Counter()
    for line in lines:
        if line["status"] != "hold":
            key = (line["code"], line["service_family"])
            counts[key] += 1
            units[key] += line["units"]
    return [(code, family, counts[code, family], units[code, family]) for code, family in sorted(counts)]


def by_kind(findings: list[Line]) -> list[tuple[str, int]]:
    """Findings by kind, most frequent first."""
    counts: Counter[str] = Counter(finding["kind"] for finding in findings)
    return counts.most_common()
