"""One batch of inbound messages and commands in, the records it causes out. No Faust, no clock, no I/O."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from hl7_parsers import HL7Error, UnsupportedMessage
from hl7_parsers.events import Message
from streams import records
from streams.assemble import Site, assemble, encounter_of, has_running_infusion
from streams.close import NEVER, DueIndex, Patience, Standing
from streams.dead_letters import NO_TRIES, Origin, Tries, Why, dead_letter
from streams.embedded.records import Record
from streams.progress import MessagesSkipped, skipped
from streams.records import ClosedEncounter, CloseFact, Command, Fact, MessageFact, Tally
from streams.topics import Topics

log = logging.getLogger("dripcode.apply")

# A close command that has not been acted on by then is sent again: the first may never have been delivered.
RESEND_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message or command as the broker gave it."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    received_at: float  # seconds since 1970: the listener's clock, else the broker's
    tries: Tries = NO_TRIES  # of a message that was a dead letter before

    @property
    def origin(self) -> Origin:
        return Origin(self.topic, self.partition, self.offset)


@dataclass(slots=True)
class EncounterFacts:
    """The facts of one encounter by id, encoded as in the changelog, and the standing that they add up to."""

    facts: dict[bytes, bytes] = field(default_factory=dict)
    standing: Standing = field(default_factory=Standing)

    def decoded(self) -> Iterator[Fact]:
        return (records.decode_fact(value) for value in self.facts.values())


@dataclass(slots=True)
class Partition:
    """What a worker knows of one partition: its encounters, what is due, and what became of its messages."""

    encounters: dict[bytes, EncounterFacts] = field(default_factory=dict)
    due: DueIndex = field(default_factory=DueIndex)
    tally: Tally = field(default_factory=Tally)

    def restore(self, key: bytes, value: bytes) -> None:
        """Take a record of the changelog in: a fact, or the tally."""
        if key == records.TALLY_KEY:
            tally = records.decode_tally(value)
            # A worker that lost the partition may have written later; what counted further is right.
            self.tally = tally if tally.next_offset >= self.tally.next_offset else self.tally
            return
        encounter, _, fact_id = key.rpartition(records.SEPARATOR)
        held = self.encounters.setdefault(encounter, EncounterFacts())
        if fact_id not in held.facts:
            held.facts[fact_id] = value
            held.standing.take(records.decode_fact(value))


@dataclass(frozen=True, slots=True)
class Rules:
    """What applying needs besides the messages: how to read, what the site says, how long to wait."""

    parse: Callable[[bytes], Message]
    site: Site
    patience: Patience
    publish_events: bool = False


@dataclass(slots=True)
class Counts:
    """What one batch did, for metrics: outcomes by (outcome, reason), closings by cause."""

    outcomes: dict[tuple[str, str], int] = field(default_factory=dict)
    closings: dict[str, int] = field(default_factory=dict)

    def outcome(self, outcome: str, reason: str = "") -> None:
        self.outcomes[outcome, reason] = self.outcomes.get((outcome, reason), 0) + 1


class Applier:
    """Applies batches to the partitions that a worker owns."""

    def __init__(self, topics: Topics, rules: Rules) -> None:
        self.topics = topics
        self.rules = rules
        self.partitions: dict[int, Partition] = {}

    def partition(self, number: int) -> Partition:
        return self.partitions.setdefault(number, Partition())

    def restore(self, partition: int, key: bytes, value: bytes) -> None:
        """Take one record of the facts changelog in."""
        self.partition(partition).restore(key, value)

    def index_due(self, partition: int) -> None:
        """Make the due index anew, after recovery."""
        held = self.partition(partition)
        held.due = DueIndex()
        for key, encounter in held.encounters.items():
            held.due.put(key, encounter.standing.due(self.rules.patience)[0])

    def drop(self, partition: int) -> None:
        """Forget a partition that another worker owns now."""
        self.partitions.pop(partition, None)

    def skipped(self, batch: Iterable[Inbound]) -> tuple[list[Record], list[MessagesSkipped]]:
        """Gaps before the messages of a batch: what to write so that they are known, and the errors to end with."""
        topic = self.topics.inbound
        offsets = [(inbound.partition, inbound.offset) for inbound in batch if inbound.topic == topic]
        gaps = skipped(offsets, {number: self.partition(number).tally for number, _ in offsets})
        out = []
        for number, gap in gaps.items():
            self.partition(number).tally.gap = gap
            out.append(self._changelog(number, records.TALLY_KEY, records.encode(self.partition(number).tally)))
        return out, [MessagesSkipped(topic, number, gap) for number, gap in gaps.items()]

    def apply(self, batch: Iterable[Inbound], now: float) -> tuple[list[Record], Counts]:
        """Apply a batch; `now` in seconds since 1970. Returns what must be written before it is acknowledged.

        A message that cannot be used becomes a dead letter; nothing is raised for it.
        """
        out: list[Record] = []
        counts = Counts()
        touched: dict[tuple[int, bytes], None] = {}
        tallied: set[int] = set()
        for inbound in batch:
            if inbound.topic == self.topics.commands:
                out += self._command(inbound, now, counts, touched)
                continue
            tallied.add(inbound.partition)
            outcome, reason = self._message(inbound, out, touched)
            counts.outcome(outcome, reason)
            tally = self.partition(inbound.partition).tally
            if inbound.offset >= tally.next_offset:
                tally.next_offset = inbound.offset + 1
                tally.count(outcome, reason)
                tally.replayed += inbound.tries.replays > 0
        for number, encounter in touched:
            out += self._settle(number, encounter)
        # Last, so that in the same record batch no message is counted whose fact is not there.
        for number in tallied:
            out.append(self._changelog(number, records.TALLY_KEY, records.encode(self.partition(number).tally)))
        return out, counts

    def due_commands(self, number: int, now: float) -> list[Command]:
        """A close command for each encounter of a partition whose time has come."""
        held = self.partition(number)
        commands = []
        for key in held.due.pop_due(now):
            patient, encounter_id = records.split_encounter_key(key)
            due, cause = held.encounters[key].standing.due(self.rules.patience)
            if due <= now:
                commands.append(Command("close", patient, encounter_id, cause, now))
                held.due.put(key, now + RESEND_SECONDS)
            elif due != NEVER:
                held.due.put(key, due)
        return commands

    # -- one message -------------------------------------------------------------------------------------------

    def _message(self, inbound: Inbound, out: list[Record], touched: dict[tuple[int, bytes], None]) -> tuple[str, str]:
        try:
            message = self.rules.parse(inbound.value)
        except UnsupportedMessage as wrong:
            return "ignored", wrong.reason
        except HL7Error as wrong:
            return self._dead(inbound, out, Why(wrong.reason, wrong.place))
        except Exception as wrong:  # noqa: BLE001 - the one place where nothing may escape: a poison message would stop its partition
            log.error("reading failed: %s at %s", type(wrong).__name__, inbound.origin)
            return self._dead(inbound, out, Why(f"INTERNAL_{type(wrong).__name__}"))
        if not records.is_for_encounter(message):
            out += self._published(message)
            return "ignored", records.why_ignored(message)
        patient, encounter_id = encounter_of(message)
        key = records.encounter_key(patient, encounter_id)
        fact = MessageFact(records.LAYOUT, inbound.received_at, message)
        if not self._keep(inbound.partition, key, records.message_fact_id(message, inbound.value), fact, out):
            return "duplicate", ""
        touched[inbound.partition, key] = None
        out += self._published(message)
        return "applied", ""

    def _published(self, message: Message) -> list[Record]:
        """Each event for other consumers, where the site wants that."""
        if not self.rules.publish_events:
            return []
        key = records.patient_key(message.patient.authority, message.patient.id).encode()
        return [Record(self.topics.events, key, records.encode(event)) for event in message.events]

    def _dead(self, inbound: Inbound, out: list[Record], why: Why) -> tuple[str, str]:
        tries = inbound.tries._replace(received_at=inbound.received_at)
        out.append(dead_letter(self.topics.dead_letter, inbound.key, inbound.value, inbound.origin, why, tries=tries))
        return "dead", why.reason

    def _keep(self, number: int, encounter: bytes, fact_id: bytes, fact: Fact, out: list[Record]) -> bool:
        """Keep a fact, in memory and in the changelog. False when it was there already."""
        held = self.partition(number).encounters.setdefault(encounter, EncounterFacts())
        if fact_id in held.facts:
            return False
        value = records.encode(fact)
        held.facts[fact_id] = value
        held.standing.take(fact)
        out.append(self._changelog(number, encounter + records.SEPARATOR + fact_id, value))
        return True

    def _changelog(self, number: int, key: bytes, value: bytes) -> Record:
        return Record(self.topics.facts_changelog, key, value, partition=number)

    # -- closing -----------------------------------------------------------------------------------------------

    def _command(
        self, inbound: Inbound, now: float, counts: Counts, touched: dict[tuple[int, bytes], None]
    ) -> list[Record]:
        out: list[Record] = []
        try:
            command = records.decode_command(inbound.value)
        except ValueError:
            self._dead(inbound, out, Why("UNREADABLE_COMMAND"))
            return out
        key = records.encounter_key(command.patient, command.encounter_id)
        held = self.partition(inbound.partition).encounters.get(key)
        if command.command != "close" or held is None:
            self._dead(inbound, out, Why("UNKNOWN_COMMAND" if held else "UNKNOWN_ENCOUNTER"))
            return out
        if held.standing.is_closed:
            return out
        cause = self._cause(held, command, now)
        if not cause:
            # Look again later; news that comes before then sets its own time.
            patience = self.rules.patience
            due = min(held.standing.first_received + patience.at_age, now + patience.after_quiet)
            self.partition(inbound.partition).due.put(key, max(due, held.standing.due(patience)[0]))
            return out
        standing = max(held.standing.status[0], held.standing.reopened)
        fact = CloseFact(records.LAYOUT, command.at or now, cause, standing)
        if self._keep(inbound.partition, key, records.close_fact_id(cause, standing), fact, out):
            counts.closings[cause] = counts.closings.get(cause, 0) + 1
            touched[inbound.partition, key] = None
        return out

    def _cause(self, held: EncounterFacts, command: Command, now: float) -> str:
        """Why the encounter closes now; "" when it does not.

        A person's word is enough; a timer's is looked at again: news may have come since it was sent.
        """
        if command.cause == "command":
            return "command"
        causes = held.standing.causes(self.rules.patience, now)
        if causes == ["quiet"] and has_running_infusion(held.decoded()):
            return ""
        return causes[0] if causes else ""

    def _settle(self, number: int, key: bytes) -> list[Record]:
        """After a batch: a closed encounter is sent on, as it now stands; an open one is looked at when due."""
        partition = self.partition(number)
        held = partition.encounters[key]
        if not held.standing.is_closed:
            partition.due.put(key, held.standing.due(self.rules.patience)[0])
            return []
        partition.due.put(key, NEVER)
        patient, _ = records.split_encounter_key(key)
        closed = ClosedEncounter(
            version=held.standing.version,
            cause=held.standing.closed[1] if held.standing.closed else "",
            encounter=assemble(held.decoded(), self.rules.site),
        )
        return [Record(self.topics.closed, patient.encode(), records.encode(closed), partition=number)]
