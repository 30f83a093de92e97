"""What travels and what is kept: facts, commands, closed encounters, claim lines and findings as JSON.

JSON, not MessagePack: the offsets of local times must survive, and a person with a topic browser must be able to
read it. Each kept record begins with the number of its layout, so that a later one can be told apart.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

import coding
from hl7_parsers.events import NOT_CODED, Message
from streams.identity import Merge
from streams.progress import Progress

LAYOUT = 1
SEPARATOR = b"\x1f"


class MessageFact(msgspec.Struct, frozen=True, array_like=True, tag="message"):
    """What one message says about one encounter. Immutable: written again, it is the same."""

    layout: int
    received_at: float  # seconds since 1970, by the listener's clock
    message: Message


class CloseFact(msgspec.Struct, frozen=True, array_like=True, tag="close"):
    """The encounter was closed. `standing` is the key of the ADT news that the decision rests on."""

    layout: int
    received_at: float
    cause: str  # discharge, quiet, age, command, cancelled
    standing: str
    day: str = ""  # of a series account: the date of service that was closed; "" for all of it
    who: str = ""
    why: str = ""


class WordFact(msgspec.Struct, frozen=True, array_like=True, tag="word"):
    """A person had the encounter opened again, or coded again. `standing` is the close that it answers."""

    layout: int
    received_at: float
    word: str  # reopen, recode
    standing: str
    who: str
    why: str
    day: str = ""


class DocumentFact(msgspec.Struct, frozen=True, array_like=True, tag="document"):
    """What a person documents afterwards: the stop of an administration, or what became of a finding."""

    layout: int
    received_at: float
    who: str
    why: str
    administration_id: str = ""
    stop: datetime | None = None
    finding_id: str = ""
    day: str = ""


class HandedFact(msgspec.Struct, frozen=True, array_like=True, tag="handed"):
    """What was issued as an encounter of this identity goes by another; its last set was void and of this version."""

    layout: int
    received_at: float
    version: int
    patient: str
    encounter_id: str


class PastFact(msgspec.Struct, frozen=True, array_like=True, tag="past"):
    """What is left of an identity of an encounter that closed long ago, in place of its facts: their ids, and what
    decides that it is closed. So late news is late, and a message that comes again a duplicate."""

    layout: int
    received_at: float  # of the last message
    facts: tuple[str, ...]  # the ids of all that it stands for, in order
    messages: int
    first_received: float
    status: tuple[str, str, float]  # these as in close.Standing
    reopened: str
    reopened_at: float
    closed: tuple[str, str] | None
    first_closed: float | None
    handed: tuple[int, str, str]
    given: tuple[float, float] | None


class MergeFact(msgspec.Struct, frozen=True, array_like=True, tag="merge"):
    """Two identities are one. Kept for itself: it may be about any number of encounters."""

    layout: int
    received_at: float
    merge: Merge


Fact = MessageFact | CloseFact | WordFact | DocumentFact | HandedFact | PastFact


class Handed(msgspec.Struct, frozen=True, array_like=True):
    """A fact on its way to the partition of another patient, with the key it has everywhere."""

    patient: str
    encounter_id: str
    fact_id: str
    fact: msgspec.Raw


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order to the partition that owns a patient, on `encounter.commands`."""

    # close, reopen, recode, document; look: at an open encounter; transfer: merges and facts of other identities;
    # forget: facts past their age
    command: str
    patient: str  # "authority|id"
    encounter_id: str = ""
    cause: str = "command"
    at: float = 0.0  # seconds since 1970
    who: str = ""
    why: str = ""
    administration_id: str = ""
    stop: datetime | None = None
    finding_id: str = ""
    merges: tuple[Merge, ...] = ()
    facts: tuple[Handed, ...] = ()


class Said(msgspec.Struct, frozen=True):
    """What a person said of a finding, or of the stop of an administration."""

    about: str
    who: str
    why: str


class ClosedEncounter(msgspec.Struct, frozen=True):
    """An encounter as it stood when it closed, or closed again after late news."""

    version: int  # the number of facts it rests on, and more than any version issued under another identity
    cause: str
    encounter: coding.Encounter
    is_emptied: bool = False  # everything of it goes by another identity now: what was issued is void
    is_past: bool = False  # closed for so long that a change is a finding, and no claim
    follows: tuple[int, str] = (0, "")  # version and id of the void set that was its last under another identity
    beside: tuple[coding.Encounter, ...] = ()  # the patient's other closed encounters of the same dates
    resolved: tuple[Said, ...] = ()  # of findings, in order of time
    supplied: tuple[Said, ...] = ()  # of administrations, in order of time


class OpenEncounter(msgspec.Struct, frozen=True):
    """An encounter as it stood while it was open."""

    version: int  # as of a closed one: less than that of its close
    encounter: coding.Encounter
    at: float  # seconds since 1970
    after: str = ""  # the close before which it was opened again; "" when it never closed
    is_emptied: bool = False  # everything of it goes by another identity now
    resolved: tuple[Said, ...] = ()  # of findings, in order of time
    supplied: tuple[Said, ...] = ()  # of administrations, in order of time


class Tally(Progress, omit_defaults=True):
    """What became of a partition's inbound messages: received = applied + duplicate + dead + ignored.

    Kept beside the facts, in the same record batch, with the next offset to count: a message read twice is
    counted once.
    """

    applied: int = 0
    replayed: int = 0  # of the received, how many were dead letters sent again
    duplicate: int = 0
    dead: dict[str, int] = msgspec.field(default_factory=dict)
    ignored: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def received(self) -> int:
        """Everything that was received, by what became of it."""
        return self.applied + self.duplicate + sum(self.dead.values()) + sum(self.ignored.values())

    def count(self, outcome: str, reason: str = "") -> None:
        """Count one message; outcome is applied, duplicate, dead or ignored."""
        if outcome in ("applied", "duplicate"):
            setattr(self, outcome, getattr(self, outcome) + 1)
        else:
            reasons: dict[str, int] = getattr(self, outcome)
            reasons[reason] = reasons.get(reason, 0) + 1

    def add(self, other: Tally) -> None:
        """Take another partition's figures in."""
        self.applied += other.applied
        self.replayed += other.replayed
        self.duplicate += other.duplicate
        for mine, theirs in ((self.dead, other.dead), (self.ignored, other.ignored)):
            for reason, number in theirs.items():
                mine[reason] = mine.get(reason, 0) + number


TALLY_KEY = b"tally"
MERGE_KEY = b"merge"
PROGRESS_KEY = b"progress"

encode = msgspec.json.Encoder().encode
decode_fact = msgspec.json.Decoder(Fact).decode
# The same for facts that are likely to be asked for again: news of a closed encounter folds all its facts anew. About
# 5 KB each.
recall_fact = lru_cache(maxsize=20_000)(decode_fact)
decode_merge = msgspec.json.Decoder(MergeFact).decode
decode_command = msgspec.json.Decoder(Command).decode
decode_closed = msgspec.json.Decoder(ClosedEncounter).decode
decode_open = msgspec.json.Decoder(OpenEncounter).decode
decode_tally = msgspec.json.Decoder(Tally).decode
decode_progress = msgspec.json.Decoder(Progress).decode


def encounter_key(patient: str, encounter_id: str) -> bytes:
    """The encounter's part of a fact's key."""
    return patient.encode() + SEPARATOR + encounter_id.encode()


def split_encounter_key(key: bytes) -> tuple[str, str]:
    """Patient key and encounter id."""
    patient, _, encounter_id = key.partition(SEPARATOR)
    return patient.decode(), encounter_id.decode()


def is_for_encounter(message: Message) -> bool:
    """Whether a message says anything that its encounter is made of."""
    return any(not isinstance(event, NOT_CODED) for event in message.events)


def why_ignored(message: Message) -> str:
    """Why a message that was read makes no fact: what the reader remarked, else that it says nothing to code."""
    if message.events:
        return "SUPPLY_ONLY"
    return message.remarks[0].id if message.remarks else "NOTHING_TO_CODE"


def message_fact_id(message: Message, raw: bytes) -> bytes:
    """Sender, control id and content: the same message has the same id, wherever and whenever it is read."""
    header = message.header
    digest = hashlib.blake2b(raw, digest_size=12)
    digest.update(f"\x1f{header.application}\x1f{header.facility}\x1f{header.control_id}".encode())
    return digest.hexdigest().encode()


def close_fact_id(cause: str, standing: str, day: str = "") -> bytes:
    """Two workers that close the same encounter for the same cause write the same fact."""
    digest = hashlib.blake2b(f"{cause}\x1f{standing}\x1f{day}".encode(), digest_size=8)
    return b"close-" + digest.hexdigest().encode()


def merge_fact_id(merge: Merge) -> bytes:
    """The same merge told by several messages, or handed on by several partitions, is one fact."""
    return hashlib.blake2b(encode(merge), digest_size=12).hexdigest().encode()


def command_fact_id(raw: bytes, day: str = "") -> bytes:
    """A person's command read twice is one fact, for each date of a series account that it is about."""
    return b"command-" + hashlib.blake2b(raw + day.encode(), digest_size=12).hexdigest().encode()


def handed_fact_id(fact: HandedFact) -> bytes:
    return b"handed-" + hashlib.blake2b(encode(fact), digest_size=12).hexdigest().encode()


PAST_ID = b"past-"


def past_fact_id(fact: PastFact) -> bytes:
    """Two workers that let go of the same facts write the same fact."""
    return PAST_ID + hashlib.blake2b(encode(fact.facts), digest_size=12).hexdigest().encode()


def emptied_set_id(encounter: bytes) -> str:
    """The id of the void set that ends an encounter's own sets."""
    return hashlib.blake2b(b"emptied\x1f" + encounter, digest_size=12).hexdigest()


def late_finding_id(claim_set_id: str) -> str:
    """The id of the finding that this set was not issued any more."""
    return hashlib.blake2b(b"late\x1f" + claim_set_id.encode(), digest_size=10).hexdigest()


def to_builtins(value: object) -> Any:
    """A frozen dataclass as what JSON knows, and gives back: lists, not tuples."""
    return msgspec.json.decode(encode(value))
