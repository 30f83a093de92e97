"""The error tree of reading HL7. Every error says where and what to do, never what the field held.

HL7Error
├── UnreadableMessage   no MSH, or a header that cannot be read: nothing of it can be trusted
├── MissingPatient      no usable patient id: nobody to file it under
└── UnsupportedMessage  a message type that we do not code from: ignored, counted, not a fault
"""

from __future__ import annotations


class HL7Error(Exception):
    """A message that yields no events. `reason` is a stable id for counters, `place` is like "PID-3"."""

    def __init__(self, reason: str, place: str, advice: str, control_id: str = "") -> None:
        self.reason, self.place, self.advice, self.control_id = reason, place, advice, control_id
        message = f"message {control_id}: " if control_id else ""
        super().__init__(f"{message}{reason} at {place}: {advice}")


class UnreadableMessage(HL7Error):
    """It has no header that can be read."""


class MissingPatient(HL7Error):
    """It names no patient that it could be filed under."""


class UnsupportedMessage(HL7Error):
    """It is of a type that carries nothing to code."""
