"""The kinds of findings: how much each matters and what it tells a person to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from coding.claim import Severity, Status
from coding.errors import TableError
from coding.rules import read_toml

# Bound once: on Python 3.11 a member looked up on its class costs ten times as much.
READY = Status.READY


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding."""

    severity: Severity
    text: str


UNKNOWN_KIND = Kind(Severity.REVIEW, "The record carries a remark that has no description here; look at the record.")


@cache
def kinds() -> Mapping[str, Kind]:
    """Return every described kind.

    Raises:
        TableError: a row has other fields than severity and text.
    """
    rows = read_toml("findings.toml")
    if any(set(row) != {"severity", "text"} for row in rows.values()):
        raise TableError("findings.toml: every kind needs exactly severity and text")
    return {kind: Kind(Severity(row["severity"]), row["text"]) for kind, row in rows.items()}


def kind_named(kind: str) -> Kind:
    """Return what is known of a kind; an unknown one is still to be looked at."""
    return kinds().get(kind, UNKNOWN_KIND)


@cache
def holding() -> frozenset[str]:
    """Return the kinds that hold a line."""
    return frozenset(kind for kind, row in kinds().items() if row.severity is Severity.HOLD)


@cache
def informing() -> frozenset[str]:
    """Return the kinds that only inform."""
    return frozenset(kind for kind, row in kinds().items() if row.severity is Severity.NOTICE)


def status_of(flags: Iterable[str]) -> Status:
    """Return the status of a line with these kinds of findings."""
    status = READY
    for kind in flags:
        if kind in holding():
            return Status.HOLD
        if kind not in informing():
            status = Status.REVIEW
    return status
