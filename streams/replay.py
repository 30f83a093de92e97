"""Dead letters as they stand on the broker, what became of those that were sent again, and sending them again."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

import hl7_parsers
from streams.append_queue import Appender
from streams.dead_letters import Origin, Tries, Why
from streams.delivery import record_of
from streams.embedded.records import Position, Record, StoredRecord
from streams.reading import Reader
from streams.topics import Topics

# How a dead letter stands.
OPEN: Final = "open"
SENT: Final = "sent"  # sent again, and the worker has not come to it yet
REPLAYED: Final = "replayed"
FAILED: Final = "failed"  # sent again and dead again: another letter stands for it now
STATES: Final = (OPEN, SENT, REPLAYED, FAILED)

_CHUNK = 100


class Replay(msgspec.Struct, frozen=True):
    """A note that a dead letter was sent again, on `hl7.dead-letter.replays`; key and `letter` are its id."""

    letter: str
    topic: str
    partition: int
    offset: int
    at: float  # seconds since 1970
    by: str  # the user of the machine
    is_replaced: bool  # with other content than the letter's

    @property
    def place(self) -> Origin:
        """Where it lies now."""
        return Origin(self.topic, self.partition, self.offset)


_decode = msgspec.json.Decoder(Replay).decode


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter."""

    partition: int
    offset: int
    at: float  # when it was put aside, seconds since 1970
    key: bytes
    value: bytes
    why: Why
    origin: Origin
    tries: Tries

    @property
    def id(self) -> str:
        """Where it lies on the dead-letter topic: "PARTITION@OFFSET"."""
        return f"{self.partition}@{self.offset}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a letter stands: its state, the last time it was sent again, and the letter that stands for it now."""

    state: str
    replay: Replay | None = None
    successor: Letter | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """Every dead letter in order of arrival, by partition, and how each stands."""

    letters: tuple[Letter, ...]
    standings: Mapping[str, Standing]

    def standing(self, letter: Letter) -> Standing:
        return self.standings[letter.id]


async def read_shelf(reader: Reader, topics: Topics) -> Shelf:
    """Read all dead letters and the notes of replays, and ask how far the worker is."""
    letters = tuple(_letter(record) for record in await reader.new(topics.dead_letter))
    replays: dict[str, Replay] = {}
    for record in await reader.new(topics.replays):
        replay = _decode(record.value or b"")
        if replay.letter not in replays or replays[replay.letter].at <= replay.at:
            replays[replay.letter] = replay
    done = {topic: await reader.committed(topic) for topic in {replay.topic for replay in replays.values()}}
    by_origin = {letter.origin: letter for letter in letters}
    return Shelf(letters, {letter.id: _standing(replays.get(letter.id), by_origin, done) for letter in letters})


def _standing(
    replay: Replay | None, by_origin: Mapping[Origin, Letter], done: Mapping[str, Mapping[int, int]]
) -> Standing:
    if replay is None:
        return Standing(OPEN)
    successor = by_origin.get(replay.place)
    if successor is not None:
        return Standing(FAILED, replay, successor)
    return Standing(REPLAYED if done[replay.topic].get(replay.partition, 0) > replay.offset else SENT, replay)


def _letter(record: StoredRecord) -> Letter:
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    return Letter(
        partition=record.partition,
        offset=record.offset,
        at=record.timestamp_ms / 1000,
        key=record.key or b"",
        value=record.value or b"",
        why=Why(headers.get("reason", ""), headers.get("where", "")),
        origin=Origin(headers.get("topic", ""), int(headers.get("partition", 0)), int(headers.get("offset", 0))),
        tries=Tries(
            float(headers.get("received_at", 0)) or record.timestamp_ms / 1000,
            headers.get("replayed_from", ""),
            int(headers.get("replays", 0)),
        ),
    )


class CannotReplay(Exception):
    """A letter that cannot be sent again; the message says which and why."""


def replayed_record(letter: Letter, topics: Topics, content: bytes | None = None) -> Record:
    """The letter as it goes back to the topic that it came from; `content` in place of its own (HL7 alone).

    Raises CannotReplay.
    """
    tries = Tries(letter.tries.received_at, letter.id, letter.tries.replays + 1)
    if letter.origin.topic == topics.inbound:
        value = letter.value if content is None else content
        # The key anew: other content, or a better reader, may have another patient.
        record = record_of(hl7_parsers.peek(value), value, topics.inbound, tries.received_at)
        return Record(record.topic, record.key, record.value, headers=(*record.headers, *tries.headers()))
    if letter.origin.topic not in (topics.commands, topics.closed):
        raise CannotReplay(f"{letter.id}: it came from {letter.origin.topic}, which is none of this site's topics")
    if content is not None:
        raise CannotReplay(f"{letter.id}: only a message of {topics.inbound} can be replaced")
    return Record(letter.origin.topic, letter.key, letter.value, headers=tries.headers())


async def replay(
    letters: Sequence[Letter], topics: Topics, appender: Appender, content: bytes | None = None
) -> tuple[list[Replay], list[str]]:
    """Send letters again; notes of those sent, and why each of the others was not.

    The note is written after the message is confirmed: a crash between leaves the letter open, and the message, sent
    once more, is a duplicate.
    """
    notes: list[Replay] = []
    problems: list[str] = []
    for start in range(0, len(letters), _CHUNK):
        chunk = letters[start : start + _CHUNK]
        places = await appender.append([replayed_record(letter, topics, content) for letter in chunk])
        sent = []
        for letter, place in zip(chunk, places, strict=True):
            if isinstance(place, Position):
                sent.append(_note(letter, place, is_replaced=content is not None))
            else:
                problems.append(f"{letter.id}: the broker refused it: {type(place).__name__}")
        await _note_down(sent, topics, appender)
        notes += sent
    return notes, problems


def _note(letter: Letter, place: Position, *, is_replaced: bool) -> Replay:
    topic, (partition, offset) = letter.origin.topic, place
    return Replay(letter.id, topic, partition, offset, time.time(), _user(), is_replaced)


async def _note_down(notes: Iterable[Replay], topics: Topics, appender: Appender) -> None:
    records = [Record(topics.replays, note.letter.encode(), msgspec.json.encode(note)) for note in notes]
    for place in await appender.append(records) if records else ():
        if isinstance(place, Exception):
            raise place


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
