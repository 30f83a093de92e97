"""Which answer a message gets: what is wrong with it, what the site says to that, and what the sender asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from hl7_parsers import HL7Error, MissingPatient, Peek, UnsupportedMessage
from streams import processing_id
from streams.settings import Settings

# What the site may say: take it, refuse it as an error of content, reject it, or close without a word.
ACCEPT: Final = "accept"
ERROR: Final = "error"
REJECT: Final = "reject"
CLOSE: Final = "close"

_LETTERS = {ACCEPT: "A", ERROR: "E", REJECT: "R"}
_CONDITIONS = frozenset({"AL", "NE", "ER", "SU"})


class Problem(NamedTuple):
    """What is wrong with a message: a stable id, the place in it ("PID-3"; "" for the whole), what to do."""

    reason: str
    place: str
    advice: str

    def __str__(self) -> str:
        return f"{self.reason} at {self.place}" if self.place else self.reason


NOT_STORED: Final = Problem("NOT_STORED", "", "the receiver cannot store messages now, send it again later")


def too_long(longest: int) -> Problem:
    return Problem("TOO_LONG", "", f"send messages of at most {longest} bytes")


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """What the site says to each kind of problem. See the settings of the same names."""

    not_stored: str = CLOSE
    too_long: str = REJECT
    unreadable: str = ERROR
    no_patient: str = ACCEPT
    not_coded: str = ACCEPT
    processing_ids: frozenset[str] = frozenset()  # taken here; empty: any

    @classmethod
    def of(cls, settings: Settings) -> AnswerPolicy:
        return cls(
            settings.ack_when_not_stored,
            settings.ack_when_too_long,
            settings.ack_when_unreadable,
            settings.ack_when_no_patient,
            settings.ack_when_not_coded,
            processing_id.ids_taken(settings),
        )

    def problem_of(self, peek: Peek) -> HL7Error | None:
        """What is wrong with a message, as the site sees it."""
        return processing_id.problem_of(peek, self.processing_ids)

    def says_to(self, problem: HL7Error | None) -> str:
        """What to say to a message that is stored; the worker makes a dead letter of it, or ignores it."""
        if problem is None:
            return ACCEPT
        if isinstance(problem, UnsupportedMessage):
            return self.not_coded
        return self.no_patient if has_no_patient(problem) else self.unreadable


def has_no_patient(problem: HL7Error) -> bool:
    """Whether it is for want of one patient that nothing will come of the message."""
    return isinstance(problem, MissingPatient) or problem.reason == "TWO_PATIENTS"


def answer_code(peek: Peek, verdict: str) -> str:
    """The code of an answer: A and the verdict's letter in original mode, in enhanced mode what MSH-15 or MSH-16 ask.

    "" when the sender wants no answer. One answer to a message and no more: an engine that gets a second one takes
    it for the answer to its next message. So where both are asked for, the accept acknowledgement alone is given.
    """
    letter = _LETTERS[verdict]
    accept, application = (each if each in _CONDITIONS else "" for each in (peek.accept_ack, peek.application_ack))
    if not accept and not application:
        return f"A{letter}"
    if _is_wanted(accept, verdict):
        return f"C{letter}"
    return f"A{letter}" if _is_wanted(application, verdict) else ""


def _is_wanted(condition: str, verdict: str) -> bool:
    """AL: always; SU: on success; ER: on an error or a rejection; NE, or nothing: never."""
    return condition in ("AL", "SU" if verdict == ACCEPT else "ER")
