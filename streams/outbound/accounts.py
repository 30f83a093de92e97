"""What stands of an encounter's charges, folded from the lines of its claim sets; what a destination must learn. Pure.

Only whole versions count: a version is whole when `line_count` of its lines are there. Versions that come late, twice
or not at all are harmless: what is told is the difference between what stands and what was told before.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from streams.formats.charge import Charge, Line, News, short_id


class Held(msgspec.Struct, array_like=True):
    """A line that stands; `time` counts how often it has begun to: made, taken back and made again are two charges."""

    time: int
    line: Line


class Account(msgspec.Struct):
    """One encounter at one destination. `told` is what the destination was told that stands."""

    version: int = 0  # the newest whole one
    standing: dict[str, Held] = msgspec.field(default_factory=dict)
    told: dict[str, Held] = msgspec.field(default_factory=dict)
    times: dict[str, int] = msgspec.field(default_factory=dict)
    parts: dict[int, dict[int, Line]] = msgspec.field(default_factory=dict)  # of versions that are not whole yet
    waits: bool = (
        False  # the newest version has lines of other statuses, and is wanted with all its lines or not at all
    )

    def take(self, line: Line, statuses: Collection[str], *, all_or_none: bool = False) -> bool:
        """Take a line in; True when it made a version whole that is newer than the newest. Others change nothing.

        `all_or_none`: a version with a line of another status changes nothing of what stands.
        """
        version = line["claim_set_version"]
        if version <= self.version:
            return False
        parts = self.parts.setdefault(version, {})
        parts[line["line_number"]] = line
        if len(parts) < line["line_count"]:
            return False
        added = [parts[number] for number in sorted(parts) if parts[number]["action"] == "add"]
        wanted = [one for one in added if one["status"] in statuses]
        self.waits = all_or_none and len(wanted) < len(added)
        if not self.waits:
            self._stand(wanted)
        self.version = version
        self.parts = {number: parts for number, parts in self.parts.items() if number > version}
        return True

    def _stand(self, lines: list[Line]) -> None:
        standing = {}
        for line in lines:
            key = line["claim_line_id"]
            if key not in self.standing:
                self.times[key] = self.times.get(key, 0) + 1
            standing[key] = Held(self.times[key], line)
        self.standing = standing

    def news(self, key: str) -> News | None:
        """What the destination must learn; None when it knows all."""
        gone = [_charge(key, held) for line, held in self.told.items() if not _is_in(self.standing, line, held)]
        made = [_charge(key, held) for line, held in self.standing.items() if not _is_in(self.told, line, held)]
        if not gone and not made:
            return None
        standing = [_charge(key, held) for held in self.standing.values()]
        return News(key, self.version, gone, made, standing, was_told=bool(self.told))

    def settle(self) -> None:
        """The destination is being told all that stands."""
        self.told = self.standing


def _is_in(others: dict[str, Held], line: str, held: Held) -> bool:
    return line in others and others[line].time == held.time


def _charge(key: str, held: Held) -> Charge:
    line = held.line
    return Charge(short_id(key, line["setting"], line["claim_line_id"], str(held.time)), line)


def account_key(line: Line) -> str:
    """Whose account a line is on: patient and encounter."""
    return "\x1f".join((line["patient_id_authority"], line["patient_id"], line["encounter_id"]))
