"""What travels and what is kept: facts, commands, closed encounters, claim lines and findings as JSON.

JSON, not MessagePack: the offsets of local times must survive, and a person with a topic browser must be able to
read it. Each kept record begins with the number of its layout, so that a later one can be told apart.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

import coding
from hl7_parsers.events import NOT_CODED, Message
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


Fact = MessageFact | CloseFact


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order to the partition that owns a patient, on `encounter.commands`."""

    command: str  # "close"
    patient: str  # "authority|id"
    encounter_id: str
    cause: str = "command"
    at: float = 0.0  # seconds since 1970


class ClosedEncounter(msgspec.Struct, frozen=True):
    """An encounter as it stood when it closed, or closed again after late news."""

    version: int  # the number of facts it rests on
    cause: str
    encounter: coding.Encounter


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
PROGRESS_KEY = b"progress"

encode = msgspec.json.Encoder().encode
decode_fact = msgspec.json.Decoder(Fact).decode
decode_command = msgspec.json.Decoder(Command).decode
decode_closed = msgspec.json.Decoder(ClosedEncounter).decode
decode_tally = msgspec.json.Decoder(Tally).decode
decode_progress = msgspec.json.Decoder(Progress).decode


def patient_key(authority: str, patient_id: str) -> str:
    """The routing key of a patient; "|" when there is none."""
    return f"{authority}|{patient_id}"


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


def close_fact_id(cause: str, standing: str) -> bytes:
    """Two workers that close the same encounter for the same cause write the same fact."""
    digest = hashlib.blake2b(f"{cause}\x1f{standing}".encode(), digest_size=8)
    return b"close-" + digest.hexdigest().encode()


def to_builtins(value: object) -> Any:
    """A frozen dataclass as what JSON knows, and gives back: lists, not tuples."""
    return msgspec.json.decode(encode(value))
