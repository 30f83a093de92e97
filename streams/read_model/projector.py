"""Projects the topics onto the shelf: records in, documents, indexes and counts out, with the positions, at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import msgspec

import coding
from streams import records
from streams.claims import Line
from streams.embedded.records import StoredRecord
from streams.read_model import shown
from streams.read_model.following import Follower
from streams.read_model.open_encounters import would_come_to
from streams.read_model.shelf import Changes, Overtaken, Shelf
from streams.read_model.shown import (
    DEAD_LETTER,
    ENCOUNTER,
    FINDING,
    LINE,
    OPEN_FINDING,
    RANK,
    SOURCE,
    TALLY,
    EncounterShown,
)
from streams.strangers import is_ours
from streams.topics import Topics

log = logging.getLogger("dripcode.project")

# What is kept, newest first: a page shows the last weeks, the topics hold the rest.
KEPT = {
    (ENCOUNTER, "recent"): 20_000,
    (LINE, "recent"): 100_000,
    (FINDING, "opened"): 50_000,
    (OPEN_FINDING, "opened"): 50_000,
    (DEAD_LETTER, "recent"): 10_000,
    (SOURCE, "last"): 1_000,
}
_TRIM_EVERY = 60.0  # seconds
_LAYOUT = str(shown.LAYOUT).encode()
_URGENCY = {"hold": 2, "review": 1}


def followed(topics: Topics) -> tuple[str, ...]:
    """The topics that the read model is made of."""
    names = (topics.inbound, topics.closed, topics.open, topics.claim_lines, topics.worklist, topics.dead_letter)
    return (*names, topics.facts_changelog)


@dataclass
class Projector:
    """One at a time writes a shelf; a second one is overtaken, reads where the first is, and goes on from there."""

    shelf: Shelf
    follower: Follower
    topics: Topics
    code: Callable[[coding.Encounter], coding.CodedEncounter]  # what an open encounter would come to
    _at: dict[tuple[str, int], int] = field(default_factory=dict)
    _trimmed: float = 0.0

    async def start(self) -> None:
        """Go to where the shelf was left; to the first records when it was left in another layout."""
        self._at = await self.shelf.positions()
        found = await self.shelf.documents("layout", [""])
        if found.get("") != _LAYOUT:
            if self._at:  # else it may be another projector's, that has just begun
                await self.shelf.clear()
                self._at = {}
            await self.shelf.write(Changes(documents={("layout", ""): _LAYOUT}))
        await self.follower.go_to(self._at)

    async def rebuild(self) -> None:
        """Forget everything and go back to the first records."""
        await self.shelf.clear()
        await self.start()

    async def look(self, limit: int = 2000) -> int:
        """Project what is new, at most about `limit` records; how many there were.

        Raises ReadModelAway; then `start` again when the store is back.
        """
        found = await self.follower.take(limit)
        if found:
            changes = await self._changes(found)
            try:
                await self.shelf.write(changes)
            except Overtaken:
                await self.start()
                return len(found)
            self._at |= {tp: after for tp, (_, after) in changes.positions.items()}
        if time.monotonic() - self._trimmed > _TRIM_EVERY:
            self._trimmed = time.monotonic()
            for (kind, index), keep in KEPT.items():
                await self.shelf.trim(kind, index, keep)
        return len(found)

    async def _changes(self, found: Sequence[StoredRecord]) -> Changes:
        batch = _Batch(self.topics, self.code, Changes())
        for record in found:
            tp = record.topic, record.partition
            before = batch.changes.positions.get(tp, (self._at.get(tp, 0), 0))[0]
            batch.changes.positions[tp] = before, record.offset + 1
        found = [record for record in found if is_ours(record, self.topics)]
        await batch.load(self.shelf, found)
        for record in found:
            batch.take(record)
        batch.finish()
        return batch.changes


@dataclass
class _Batch:
    """The documents that a batch touches, and what it makes of them."""

    topics: Topics
    code: Callable[[coding.Encounter], coding.CodedEncounter]
    changes: Changes
    encounters: dict[str, EncounterShown] = field(default_factory=dict)
    stood: dict[str, dict[str, Line]] = field(default_factory=dict)  # encounter to the lines that stood before
    was_in: dict[str, str] = field(default_factory=dict)  # encounter to its unit before
    provisional: dict[str, dict[str, Line]] = field(default_factory=dict)  # encounter to what was so before
    sources: dict[str, shown.SourceShown] = field(default_factory=dict)
    tallies: dict[str, records.Tally] = field(default_factory=dict)
    touched: dict[str, float] = field(default_factory=dict)

    async def load(self, shelf: Shelf, found: Sequence[StoredRecord]) -> None:
        by_encounter = {self.topics.claim_lines, self.topics.worklist}
        ids = {(record.key or b"").decode() for record in found if record.topic in by_encounter}
        ids |= {_encounter_id(record) for record in found if record.topic in (self.topics.closed, self.topics.open)}
        for key, value in (await shelf.documents(ENCOUNTER, sorted(ids))).items():
            self.encounters[key] = shown.decode_encounter(value)
            newest = self.encounters[key].newest
            self.stood[key] = newest.standing if newest else {}
            self.was_in[key] = self.encounters[key].unit
            self.provisional[key] = self.encounters[key].provisional
        names = {_source(record) for record in found if record.topic == self.topics.inbound}
        for key, value in (await shelf.documents(SOURCE, sorted(names))).items():
            self.sources[key] = shown.decode_source(value)
        partitions = {str(record.partition) for record in found if record.topic == self.topics.facts_changelog}
        for key, value in (await shelf.documents(TALLY, sorted(partitions))).items():
            self.tallies[key] = records.decode_tally(value)

    def take(self, record: StoredRecord) -> None:
        projections: dict[str, Callable[[StoredRecord], None]] = {
            self.topics.inbound: self._take_message,
            self.topics.closed: self._take_closed,
            self.topics.open: self._take_open,
            self.topics.claim_lines: self._take_line,
            self.topics.worklist: self._take_finding,
            self.topics.dead_letter: self._take_dead_letter,
            self.topics.facts_changelog: self._take_tally,
        }
        projections[record.topic](record)

    def _take_message(self, record: StoredRecord) -> None:
        name, kind = _source(record), _header(record, "type")
        self.sources.setdefault(name, shown.SourceShown()).take(kind, record.timestamp_ms / 1000)
        self.changes.count("received", name, _minute(record))

    def _take_closed(self, record: StoredRecord) -> None:
        closed = records.decode_closed(record.value or b"")
        snapshot = records.encode(closed.encounter)
        encounter = self._encounter(closed.encounter.encounter_id, record)
        encounter.take_closed(closed, record.timestamp_ms / 1000, snapshot)
        self.changes.count("closed", closed.cause, _minute(record))

    def _take_open(self, record: StoredRecord) -> None:
        opened = records.decode_open(record.value or b"")
        key = opened.encounter.encounter_id
        if not self.encounters.get(key, EncounterShown(key)).is_news(opened):
            return
        lines: list[Line] = []
        findings: list[Line] = []
        if not opened.is_emptied:
            try:
                lines, findings = would_come_to(opened, self.code)
            except Exception as wrong:  # noqa: BLE001 - what cannot be coded must not stop the others
                place = f"{record.topic}[{record.partition}]@{record.offset}"
                log.error("an open encounter at %s cannot be coded: %s", place, type(wrong).__name__)
        self._encounter(key, record).take_open(opened, records.encode(opened.encounter), lines, findings)

    def _take_line(self, record: StoredRecord) -> None:
        line: Line = shown.decode_json(record.value or b"{}")
        self._encounter(line["encounter_id"], record).take_line(line)
        self.changes.count("lines", f"{line['action']}|{line['code']}", _minute(record))
        if line["action"] == "add":
            self.changes.count("units", line["service_family"], _minute(record), line["units"])

    def _take_finding(self, record: StoredRecord) -> None:
        finding: Line = shown.decode_json(record.value or b"{}")
        self._encounter(finding["encounter_id"], record).take_finding(finding)

    def _take_dead_letter(self, record: StoredRecord) -> None:
        letter = shown.DeadLetterShown(
            reason=_header(record, "reason"),
            where=_header(record, "where"),
            topic=self.topics.dead_letter,
            partition=record.partition,
            offset=record.offset,
            at=record.timestamp_ms / 1000,
        )
        key = f"{record.partition}:{record.offset}"
        self.changes.put(DEAD_LETTER, key, shown.encode(letter))
        self.changes.rank(DEAD_LETTER, "recent", key, letter.at)
        self.changes.rank(DEAD_LETTER, f"reason:{letter.reason}", key, letter.at)
        self.changes.count("dead", letter.reason, _minute(record))

    def _take_tally(self, record: StoredRecord) -> None:
        if record.key != records.TALLY_KEY:
            return
        tally = records.decode_tally(record.value or b"")
        key = str(record.partition)
        before = self.tallies.get(key, records.Tally())
        if tally.next_offset < before.next_offset:
            return  # written late by a worker that had lost the partition
        self.tallies[key] = tally
        self.changes.put(TALLY, key, records.encode(tally))
        self.changes.rank(TALLY, "partition", key, record.partition)
        for outcome, number in _outcomes(tally).items():
            more = number - _outcomes(before)[outcome]
            if more:
                self.changes.count("outcome", outcome, _minute(record), more)

    def _encounter(self, key: str, record: StoredRecord) -> EncounterShown:
        self.touched[key] = max(record.timestamp_ms / 1000, self.touched.get(key, 0.0))
        return self.encounters.setdefault(key, EncounterShown(key))

    def finish(self) -> None:
        """What the touched documents came to."""
        for name, source in self.sources.items():
            self.changes.put(SOURCE, name, shown.encode(source))
            self.changes.rank(SOURCE, "last", name, source.last_at)
        for key, at in self.touched.items():
            encounter = self.encounters[key]
            is_known = not encounter.is_blank
            self.changes.put(ENCOUNTER, key, shown.encode(encounter) if is_known else None)
            self.changes.rank(ENCOUNTER, "recent", key, at if is_known else None)
            waits = [datetime.fromisoformat(f["opened_at"]).timestamp() for f in encounter.waiting]
            self.changes.rank(ENCOUNTER, "waiting", key, min(waits) if waits else None)
            self._lines_of(key, encounter)
            self._findings_of(key, encounter)
            self._provisional_of(key, encounter)

    def _findings_of(self, key: str, encounter: EncounterShown) -> None:
        was_in, unit = self.was_in.get(key, encounter.unit), encounter.unit
        for finding_id, finding in encounter.findings.items():
            is_open = finding["resolved_at"] is None
            self.changes.put(FINDING, finding_id, shown.encode(finding) if is_open else None)
            for index in () if was_in == unit else _indexes(finding, was_in):
                self.changes.rank(FINDING, index, finding_id, None)
            for index, score in _indexes(finding, unit).items():
                self.changes.rank(FINDING, index, finding_id, score if is_open else None)
            self.changes.rank(FINDING, "kinds", finding["kind"], _URGENCY.get(finding["severity"], 0))
            self.changes.rank(FINDING, "units", unit, 0)

    def _provisional_of(self, key: str, encounter: EncounterShown) -> None:
        """What an open encounter would be asked about: a queue of its own, which no count of findings knows."""
        was_in, before, now = self.was_in.get(key, encounter.unit), self.provisional.get(key, {}), encounter.provisional
        for finding_id, finding in before.items():
            self.changes.put(OPEN_FINDING, finding_id, None)
            for index in _indexes(finding, was_in):
                self.changes.rank(OPEN_FINDING, index, finding_id, None)
        for finding_id, finding in now.items():
            self.changes.put(OPEN_FINDING, finding_id, shown.encode(finding))
            for index, score in _indexes(finding, encounter.unit).items():
                self.changes.rank(OPEN_FINDING, index, finding_id, score)
            self.changes.rank(OPEN_FINDING, "kinds", finding["kind"], _URGENCY.get(finding["severity"], 0))
            self.changes.rank(OPEN_FINDING, "units", encounter.unit, 0)

    def _lines_of(self, key: str, encounter: EncounterShown) -> None:
        standing = encounter.newest.standing if encounter.newest else {}
        for line in {**self.stood.get(key, {}), **standing}.values():
            self._line(line, is_standing=line["claim_line_id"] in standing)

    def _line(self, line: Line, *, is_standing: bool) -> None:
        key = line["claim_line_id"]
        coded, day = datetime.fromisoformat(line["coded_at"]).timestamp(), date.fromisoformat(line["service_date"])
        self.changes.put(LINE, key, shown.encode(line) if is_standing else None)
        self.changes.rank(LINE, "recent", key, coded if is_standing else None)
        for index in ("day", f"code:{line['code']}"):
            self.changes.rank(LINE, index, key, day.toordinal() if is_standing else None)


def _indexes(finding: Line, unit: str) -> dict[str, float]:
    """The indexes that an open finding is in, each with its place: what `views.Which` asks for."""
    urgency = _URGENCY.get(finding["severity"], 0)
    opened = datetime.fromisoformat(finding["opened_at"]).timestamp()
    at_stake = sum(stake["units"] for stake in finding["codes_at_stake"])
    found = {"opened": opened}
    for where in ("", f":unit:{unit}"):
        if urgency:
            found[f"urgent{where}"] = urgency * RANK - opened
        for what in (f":kind:{finding['kind']}", f":severity:{finding['severity']}", *([""] if urgency else [])):
            found[f"oldest{where}{what}"] = -opened
            found[f"stake{where}{what}"] = at_stake * RANK - opened
    return found


def _outcomes(tally: records.Tally) -> dict[str, int]:
    dead, ignored = sum(tally.dead.values()), sum(tally.ignored.values())
    return {"applied": tally.applied, "duplicate": tally.duplicate, "dead": dead, "ignored": ignored}


def _minute(record: StoredRecord) -> int:
    return record.timestamp_ms // 60_000


def _header(record: StoredRecord, name: str) -> str:
    return next((value.decode(errors="replace") for key, value in record.headers if key == name), "")


def _source(record: StoredRecord) -> str:
    return _header(record, "source") or "(no sender)"


class _Named(msgspec.Struct):
    encounter_id: str


class _Snapshot(msgspec.Struct):
    encounter: _Named


_decode_snapshot = msgspec.json.Decoder(_Snapshot).decode


def _encounter_id(record: StoredRecord) -> str:
    return _decode_snapshot(record.value or b"").encounter.encounter_id
