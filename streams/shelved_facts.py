"""The facts table on a shelf: facts stay on the disk, what decides about an encounter's closing is in memory.

An open encounter costs memory for its standing alone, and a worker that starts reads standings, not facts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, MutableMapping, Sequence, ValuesView
from dataclasses import fields
from typing import cast

import msgspec

from streams import records
from streams.apply import Applier
from streams.close import Standing
from streams.embedded.records import Record
from streams.identity import Who
from streams.partition import EncounterFacts, FactsOf, Partition
from streams.shelf import Shelf, room_of
from streams.topics import FACTS_TABLE

# So many facts of the encounters used last are kept in memory: about a KB each.
HOT_FACTS = 50_000
# The first byte of a key in a room.
_FACT, _STANDING, _OTHER = b"f", b"s", b"o"

_encode_standing = msgspec.msgpack.Encoder().encode
_decode_standing = msgspec.msgpack.Decoder(Standing).decode

# Standings of other fields cannot be read: the shelf is made anew then.
LAYOUT = f"{records.LAYOUT} {' '.join(field.name for field in fields(Standing))}"


class ShelvedFacts(MutableMapping[bytes, bytes]):
    """The facts of one encounter by id. On the shelf, and in memory while the encounter is hot."""

    __slots__ = ("_fresh", "_hot", "_known", "_prefix", "_room", "_shelf")

    def __init__(self, shelf: Shelf, room: bytes, encounter: bytes, hot: Hot) -> None:
        self._shelf = shelf
        self._room = room
        self._prefix = _FACT + encounter + records.SEPARATOR
        self._hot = hot
        self._known: dict[bytes, bytes] | None = {}  # all of them; None when they must be read
        self._fresh: dict[bytes, bytes | None] | None = None  # what the shelf has not yet; None: deleted

    def cool(self) -> None:
        """Let go of what the shelf has."""
        self._known = None

    def settle(self, fact_id: bytes) -> None:
        """A fact is on the shelf now."""
        if self._fresh is not None:
            self._fresh.pop(fact_id, None)
            self._fresh = self._fresh or None

    def _all(self) -> dict[bytes, bytes]:
        known = self._read()
        self._hot.touched(self, len(known))
        return known

    def _read(self) -> dict[bytes, bytes]:
        if self._known is None:
            now = {**dict(self._shelf.under(self._room, self._prefix)), **(self._fresh or {})}
            self._known = {fact_id: value for fact_id, value in now.items() if value is not None}
        return self._known

    def __contains__(self, fact_id: object) -> bool:
        return fact_id in self._all()

    def __getitem__(self, fact_id: bytes) -> bytes:
        return self._all()[fact_id]

    def __setitem__(self, fact_id: bytes, value: bytes) -> None:
        self._read()[fact_id] = value
        self._changed(fact_id, value)

    def __delitem__(self, fact_id: bytes) -> None:
        del self._read()[fact_id]
        self._changed(fact_id, None)

    def _changed(self, fact_id: bytes, value: bytes | None) -> None:
        if self._fresh is None:
            self._fresh = {}
        self._fresh[fact_id] = value
        self._hot.touched(self, len(self._read()))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def items(self) -> ItemsView[bytes, bytes]:
        return self._all().items()

    def values(self) -> ValuesView[bytes]:
        return self._all().values()


class Hot:
    """The encounters that were used last, so many that their facts in memory stay within a bound."""

    def __init__(self, most: int = HOT_FACTS) -> None:
        self._most = most
        self._facts = 0
        self._used: OrderedDict[int, tuple[ShelvedFacts, int]] = OrderedDict()  # by identity: the oldest first

    def touched(self, encounter: ShelvedFacts, facts: int) -> None:
        """An encounter with so many facts is used; the ones that were not for longest may be let go."""
        before = self._used.pop(id(encounter), None)
        self._used[id(encounter)] = (encounter, facts)
        self._facts += facts - (before[1] if before else 0)
        while self._facts > self._most and len(self._used) > 1:
            _, (oldest, number) = self._used.popitem(last=False)
            self._facts -= number
            oldest.cool()


class FactShelf:
    """Keeps the shelf at what the facts changelog says, partition by partition."""

    def __init__(self, applier: Applier, shelf: Shelf) -> None:
        self._applier = applier
        self._shelf = shelf
        self._topic = applier.topics.facts_changelog
        self._hot = Hot()
        applier.facts_of = self._facts_of

    def _facts_of(self, number: int) -> FactsOf:
        room = _room(number)
        return lambda who: ShelvedFacts(self._shelf, room, records.encounter_key(*who), self._hot)

    def load(self, number: int) -> int | None:
        """Take a partition up from the shelf; the offset of the changelog that it has come to, None for nothing."""
        self._shelf.open()
        room = _room(number)
        offset = self._shelf.offset(room)
        if offset is not None and number not in self._applier.partitions:
            partition = self._applier.partition(number)
            for key, value in self._shelf.under(room, _OTHER):
                partition.restore(key, value)
            for encounter, value in self._shelf.under(room, _STANDING):
                held = partition.held(Who(*records.split_encounter_key(encounter)))
                held.standing = _decode_standing(value)
                held.is_recovered = True
                cast(ShelvedFacts, held.facts).cool()
        return offset

    def start_anew(self, number: int) -> None:
        """What is here was made from a changelog that is no more."""
        self._applier.drop(number)
        self._shelf.empty(_room(number))

    def restored(self, number: int, changes: Iterable[tuple[bytes, bytes | None]], offset: int) -> None:
        """Keep what recovery has read up to this offset."""
        partition = self._applier.partition(number)
        changes = list(changes)
        self._keep(number, changes, _standings(partition, changes), offset)

    def after(self, written: Sequence[Record]) -> Callable[[Mapping[tuple[str, int], int]], None]:
        """What to do once these records are confirmed, given the last offset of each (topic, partition).

        Standings are taken as they are now: those that the records make, without what comes after.
        """
        by_partition: dict[int, list[tuple[bytes, bytes | None]]] = {}
        for record in written:
            if record.topic == self._topic and record.partition is not None:
                by_partition.setdefault(record.partition, []).append((record.key or b"", record.value))
        standings = {n: _standings(self._applier.partition(n), changes) for n, changes in by_partition.items()}

        def keep(offsets: Mapping[tuple[str, int], int]) -> None:
            for number, changes in by_partition.items():
                come_to = self._come_to(number, len(changes), offsets[self._topic, number])
                self._keep(number, changes, standings[number], come_to)

        return keep

    def _come_to(self, number: int, written: int, last: int) -> int | None:
        """The offset that the shelf has everything up to, after so many records of which the last has this offset.

        When somebody else wrote in between, who has the partition now or had it before, the shelf lacks that: it
        stays where it was, and recovery reads on from there.
        """
        before = self._shelf.offset(_room(number))
        return last if last == (-1 if before is None else before) + written else before

    def _keep(
        self,
        number: int,
        changes: Sequence[tuple[bytes, bytes | None]],
        standings: Iterable[tuple[bytes, bytes]],
        offset: int | None,
    ) -> None:
        placed = [((_OTHER if encounter_of(key) is None else _FACT) + key, value) for key, value in changes]
        self._shelf.keep(_room(number), [*placed, *standings], offset)
        partition = self._applier.partitions.get(number)
        if partition is None:
            return
        for key, _ in changes:
            encounter = encounter_of(key)
            held = None if encounter is None else _held(partition, encounter)
            if held is not None and isinstance(held.facts, ShelvedFacts):
                held.facts.settle(key.rpartition(records.SEPARATOR)[2])


def encounter_of(key: bytes) -> bytes | None:
    """The encounter's part of a fact's key; None for what is no fact of an encounter."""
    encounter, _, _ = key.rpartition(records.SEPARATOR)
    return encounter if records.SEPARATOR in encounter else None


def _held(partition: Partition, encounter: bytes) -> EncounterFacts | None:
    return partition.encounters.get(Who(*records.split_encounter_key(encounter)))


def _standings(partition: Partition, changes: Iterable[tuple[bytes, bytes | None]]) -> list[tuple[bytes, bytes]]:
    """The standings of the encounters whose facts these are."""
    touched = dict.fromkeys(encounter for key, _ in changes if (encounter := encounter_of(key)) is not None)
    found = ((encounter, _held(partition, encounter)) for encounter in touched)
    return [(_STANDING + key, _encode_standing(held.standing)) for key, held in found if held is not None]


def _room(number: int) -> bytes:
    return room_of(FACTS_TABLE, number)
