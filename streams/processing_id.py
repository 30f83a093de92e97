"""Which messages are meant for this system at all: production, test or training (MSH-11, table 0103)."""

from __future__ import annotations

from collections.abc import Collection

from hl7_parsers import HL7Error, Peek, UnsupportedMessage
from streams.settings import Settings

REASON = "OTHER_PROCESSING_ID"


def ids_taken(settings: Settings) -> frozenset[str]:
    """The processing ids that the site takes; empty: any."""
    return frozenset(one.strip().upper() for one in settings.processing_ids.split(",") if one.strip())


def problem_of(peek: Peek, taken: Collection[str]) -> HL7Error | None:
    """What is wrong with a message: that it is meant for another system, else what its reader finds.

    One that does not say what it is for is taken: some senders leave the field empty on every message.
    """
    if taken and peek.is_readable and peek.processing_id and peek.processing_id.upper() not in taken:
        return UnsupportedMessage(REASON, "MSH-11", "send it to a system for tests or training", peek.control_id[:80])
    return peek.problem
