"""The answer to a message: which code, and the ACK itself."""

from __future__ import annotations

import itertools
import os
from datetime import UTC, datetime

import hl7

from hl7_parsers import Peek

# ERR-3, table 0357.
_SEQUENCE = "100^Segment sequence error^HL70357"
_INTERNAL = "207^Application internal error^HL70357"
_WANTED = frozenset({"AL", "SU"})
_counter = itertools.count(1)
_process = f"{os.getpid():x}{int(datetime.now(UTC).timestamp()):x}"


def answer_code(peek: Peek) -> str:
    """AA in original mode, CA or AA in enhanced mode as MSH-15 and MSH-16 ask, "" when no answer is wanted.

    For a message that is stored. One without a readable header is AE: silence would have it sent for ever.
    """
    if not peek.is_readable:
        return "AE"
    if not peek.accept_ack and not peek.application_ack:
        return "AA"
    if peek.accept_ack in _WANTED:
        return "CA"
    return "AA" if peek.application_ack in _WANTED else ""


def acknowledgement(peek: Peek, code: str) -> bytes:
    """An ACK message for what `peek` saw, CR-terminated segments.

    python-hl7 makes it from a header of the values that an answer turns around; a stranger's delimiters and text
    never come back.
    """
    kind = _plain(peek.kind)
    now = datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")
    header = "|".join(
        [
            "MSH",
            "^~\\&",
            _plain(peek.application),
            _plain(peek.facility),
            "DRIPCODE",
            "",
            now,
            "",
            kind if "^" in kind else f"{kind}^",  # python-hl7 wants a trigger, if only an empty one
            _plain(peek.control_id),
            _plain(peek.processing_id) or "P",
            _plain(peek.version) or "2.5.1",
        ]
    )
    message = hl7.parse(header + "\r").create_ack(code, message_id=f"{_process}{next(_counter)}")
    message.assign_field(now, "MSH", 1, 7)  # its own is UTC and does not say so
    text = str(message)
    if code not in ("AA", "CA"):
        text += f"ERR|||{_INTERNAL if peek.is_readable else _SEQUENCE}|E\r"
    return text.encode()


def _plain(value: str) -> str:
    """A header's value without anything that would break out of a field; the component separator stays."""
    return "".join(c for c in value if c.isprintable() and c not in "|~\\&")
