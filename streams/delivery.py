"""One frame: the message or batch in it, what of it is to be stored, and the answer it gets."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import hl7_parsers
from hl7_parsers import Peek
from streams.acknowledge import acknowledgement, batch_acknowledgement
from streams.answers import CLOSE, NOT_STORED, AnswerPolicy, Problem, answer_code, has_no_patient, too_long
from streams.append_queue import AppendQueue, Fate
from streams.embedded.records import Record
from streams.identity import patient_key
from streams.metrics import ListenerMetrics
from streams.mllp import TooLong

_LINE_END = re.compile(rb"[\r\n]")
_TRAILER = re.compile(rb"(?:^|[\r\n])BTS(?:[^A-Za-z0-9\s](\d*))?")


@dataclass(frozen=True, slots=True)
class Desk:
    """What every connection works with."""

    topic: str
    queue: AppendQueue
    metrics: ListenerMetrics
    policy: AnswerPolicy
    longest_message: int

    async def store(self, parts: Sequence[Part]) -> list[Fate]:
        """Store what there is to store, in order."""
        records = [part.record for part in parts if part.record is not None]
        return await self.queue.store(records) if records else []


@dataclass(slots=True)
class Part:
    """One message: what a glance at it shows, and what is to be stored (None: too long for that)."""

    peek: Peek
    record: Record | None
    fate: Fate = Fate.TOO_LARGE

    def verdict(self, desk: Desk) -> str:
        """What the site says to it, now that its fate is known."""
        if self.fate is Fate.TOO_LARGE:
            return desk.policy.too_long
        if self.fate is Fate.STORED:
            return desk.policy.says_to(desk.policy.problem_of(self.peek))
        said = desk.policy.not_stored
        # A sender that asked for no such answer would take silence on an open connection for success.
        return said if said == CLOSE or answer_code(self.peek, said) else CLOSE

    def problem(self, desk: Desk) -> Problem | None:
        """What is wrong with it; None when nothing is."""
        if self.fate is Fate.TOO_LARGE:
            return too_long(desk.longest_message)
        if self.fate is Fate.NOT_STORED:
            return NOT_STORED
        wrong = desk.policy.problem_of(self.peek)
        return Problem(wrong.reason, wrong.place, wrong.advice) if wrong else None

    def answer(self, desk: Desk) -> bytes:
        """Its acknowledgement; b"" when the sender wants none."""
        code = answer_code(self.peek, self.verdict(desk))
        desk.metrics.acknowledgements.labels(code or "none").inc()
        if self.fate is Fate.STORED:
            desk.metrics.received.labels(_kind(self.peek)).inc()
            desk.metrics.sources.stored(self.peek)
        return acknowledgement(self.peek, code, self.problem(desk)) if code else b""


@dataclass(slots=True)
class Delivery:
    """The messages of one frame. `envelope` is the header of a batch, read as if it were an MSH."""

    parts: list[Part]
    envelope: Peek | None = None
    has_file_header: bool = False
    remark: str = ""  # what is odd about the batch

    def answer(self, desk: Desk) -> bytes:
        """One acknowledgement, or for a batch a batch of them; b"" when none is wanted."""
        answers = [answer for part in self.parts if (answer := part.answer(desk))]
        if self.envelope is None or not answers:
            return b"".join(answers)
        return batch_acknowledgement(self.envelope, answers, has_file_header=self.has_file_header)


def delivered(content: bytes, desk: Desk) -> Delivery:
    """What a frame holds: a message as it is, or the messages of a batch (FHS, BHS), each for itself."""
    if isinstance(content, TooLong):
        return Delivery([Part(hl7_parsers.peek(content), None)])
    head = content[:64].lstrip(b"\r\n \x00")[:3]
    if head in (b"FHS", b"BHS"):
        messages = [raw.text for raw in hl7_parsers.split_messages(content)]
        if messages:
            line = _LINE_END.split(content.lstrip(b"\r\n \x00"), maxsplit=1)[0]
            envelope = hl7_parsers.peek(b"MSH" + line[3:])
            parts = [_part(message, desk.topic) for message in messages]
            return Delivery(parts, envelope, head == b"FHS", _remark(content, len(messages)))
    return Delivery([_part(content, desk.topic)])


def _part(message: bytes, topic: str) -> Part:
    peek = hl7_parsers.peek(message)
    return Part(peek, record_of(peek, message, topic), Fate.NOT_STORED)


def record_of(peek: Peek, message: bytes, topic: str, received_at: float | None = None) -> Record:
    """The record of a message on the inbound topic. `received_at` in seconds since 1970; None means now."""
    received_at = time.time() if received_at is None else received_at
    headers = (
        ("control_id", peek.control_id.encode()),
        ("type", peek.kind.encode()),
        ("source", f"{peek.application}|{peek.facility}".encode()),
        ("received_at", f"{received_at:.3f}".encode()),
    )
    return Record(topic, patient_key(peek.patient_authority, peek.patient_id).encode(), message, headers=headers)


def _remark(batch: bytes, messages: int) -> str:
    """BTS-1 is wrong often enough not to refuse a batch for it, and a batch without its end may have lost some."""
    trailers = _TRAILER.findall(batch)
    if not trailers:
        return f"a batch of {messages} messages has no BTS: it may be cut"
    told = [int(count) for count in trailers if count]
    return f"a batch of {messages} messages says {sum(told)} in BTS-1" if told and sum(told) != messages else ""


def _kind(peek: Peek) -> str:
    """The type for a counter: never a name that a stranger chose."""
    if not peek.is_readable:
        return "unreadable"
    is_known = peek.problem is None or has_no_patient(peek.problem)
    return peek.kind if is_known else "other"
