"""The text of an answer: MSH and MSA, an ERR where something is wrong, and the envelope of a batch's answers."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import hl7

from hl7_parsers import Peek
from streams.answers import Problem

# ERR-3 (ERR-1.4 up to v2.4), table 0357, by reason.
_SEQUENCE = ("100", "Segment sequence error")
_REQUIRED = ("101", "Required field missing")
_CODES: Final = {
    "NO_HEADER": _SEQUENCE,
    "TWO_HEADERS": _SEQUENCE,
    "TWO_PATIENTS": _SEQUENCE,
    "NO_TYPE": _REQUIRED,
    "NO_PATIENT": _REQUIRED,
    "DELIMITERS": ("102", "Data type error"),
    "TYPE_NOT_CODED": ("200", "Unsupported message type"),
    "TRIGGER_NOT_CODED": ("201", "Unsupported event code"),
    "OTHER_PROCESSING_ID": ("202", "Unsupported processing id"),
}
_INTERNAL: Final = ("207", "Application internal error")
_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})(?:\[(\d+)\])?(?:-(\d+)(?:\.(\d+))?)?")
# What the library puts in is replaced by what differs from answer to answer; no header's value holds a NUL.
_TIME, _ID, _ABOUT, _CODE = "\0T", "\0I", "\0A", "\0C"

# Unique over processes, hosts and restarts, within the 20 characters of MSH-10 up to v2.6.
_process = secrets.token_hex(4).upper()
_counter = itertools.count(1)


def next_id() -> str:
    """A control id that no other answer has."""
    return f"{_process}{next(_counter):08d}"


def acknowledgement(peek: Peek, code: str, problem: Problem | None = None) -> bytes:
    """An answer to what `peek` saw, CR-terminated segments, in the character set that the message came in.

    `problem` is told in MSA-3 and ERR unless the code accepts. Names of systems are turned around; nothing else of
    the message comes back but its control id, its processing id and its version.
    """
    now = datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")
    text = _template(
        tuple(map(_plain, peek.sender)),
        tuple(map(_plain, peek.receiver)),
        _plain(peek.kind),
        _plain(peek.processing_id) or "P",
        _plain(peek.version) or "2.5.1",
        _declared(peek),
    )
    text = text.replace(_TIME, now).replace(_ID, next_id()).replace(_CODE, code)
    told = problem is not None and not code.endswith("A")
    text = text.replace(_ABOUT, _one_line(peek.echo_id) + (f"|{problem}" if told else ""))
    if told and problem is not None:
        text += _error(problem, peek.version)
    return text.encode(_codec(peek), "replace")


@lru_cache(maxsize=512)
def _template(  # noqa: PLR0913, PLR0917 - the fields of a header
    sender: Sequence[str], receiver: Sequence[str], kind: str, processing_id: str, version: str, charset: str
) -> str:
    """What python-hl7 makes of a header with these values; it takes 0.1 ms, so once for each kind of message."""
    header = "|".join(
        [
            "MSH",
            "^~\\&",
            *sender,
            receiver[0] or "DRIPCODE",
            receiver[1],
            _TIME,
            "",
            kind if "^" in kind else f"{kind}^",  # it wants a trigger, if only an empty one
            _ABOUT,
            processing_id,
            version,
        ]
    )
    message = hl7.parse(header + "\r").create_ack(_CODE, message_id=_ID)
    message.assign_field(_TIME, "MSH", 1, 7)  # its own is UTC and does not say so
    if not kind.partition("^")[2]:
        message.assign_field("ACK", "MSH", 1, 9)
    if charset:
        message.assign_field(charset, "MSH", 1, 18)
    return str(message)


def _error(problem: Problem, version: str) -> str:
    number, meaning = _CODES.get(problem.reason, _INTERNAL)
    found = _PLACE.fullmatch(problem.place)
    segment, repetition, field, component = found.groups() if found else ("", None, None, None)
    where = [segment, repetition or "1", field or ""] if segment else ["", "", ""]
    if _is_before_2_5(version):
        return f"ERR|{'^'.join(where)}^{number}&{meaning}&HL70357\r"
    location = "^".join([*where, "1", component] if component else where).rstrip("^")
    return f"ERR||{location}|{number}^{meaning}^HL70357|E|{problem.reason}|||{problem.advice}\r"


def _is_before_2_5(version: str) -> bool:
    found = re.match(r"2\.(\d+)", version)
    return found is not None and int(found[1]) < 5


def batch_acknowledgement(envelope: Peek, answers: Sequence[bytes], *, has_file_header: bool) -> bytes:
    """The answers to a batch, in a batch of their own. `envelope` is what its header says, read as if it were an MSH.

    The reference to the batch received is in BHS-12 (FHS-12).
    """
    sender, receiver = (list(map(_plain, names)) for names in (envelope.sender, envelope.receiver))
    now = datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")
    # BHS-11 of what came stands where MSH-11 does.
    about = _plain(envelope.processing_id)
    fields = ["^~\\&", receiver[0] or "DRIPCODE", receiver[1], *sender, now, "", "", "", next_id(), about]
    header = "|".join(fields)
    inner = f"BHS|{header}\r".encode() + b"".join(answers) + f"BTS|{len(answers)}\r".encode()
    return f"FHS|{header}\r".encode() + inner + b"FTS|1\r" if has_file_header else inner


def _declared(peek: Peek) -> str:
    """MSH-18 of the answer: what the message declared, where the answer is written in it."""
    return "UNICODE UTF-8" if peek.charset.startswith("utf-16") else _plain(peek.declared_charset)


def _codec(peek: Peek) -> str:
    return "utf-8" if not peek.charset or peek.charset.startswith("utf-16") else peek.charset


def _one_line(value: str) -> str:
    return "".join(c for c in value if c.isprintable() and c != "|")


def _plain(value: str) -> str:
    """A header's value without anything that would break out of a field; the component separator stays."""
    return "".join(c for c in value if c.isprintable() and c not in "|~\\&")
