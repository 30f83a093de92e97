"""Files of HL7 in, coded encounters out, without a broker: the same reading, folding and coding as the stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import coding
import hl7_parsers
from hl7_parsers.events import Message
from streams import records
from streams.apply import Rules
from streams.assemble import assemble, encounter_of
from streams.close import standing_of
from streams.records import ClosedEncounter, MessageFact
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
    """Encounters by key with their facts by id, and what became of the messages."""

    encounters: dict[bytes, dict[bytes, MessageFact]] = field(default_factory=dict)
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
            facts = self.encounters.setdefault(records.encounter_key(*encounter_of(message)), {})
            fact_id = records.message_fact_id(message, read.raw)
            self.tally.count("duplicate" if fact_id in facts else "applied")
            facts.setdefault(fact_id, MessageFact(records.LAYOUT, 0.0, message))

    def closed(self, rules: Rules) -> Iterator[ClosedEncounter]:
        """Every encounter, closed as it stands; in order of first appearance."""
        for facts in self.encounters.values():
            standing = standing_of(iter(facts.values()))
            yield ClosedEncounter(standing.version, "end_of_input", assemble(facts.values(), rules.site))


def read_all(sources: Iterable[tuple[str, bytes]], rules: Rules) -> Iterator[Read]:
    """Every message of every source, in order. Never raises for what a message holds."""
    for name, data in sources:
        for raw in hl7_parsers.split_messages(data):
            try:
                yield Read(name, raw.position, raw.text, rules.parse(raw.text), None)
            except hl7_parsers.HL7Error as wrong:
                yield Read(name, raw.position, raw.text, None, wrong)


def code_all(folded: Folded, rules: Rules, coder: Coder) -> Iterator[tuple[ClosedEncounter, coding.CodedEncounter]]:
    """Each encounter with what it came to."""
    for closed in folded.closed(rules):
        yield closed, coder.code(closed.encounter)
