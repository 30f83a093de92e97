"""One batch of inbound messages and commands in, the records it causes out. No Faust, no clock, no I/O."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import msgspec

from hl7_parsers import HL7Error, UnsupportedMessage
from hl7_parsers.events import EncounterMerged, Message
from streams import commands, records
from streams.assemble import Site, encounter_of
from streams.close import NEVER, DueIndex, Patience
from streams.commands import Case
from streams.counts import Counts
from streams.dead_letters import NO_TRIES, Origin, Tries, Why, dead_letter
from streams.embedded.records import Record
from streams.forgetting import forget
from streams.handing import Mail, emptied, hand_over, tell, void_sets
from streams.identity import Merge, Who, merges_of, patient_key
from streams.log import Explained
from streams.looking import taken_back
from streams.occasions import occasions_of
from streams.partition import FactsOf, Partition
from streams.progress import MessagesSkipped, skipped
from streams.pump_visits import links_of
from streams.records import CloseFact, Command, Fact, MergeFact, MessageFact
from streams.sending import Sender
from streams.topics import Topics

log = logging.getLogger("dripcode.apply")

# A close command that has not been acted on by then is sent again: the first may never have been delivered.
RESEND_SECONDS = 60.0
# What the worker stands on fails, not the message: the disk under the facts, say. It ends; the message is read again.
OURS_TO_MEND = (Explained, MemoryError)


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


@dataclass(frozen=True, slots=True)
class Rules:
    """What applying needs besides the messages: how to read, what the site says, how long to wait."""

    parse: Callable[[bytes], Message]
    site: Site
    patience: Patience
    publish_events: bool = False
    owner: Callable[[str], int] | None = None  # the partition of a patient; None when there is but one


@dataclass(slots=True)
class Work:
    """One batch in the making: what it causes, and which identities have new facts."""

    now: float
    out: list[Record] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    tallied: set[int] = field(default_factory=set)
    doing: Inbound | None = None  # what is being applied
    # By identity: its facts that may have to go on, and what touched it last.
    touched: dict[tuple[int, Who], tuple[dict[bytes, bytes], Inbound]] = field(default_factory=dict)

    looks: dict[tuple[int, Who], Inbound] = field(default_factory=dict)  # open encounters to look at, and why

    def touch(self, number: int, who: Who) -> dict[bytes, bytes]:
        """Note that an identity has news; to be filled with the facts that may have to go on."""
        assert self.doing is not None
        facts, _ = self.touched.get((number, who), ({}, None))
        self.touched[number, who] = facts, self.doing
        return facts


class Applier:
    """Applies batches to the partitions that a worker owns."""

    def __init__(self, topics: Topics, rules: Rules) -> None:
        self.topics = topics
        self.rules = rules
        self.partitions: dict[int, Partition] = {}
        self.mail = Mail(topics, rules.owner)
        self.sender = Sender(self.mail, rules.site, rules.patience)
        self.facts_of: Callable[[int], FactsOf] | None = None  # of a partition; None for memory

    def partition(self, number: int) -> Partition:
        held = self.partitions.get(number)
        if held is None:
            held = Partition() if self.facts_of is None else Partition(self.facts_of(number))
            self.partitions[number] = held
        return held

    def restore(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Take one record of the facts changelog in; None deletes a fact."""
        self.partition(partition).restore(key, value)

    def index_due(self, partition: int) -> None:
        """Make the due index anew, after recovery."""
        held = self.partition(partition)
        held.due, held.aging, held.looks = DueIndex(), DueIndex(), DueIndex()
        for account in held.homes():
            if self.mail.is_owner(partition, account.patient):
                self.sender.schedule(held, account, occasions_of(held, account, self.rules.site))

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
        work = Work(now)
        for inbound in batch:
            work.doing = inbound
            if inbound.topic == self.topics.commands:
                self._command(inbound, work)
                continue
            work.counts.received += 1
            work.tallied.add(inbound.partition)
            outcome, reason = self._message(inbound, work)
            work.counts.outcome(outcome, reason)
            tally = self.partition(inbound.partition).tally
            if inbound.offset >= tally.next_offset:
                tally.next_offset = inbound.offset + 1
                tally.count(outcome, reason)
                tally.replayed += inbound.tries.replays > 0
        self._settle(work)
        # Last, so that in the same record batch no message is counted whose fact is not there.
        for number in work.tallied:
            work.out.append(self._changelog(number, records.TALLY_KEY, records.encode(self.partition(number).tally)))
        return work.out, work.counts

    def due_commands(self, number: int, now: float) -> list[Command]:
        """A command for each encounter of a partition whose time has come: to close, to be looked at, to be let go."""
        held = self.partition(number)
        sent = []
        for account in held.due.pop_due(now):
            following = NEVER
            for one in occasions_of(held, account, self.rules.site):
                due, cause = one.standing.due(self.rules.patience)
                if due <= now:
                    held.closing.setdefault(account, due)
                    sent.append(Command("close", one.who.patient, one.who.encounter_id, cause, now))
                    due = now + RESEND_SECONDS
                following = min(following, due)
            held.due.put(account, following)
        for account in held.aging.pop_due(now):
            sent.append(Command("forget", account.patient, account.encounter_id, at=now))
            held.aging.put(account, now + RESEND_SECONDS)
        for account in held.looks.pop_due(now):
            sent.append(Command("look", account.patient, account.encounter_id, at=now))
            held.looks.put(account, now + RESEND_SECONDS)
        return sent

    # -- one message -------------------------------------------------------------------------------------------

    def _message(self, inbound: Inbound, work: Work) -> tuple[str, str]:
        try:
            return self._kept(self.rules.parse(inbound.value), inbound, work)
        except UnsupportedMessage as wrong:
            return "ignored", wrong.reason
        except HL7Error as wrong:
            return self._dead(inbound, work, Why(wrong.reason, wrong.place))
        except OURS_TO_MEND:
            raise
        except Exception as wrong:  # noqa: BLE001 - nothing may escape: a poison message would stop its partition
            return self._failed(inbound, work, "INTERNAL", wrong)

    def _kept(self, message: Message, inbound: Inbound, work: Work) -> tuple[str, str]:
        if not records.is_for_encounter(message):
            work.out += self._published(message)
            return "ignored", records.why_ignored(message)
        who, partition = encounter_of(message), self.partition(inbound.partition)
        links = links_of(message, who, partition.of_patient.get(who.patient, ()), partition.merges, partition.naming)
        is_new = self._learn(inbound.partition, [*merges_of(message), *links], inbound.received_at, work)
        if any(not isinstance(event, EncounterMerged) for event in message.events):
            fact = MessageFact(records.LAYOUT, inbound.received_at, message)
            fact_id = records.message_fact_id(message, inbound.value)
            is_new |= self.keep(inbound.partition, who, fact_id, fact, work)
        if not is_new:
            return "duplicate", ""
        work.out += self._published(message)
        work.counts.applied(message, inbound.received_at)
        return "applied", ""

    def _published(self, message: Message) -> list[Record]:
        """Each event for other consumers, where the site wants that."""
        if not self.rules.publish_events:
            return []
        key = patient_key(message.patient.authority, message.patient.id).encode()
        return [Record(self.topics.events, key, records.encode(event)) for event in message.events]

    def _dead(self, inbound: Inbound, work: Work, why: Why) -> tuple[str, str]:
        tries = inbound.tries._replace(received_at=inbound.received_at)
        letter = dead_letter(self.topics.dead_letter, inbound.key, inbound.value, inbound.origin, why, tries=tries)
        work.out.append(letter)
        return "dead", why.reason

    def _failed(self, inbound: Inbound, work: Work, where: str, wrong: Exception) -> tuple[str, str]:
        """A message or command that we cannot work on, though it may be sound. Never the error's text: it may tell."""
        log.error("failed: %s_%s at %s", where, type(wrong).__name__, inbound.origin)
        return self._dead(inbound, work, Why(f"{where}_{type(wrong).__name__}"))

    def keep(self, number: int, who: Who, fact_id: bytes, fact: Fact, work: Work) -> bool:
        """Keep a fact, in memory and in the changelog. False when it was there already."""
        partition = self.partition(number)
        value = records.encode(fact)
        is_new = partition.keep(who, fact_id, fact, value)
        if is_new:
            key = records.encounter_key(*who) + records.SEPARATOR + fact_id
            work.out.append(self._changelog(number, key, value))
        if is_new or partition.encounters[who].is_recovered:
            # Recovered: the worker may have ended after it kept the fact and before it wrote what follows.
            work.touch(number, who)[fact_id] = value
        return is_new

    def _changelog(self, number: int, key: bytes, value: bytes) -> Record:
        return Record(self.topics.facts_changelog, key, value, partition=number)

    # -- merges ------------------------------------------------------------------------------------------------

    def _learn(self, number: int, merges: Iterable[Merge], received_at: float, work: Work) -> bool:
        """Keep merges and do what they ask for. False when all of them were there already."""
        partition = self.partition(number)
        new: set[Merge] = set()
        again: set[Merge] = set()
        for merge in merges:
            fact = MergeFact(records.LAYOUT, received_at, merge)
            if partition.merges.add(merge):
                new.add(merge)
                key = records.MERGE_KEY + records.SEPARATOR + records.merge_fact_id(merge)
                work.out.append(self._changelog(number, key, records.encode(fact)))
            elif merge in partition.recovered_merges:
                again.add(merge)
        if new or again:
            partition.recovered_merges -= again
            self._follow(number, partition, new | again, work)
        return bool(new)

    def _follow(self, number: int, partition: Partition, merges: set[Merge], work: Work) -> None:
        work.out += tell(self.mail, number, partition, merges)
        for account, identities, was in emptied(self.mail, number, partition, merges, self.rules.site):
            work.out += [self.mail.opened(number, one) for one in taken_back(partition, account, was, work.now)]
            # Of one that is not issued again nothing would stand under the new identity: what was issued stays.
            closed = [one for one in was if one.standing.is_closed]
            again = [one for one in closed if not one.standing.is_past(self.rules.patience, work.now)]
            if not again:
                continue
            mark, void = void_sets(self.mail, number, account, partition.version(account), again)
            work.out += void
            for who in identities:
                self.keep(number, who, records.handed_fact_id(mark), mark, work)
        patients = {patient for merge in merges for patient in (merge.old_patient, merge.new_patient)}
        for who in {who for patient in patients for who in partition.family(patient)}:
            work.touch(number, who).update(partition.encounters[who].facts)

    # -- commands ----------------------------------------------------------------------------------------------

    def _command(self, inbound: Inbound, work: Work) -> None:
        try:
            command = records.decode_command(inbound.value)
        except ValueError:
            self._dead(inbound, work, Why("UNREADABLE_COMMAND"))
            return
        try:
            self._follow_command(inbound, command, work)
        except OURS_TO_MEND:
            raise
        except Exception as wrong:  # noqa: BLE001 - as of messages
            self._failed(inbound, work, "INTERNAL", wrong)

    def _follow_command(self, inbound: Inbound, command: Command, work: Work) -> None:
        if command.command == "transfer":
            self._transfer(inbound, command, work)
            return
        if command.command == "forget":
            self._forget(inbound.partition, Who(command.patient, command.encounter_id), work)
            return
        if command.command == "look":
            who = self.partition(inbound.partition).merges.resolve(Who(command.patient, command.encounter_id))
            work.looks[inbound.partition, who] = inbound
            return
        why = self._obey(inbound, command, work)
        if why:
            self._dead(inbound, work, Why(why))

    def _obey(self, inbound: Inbound, command: Command, work: Work) -> str:
        """Do what a command asks, where the identity is called what it is now; "" or why it cannot be."""
        number = inbound.partition
        partition = self.partition(number)
        account, day = commands.account_of(partition, command)
        if command.command == "close":
            partition.closing.pop(account, None)
        if not self.mail.is_owner(number, account.patient):
            encounter_id = commands.named(account, day)
            onward = msgspec.structs.replace(command, patient=account.patient, encounter_id=encounter_id)
            work.out.append(self.mail.to_owner(onward))
            return ""
        for member in partition.members(account):
            if partition.encounters[member].is_recovered:
                work.touch(number, member)
        occasions = commands.occasions_named(partition, account, day, self.rules.site)
        at = command.at or work.now
        case = Case(command, inbound.value, at, work.now, partition, self.rules.patience, account, occasions)
        asked = commands.obey(case)
        if isinstance(asked, str):
            return asked
        if command.command == "document":
            work.looks[number, account] = inbound  # who said it wants to see what came of it
        for fact_id, fact in asked:
            if self.keep(number, account, fact_id, fact, work) and isinstance(fact, CloseFact):
                work.counts.closings[fact.cause] = work.counts.closings.get(fact.cause, 0) + 1
                last = max((one.standing.last_received for one in occasions), default=work.now)
                work.counts.closed_after.append(work.now - last)
        return ""

    def _transfer(self, inbound: Inbound, command: Command, work: Work) -> None:
        """Merges and facts from another partition. They are facts like any other: twice or late does no harm."""
        try:
            facts = [(handed, records.decode_fact(handed.fact)) for handed in command.facts]
        except ValueError:
            self._dead(inbound, work, Why("UNREADABLE_FACT"))
            return
        self._learn(inbound.partition, command.merges, inbound.received_at, work)
        for handed, fact in facts:
            who = Who(handed.patient, handed.encounter_id)
            self.keep(inbound.partition, who, handed.fact_id.encode(), fact, work)

    def _forget(self, number: int, who: Who, work: Work) -> None:
        """Delete facts past their age. What is new in this batch goes out first; the timer asks again."""
        partition = self.partition(number)
        members = partition.members(partition.merges.resolve(who))
        if not any((number, member) in work.touched for member in members):
            work.out += forget(self.sender, number, partition, who, work.now)

    # -- what follows ------------------------------------------------------------------------------------------

    def _settle(self, work: Work) -> None:
        """Hand over what belongs to other partitions; send on what is closed here."""
        here: dict[tuple[int, str], dict[Who, Inbound]] = {}
        for (number, who), (facts, latest) in work.touched.items():
            home = self.partition(number).merges.resolve(who)
            if self.mail.is_owner(number, home.patient):
                here.setdefault((number, home.patient), {})[home] = latest
            else:
                work.out += hand_over(self.mail, home, ((who, fact_id, value) for fact_id, value in facts.items()))
        for (number, _), accounts in here.items():
            settle = partial(self.sender.settle, number, self.partition(number), accounts, work.now)
            self._follows(settle, [*accounts.values()][-1], work)
        for (number, account), asked in work.looks.items():
            if self.mail.is_owner(number, account.patient):
                self._follows(partial(self.sender.look, number, self.partition(number), account, work.now), asked, work)

    def _follows(self, makes: Callable[[], list[Record]], cause: Inbound, work: Work) -> None:
        try:
            work.out += makes()
        except OURS_TO_MEND:
            raise
        except Exception as wrong:  # noqa: BLE001 - the facts are kept; their patient must not stop the others
            self._failed(cause, work, "SETTLING", wrong)
