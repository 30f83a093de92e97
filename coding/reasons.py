"""How each rule is told: the sentences of coding/data/reasons.toml, filled in for one line."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from msgspec import Struct

from coding.claim import Reason
from coding.errors import TableError
from coding.rules import read_toml
from coding.tables import engine_numbers


class Wording(Struct, frozen=True, gc=False):
    """A rule's sentence, with places for what it did, the switches that decided it, and its source."""

    rule: str
    text: str
    source: str
    said: dict[tuple[object, ...], Reason] = {}  # minutes and counts repeat: so do reasons

    def say(self, **done: object) -> Reason:
        """Return the reason as it stands on a line."""
        key = tuple(done.values())
        try:
            return self.said[key]
        except KeyError:
            reason = Reason(self.rule, self.text.format(**_with_hours(done)), self.source)
        if len(self.said) < engine_numbers()["answers_kept"]:
            self.said[key] = reason
        return reason


def _with_hours(done: Mapping[str, object]) -> Mapping[str, object]:
    """Return what a rule did; where it has minutes, also how many full hours they are and the rest of them."""
    minutes = done.get("minutes")
    return done if not isinstance(minutes, int) else {**done, "full": minutes // 60, "rest": minutes % 60}


@cache
def _rows() -> Mapping[str, Mapping[str, object]]:
    """Return the sentences by rule.

    Raises:
        TableError: a row lacks its text or source.
    """
    rows: Mapping[str, Mapping[str, object]] = read_toml("reasons.toml")
    for rule, row in rows.items():
        if not {"text", "source"} <= set(row) <= {"text", "source", "switches"}:
            raise TableError(f"reasons.toml {rule}: needs text and source, and may have switches")
    return rows


def wordings(switches: Mapping[str, object]) -> Mapping[str, Wording]:
    """Return every rule's wording under a policy: the switches a rule depends on stand behind its sentence."""
    return {rule: Wording(rule, _text(row, switches), str(row["source"])) for rule, row in _rows().items()}


def _text(row: Mapping[str, object], switches: Mapping[str, object]) -> str:
    """Return the sentence, with the switches behind it."""
    named = row.get("switches", [])
    assert isinstance(named, list)
    used = ", ".join(f"{name}={switches[name]}" for name in named)
    return f"{row['text']} [{used}]" if used else str(row["text"])
