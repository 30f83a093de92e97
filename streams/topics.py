"""Every topic, in the order of the flow."""

from __future__ import annotations

from dataclasses import dataclass

from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Topics:
    """Names with the site's prefix, in flow order; all have the same number of partitions."""

    inbound: str  # key patient, value the message as received
    commands: str  # key patient, value a command
    events: str  # key patient, value an event; only with publish_events
    closed: str  # key patient, value the encounter, version
    open: str  # key patient, value an encounter that is still open; for the read model
    claim_lines: str  # key encounter, value a claim line
    worklist: str  # key encounter, value a finding
    dead_letter: str  # key as inbound, value the message as received
    replays: str  # key a dead letter's id, value the note that it was sent again
    facts_changelog: str  # compacted: the facts table
    claim_sets_changelog: str  # compacted: the claim sets table

    def compacted(self) -> tuple[str, ...]:
        return self.facts_changelog, self.claim_sets_changelog

    def plain(self) -> tuple[str, ...]:
        return (
            self.inbound,
            self.commands,
            self.events,
            self.closed,
            self.open,
            self.claim_lines,
            self.worklist,
            self.dead_letter,
            self.replays,
        )


FACTS_TABLE = "facts"
CLAIM_SETS_TABLE = "claim-sets"


def app_id(settings: Settings) -> str:
    """The application's (and consumer group's) name."""
    return f"{settings.topic_prefix}dripcode"


def topics_of(settings: Settings) -> Topics:
    prefix, app = settings.topic_prefix, app_id(settings)
    return Topics(
        inbound=f"{prefix}hl7.inbound",
        commands=f"{prefix}encounter.commands",
        events=f"{prefix}medication.events",
        closed=f"{prefix}encounters.closed",
        open=f"{prefix}encounters.open",
        claim_lines=f"{prefix}claim.lines",
        worklist=f"{prefix}coding.worklist",
        dead_letter=f"{prefix}hl7.dead-letter",
        replays=f"{prefix}hl7.dead-letter.replays",
        facts_changelog=f"{app}-{FACTS_TABLE}-changelog",
        claim_sets_changelog=f"{app}-{CLAIM_SETS_TABLE}-changelog",
    )
