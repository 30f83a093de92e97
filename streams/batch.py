"""Files of HL7 in, coded encounters out, without a broker: the same reading, folding and coding as the stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import coding
import hl7_parsers
from hl7_parsers.events import EncounterMerged, Message
from streams import records
from streams.apply import Rules
from streams.assemble import assemble, encounter_of
from streams.close import standing_of
from streams.identity import Merges, Who, merges_of
from streams.pump_visits import links_of
from streams.records import ClosedEncounter, MessageFact
from streams.same_day import together
from streams.series import Series
from streams.site import Coder


@dataclass(frozen=True, slots=True)
class Read:
    """One message of a file: what it says, or why it could not be read; where it stood."""

    source: str
    position: int  # 1 for the first message of the file
    raw: bytes
    message: Message | None
    error: hl7_parsers.HL7Error | None


@dataclass(slots=True)
class Folded:
    """Facts by identity and id, the merges that say what identities are now, and what became of the messages."""

    encounters: dict[Who, dict[bytes, MessageFact]] = field(default_factory=dict)
    of_patient: dict[str, list[Who]] = field(default_factory=dict)
    merges: Merges = field(default_factory=Merges)
    tally: records.Tally = field(default_factory=records.Tally)

    def take(self, read: Read) -> None:
        """Keep one message as a fact, or count it."""
        message = read.message
        if isinstance(read.error, hl7_parsers.UnsupportedMessage):
            self.tally.count("ignored", read.error.reason)
        elif read.error is not None:
            self.tally.count("dead", read.error.reason)
        elif message is not None and not records.is_for_encounter(message):
            self.tally.count("ignored", records.why_ignored(message))
        elif message is not None:
            self.tally.count("applied" if self._keep(message, read.raw) else "duplicate")

    def _keep(self, message: Message, raw: bytes) -> bool:
        """Keep what a message says. False when all of it was there already."""
        who = encounter_of(message)
        links = links_of(message, who, self.of_patient.get(who.patient, ()), self.merges, self._naming)
        is_new = sum([self.merges.add(merge) for merge in [*merges_of(message), *links]]) > 0
        if all(isinstance(event, EncounterMerged) for event in message.events):
            return is_new
        if who not in self.encounters:
            self.of_patient.setdefault(who.patient, []).append(who)
        facts = self.encounters.setdefault(who, {})
        fact_id = records.message_fact_id(message, raw)
        is_new |= fact_id not in facts
        facts.setdefault(fact_id, MessageFact(records.LAYOUT, 0.0, message))
        return is_new

    def _naming(self, who: Who, _texts: Iterable[str]) -> Iterator[Message]:
        return (fact.message for fact in self.encounters[who].values())

    def accounts(self) -> dict[Who, list[Who]]:
        """What encounters are called now, each with the identities it has facts under; in order of appearance."""
        members: dict[Who, list[Who]] = {}
        for who in self.encounters:
            members.setdefault(self.merges.resolve(who), []).append(who)
        return members

    def closed(self, rules: Rules) -> Iterator[ClosedEncounter]:
        """Every encounter, closed as it stands; in order of first appearance."""
        for account, members in self.accounts().items():
            facts = [fact for _, fact in sorted(item for who in members for item in self.encounters[who].items())]
            standing = standing_of(iter(facts))
            doubts = {doubt for who in members for doubt in self.merges.doubts(who)}
            if standing.is_series and rules.site.recurring == "date":
                series = Series.of(account, facts, rules.site)
                encounters = [series.encounter(day, rules.site, doubts) for day in sorted(series.days)]
            else:
                encounters = [assemble(facts, rules.site, account, doubts)]
            for encounter in encounters:
                yield ClosedEncounter(standing.facts, "end_of_input", encounter)


def read_all(sources: Iterable[tuple[str, bytes]], rules: Rules) -> Iterator[Read]:
    """Every message of every source, in order. Never raises for what a message holds."""
    for name, data in sources:
        for raw in hl7_parsers.split_messages(data):
            try:
                yield Read(name, raw.position, raw.text, rules.parse(raw.text), None)
            except hl7_parsers.HL7Error as wrong:
                yield Read(name, raw.position, raw.text, None, wrong)


def code_all(folded: Folded, rules: Rules, coder: Coder) -> Iterator[tuple[ClosedEncounter, coding.CodedEncounter]]:
    """Each encounter with what it came to; one that shares a date with others of its patient is coded beside them."""
    of_patient: dict[tuple[str, str], list[ClosedEncounter]] = {}
    for closed in folded.closed(rules):
        encounter = closed.encounter
        of_patient.setdefault((encounter.patient_id_authority, encounter.patient_id), []).append(closed)
    for all_closed in of_patient.values():
        version = {id(closed.encounter): closed for closed in all_closed}
        for group in together([closed.encounter for closed in all_closed]):
            for encounter in group:
                coded = coder.code_beside(encounter, [other for other in group if other is not encounter])
                if coded is not None:
                    yield version[id(encounter)], coded
