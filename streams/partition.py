"""What a worker knows of one partition: facts by the identity they were sent under, found by what that is now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field

from hl7_parsers.events import Message
from streams import records
from streams.close import DueIndex, Standing, past_fact, standing_of
from streams.identity import Merge, Merges, Who
from streams.records import PAST_ID, Fact, MessageFact, PastFact, Tally

# Where the facts of an identity that has none yet are kept: a mapping by fact id.
FactsOf = Callable[[Who], MutableMapping[bytes, bytes]]


@dataclass(slots=True)
class EncounterFacts:
    """The facts of one identity of an encounter by id, encoded as in the changelog, and what they add up to.

    A fact of facts that are gone (streams/forgetting.py) may have some of these beside it still, where a worker ended
    before it deleted them: they count twice until they are forgotten again.
    """

    facts: MutableMapping[bytes, bytes] = field(default_factory=dict)
    is_recovered: bool = False  # what these facts caused may not have been written before the worker ended
    _standing: Standing | None = field(default_factory=Standing)  # None: to be worked out anew

    @property
    def standing(self) -> Standing:
        if self._standing is None:
            self._standing = self._added_up(self.facts)
        return self._standing

    @standing.setter
    def standing(self, known: Standing) -> None:
        self._standing = known

    def _added_up(self, fact_ids: Iterable[bytes]) -> Standing:
        return standing_of(records.decode_fact(self.facts[each]) for each in fact_ids)

    def has(self, fact_id: bytes) -> bool:
        """Whether a fact is here, or was and is past its age."""
        return fact_id in self.facts or (self.standing.past > 0 and fact_id in self._gone())

    def _gone(self) -> set[bytes]:
        past = (records.recall_fact(value) for fact_id, value in self.facts.items() if fact_id.startswith(PAST_ID))
        return {each.encode() for fact in past if isinstance(fact, PastFact) for each in fact.facts}

    def put(self, fact_id: bytes, fact: Fact, value: bytes) -> None:
        """Take a fact in that is not here."""
        try:
            self.standing.take(fact)
        except Exception:
            self._standing = None
            raise
        self.facts[fact_id] = value

    def delete(self, fact_ids: Iterable[bytes]) -> None:
        """Let facts go, those that are here."""
        for fact_id in fact_ids:
            self.facts.pop(fact_id, None)
        self._standing = None

    def forget(self) -> tuple[bytes, bytes, list[bytes]]:
        """Let all facts go: the id and the value of the one that takes their place, and the ids of those that go."""
        here, gone = list(self.facts), self._gone()
        standing = self._added_up(each for each in here if each not in gone)
        fact = past_fact((each.decode() for each in {*here, *gone}), standing)
        fact_id, value = records.past_fact_id(fact), records.encode(fact)
        self.delete(here)
        self.put(fact_id, fact, value)
        return fact_id, value, here


@dataclass(slots=True)
class Partition:
    """The facts of a partition, the merges that say what their identities are now, what is due, the balance."""

    facts_of: FactsOf = lambda who: {}
    encounters: dict[Who, EncounterFacts] = field(default_factory=dict)
    of_patient: dict[str, list[Who]] = field(default_factory=dict)
    merges: Merges = field(default_factory=Merges)
    recovered_merges: set[Merge] = field(default_factory=set)
    due: DueIndex[Who] = field(default_factory=DueIndex)
    aging: DueIndex[Who] = field(default_factory=DueIndex)  # when facts are past their age
    looks: DueIndex[Who] = field(default_factory=DueIndex)  # when open encounters are looked at
    looked: dict[Who, int] = field(default_factory=dict)  # open encounters looked at: with how many facts
    closing: dict[Who, float] = field(default_factory=dict)  # due since, seconds since 1970; asked to close, not closed
    tally: Tally = field(default_factory=Tally)

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take a record of the changelog in: a fact, a merge, or the tally; None deletes a fact."""
        if value is None:
            self._delete(key)
            return
        if key == records.TALLY_KEY:
            tally = records.decode_tally(value)
            # A worker that lost the partition may have written later; what counted further is right.
            self.tally = tally if tally.next_offset >= self.tally.next_offset else self.tally
            return
        encounter, _, fact_id = key.rpartition(records.SEPARATOR)
        if encounter == records.MERGE_KEY:
            merge = records.decode_merge(value).merge
            self.merges.add(merge)
            self.recovered_merges.add(merge)
            return
        held = self.held(Who(*records.split_encounter_key(encounter)))
        held.is_recovered = True
        if fact_id not in held.facts:
            held.put(fact_id, records.decode_fact(value), value)

    def _delete(self, key: bytes) -> None:
        encounter, _, fact_id = key.rpartition(records.SEPARATOR)
        held = self.encounters.get(Who(*records.split_encounter_key(encounter)))
        if held is not None:
            held.delete([fact_id])

    def held(self, who: Who) -> EncounterFacts:
        """The facts of an identity, begun when there are none."""
        held = self.encounters.get(who)
        if held is None:
            held = self.encounters[who] = EncounterFacts(self.facts_of(who))
            self.of_patient.setdefault(who.patient, []).append(who)
        return held

    def keep(self, who: Who, fact_id: bytes, fact: Fact, value: bytes) -> bool:
        """Keep a fact under the identity it was sent under. False when it was there already."""
        held = self.held(who)
        if held.has(fact_id):
            return False
        held.put(fact_id, fact, value)
        return True

    def naming(self, who: Who, texts: Iterable[str]) -> Iterator[Message]:
        """The messages kept under an identity that hold any of these texts, found without decoding the others."""
        wanted = [records.encode(text) for text in texts]
        for value in self.encounters[who].facts.values():
            if any(text in value for text in wanted):
                fact = records.decode_fact(value)
                if isinstance(fact, MessageFact):
                    yield fact.message

    # -- by what an identity is called now ---------------------------------------------------------------------

    def members(self, home: Who, merges: Merges | None = None) -> list[Who]:
        """The identities with facts here that are called `home` now, or by other merges."""
        known = self.merges if merges is None else merges
        if not self.merges.concern(home.patient):
            return [home] if home in self.encounters else []
        return [who for who in self.family(home.patient) if known.resolve(who) == home]

    def family(self, patient: str) -> list[Who]:
        """Every identity with facts here of the patients that merges connect with this one."""
        if not self.merges.concern(patient):
            return self.of_patient.get(patient, [])
        return [who for other in sorted(self.merges.family(patient)) for who in self.of_patient.get(other, ())]

    def homes(self) -> Iterable[Who]:
        """What every encounter here is called now, each once."""
        return dict.fromkeys(self.merges.resolve(who) for who in self.encounters)

    def standing(self, members: Sequence[Who]) -> Standing:
        """What the facts of an encounter add up to, under all its identities."""
        if len(members) == 1:
            return self.encounters[members[0]].standing
        joined = Standing()
        for who in members:
            joined.join(self.encounters[who].standing)
        return joined

    def facts(self, members: Sequence[Who]) -> Iterator[Fact]:
        """The facts of an encounter under all its identities, in order of their ids."""
        held = [item for who in members for item in self.encounters[who].facts.items()]
        return (records.recall_fact(value) for _, value in sorted(held))

    def version(self, home: Who) -> int:
        """Of a claim set: the number of facts known of the patient, which only grows, whatever is merged with what.

        More than what was issued in another partition before the facts were handed over.
        """
        facts = sum(self.encounters[who].standing.facts for who in self.family(home.patient))
        merges = len(self.merges.among(self.merges.family(home.patient))) if self.merges.concern(home.patient) else 0
        return facts + merges + self.handed(home.patient)

    def handed(self, patient: str) -> int:
        """The highest version of a set that was void when its facts went by another identity; 0 when there is none."""
        return max((self.encounters[who].standing.handed[0] for who in self.family(patient)), default=0)

    def overdue(self) -> list[float]:
        """Since when encounters have been due that are not closed; seconds since 1970."""
        for account in [account for account in self.closing if account not in self.due]:
            del self.closing[account]  # closed, or called something else now
        return list(self.closing.values())

    def goes_out(self, home: Who) -> None:
        """What the facts of an encounter cause goes out with this batch."""
        for who in self.members(home):
            self.encounters[who].is_recovered = False
