"""What the listener counts for each sender: messages, when the last came, gaps in its sequence numbers (MSH-13)."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

from hl7_parsers import Peek

# A sender names itself, so its name is a label only while it looks like a name, and only so many are.
_NAME = re.compile(r"[\w.&^|/ -]{1,64}", re.ASCII)
_SOURCES_MOST = 100
OTHER = "other"


def source_label(application: str, facility: str) -> str:
    """APPLICATION|FACILITY as a label, or `other`."""
    name = f"{application}|{facility}"
    return name if _NAME.fullmatch(name) else OTHER


@dataclass(slots=True)
class _Source:
    messages: Counter
    last: Gauge
    gaps: Counter
    sequence: int = 0  # the last number that was used; 0 when none was


class Sources:
    """One per listener."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._messages = Counter(
            "dripcode_mllp_source_messages", "Messages appended, by sender (MSH-3|4)", ["source"], registry=registry
        )
        self._last = Gauge(
            "dripcode_mllp_source_last_message_timestamp_seconds",
            "When a sender's last message came",
            ["source"],
            registry=registry,
        )
        self._gaps = Counter(
            "dripcode_mllp_source_sequence_gaps",
            "Numbers that a sender passed over, where it numbers its messages (MSH-13)",
            ["source"],
            registry=registry,
        )
        self._known: dict[str, _Source] = {}

    def stored(self, peek: Peek) -> None:
        """Count a message that was appended."""
        source = self._of(source_label(peek.application, peek.facility))
        source.messages.inc()
        source.last.set(time.time())
        if peek.sequence.isdecimal():
            number = int(peek.sequence)
            if source.sequence and number > source.sequence + 1:
                source.gaps.inc(number - source.sequence - 1)
            source.sequence = number

    def _of(self, name: str) -> _Source:
        known = self._known.get(name)
        if known is None:
            name = name if len(self._known) < _SOURCES_MOST else OTHER
            of_source = _Source(self._messages.labels(name), self._last.labels(name), self._gaps.labels(name))
            known = self._known.setdefault(name, of_source)
        return known
