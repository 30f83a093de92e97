"""The kinds of findings: how much each matters and what it tells a person to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

from msgspec import Struct

from coding.claim import Severity, Status
from coding.errors import TableError
from coding.rules import read_toml

# Bound once: on Python 3.11 a member looked up on its class costs ten times as much.
HOLD = Status.HOLD


class Kind(Struct, frozen=True, gc=False):
    """A kind of finding."""

    severity: Severity
    text: str
    needs_line: bool = False  # says nothing where no line comes of the administration


LOOK = "The record carries a remark that has no description here; look at the record."
OF_TIMES = "TIME_"  # remarks about times hold, also those that nobody has described


@cache
def kinds() -> Mapping[str, Kind]:
    """Return every described kind.

    Raises:
        TableError: a row lacks its severity or text, or has an unknown field.
    """
    rows = read_toml("findings.toml")
    if any(not {"severity", "text"} <= set(row) <= {"severity", "text", "needs_line"} for row in rows.values()):
        raise TableError("findings.toml: every kind needs severity and text, and may have needs_line")
    return {
        kind: Kind(Severity(row["severity"]), row["text"], row.get("needs_line", False)) for kind, row in rows.items()
    }


@cache
def kind_named(kind: str) -> Kind:
    """Return what is known of a kind; an unknown one is still to be looked at."""
    unknown = Kind(Severity.HOLD if kind.startswith(OF_TIMES) else Severity.REVIEW, LOOK)
    return kinds().get(kind, unknown)


def is_holding(flags: tuple[str, ...]) -> bool:
    """Say whether any of the kinds holds a line."""
    return status_of(flags) is HOLD


def without_line(flags: Iterable[str]) -> list[str]:
    """Return the kinds that still say something where no line comes of the administration."""
    return [kind for kind in flags if not kind_named(kind).needs_line]


@lru_cache(maxsize=4096)
def status_of(flags: tuple[str, ...]) -> Status:
    """Return the status of a line with these kinds of findings: that of the worst."""
    severities = {kind_named(kind).severity for kind in flags}
    if Severity.HOLD in severities:
        return Status.HOLD
    return Status.REVIEW if Severity.REVIEW in severities else Status.READY
