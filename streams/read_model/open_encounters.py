"""What an encounter that is not closed yet would come to, coded as it stands for itself. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import coding
from streams.claims import Line, issue_version
from streams.records import ClosedEncounter, OpenEncounter


def would_come_to(
    opened: OpenEncounter, code: Callable[[coding.Encounter], coding.CodedEncounter]
) -> tuple[list[Line], list[Line]]:
    """Lines and findings by the names of the published contract, as if it closed when the snapshot was made.

    Encounters of the same day that it may share a claim with are not looked at: that is for its close.
    """
    closed = ClosedEncounter(opened.version, "", opened.encounter, resolved=opened.resolved, supplied=opened.supplied)
    at = datetime.fromtimestamp(opened.at, UTC).isoformat(timespec="milliseconds")
    issued = issue_version(closed, code(opened.encounter), None, at)
    return issued.lines, issued.findings
