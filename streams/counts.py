"""What one batch of messages did, for metrics."""

from __future__ import annotations

from dataclasses import dataclass, field

from hl7_parsers.events import AdministrationEvent, Message


@dataclass(slots=True)
class Counts:
    """What one batch did, for metrics: outcomes by (outcome, reason), closings by cause; durations in seconds."""

    received: int = 0
    outcomes: dict[tuple[str, str], int] = field(default_factory=dict)
    closings: dict[str, int] = field(default_factory=dict)
    received_at: list[float] = field(default_factory=list)  # of the messages applied, seconds since 1970
    given_to_charted: list[float] = field(default_factory=list)
    charted_to_received: list[float] = field(default_factory=list)
    newest_charted: float = 0.0  # seconds since 1970
    closed_after: list[float] = field(default_factory=list)  # from an encounter's last message to its close

    def outcome(self, outcome: str, reason: str = "") -> None:
        self.outcomes[outcome, reason] = self.outcomes.get((outcome, reason), 0) + 1

    def applied(self, message: Message, received_at: float) -> None:
        """Note when what a message tells of was given, charted and received, by its first event."""
        self.received_at.append(received_at)
        event = message.events[0]
        entered = event.entered or message.header.time
        if entered is None:
            return
        charted = entered.at.timestamp()
        self.charted_to_received.append(received_at - charted)
        self.newest_charted = max(self.newest_charted, charted)
        if isinstance(event, AdministrationEvent) and event.at is not None:
            self.given_to_charted.append(charted - event.at.at.timestamp())
