"""Past encounters coded again under other rules: what would differ, and which switch makes it so. Pure.

Compared is what a payer sees: dates, codes, modifiers, units and status; ids and wording differ with every policy.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import coding
from coding.policy import switch_names
from streams.claims import Line, issue_version
from streams.identity import patient_key
from streams.records import ClosedEncounter
from streams.same_day import dates_of
from streams.site import Coder

TABLES = "tables"  # stands for a difference of published tables or dictionary, among the switches
DRUG_CLASSES = "drug_classes"


class Seen(NamedTuple):
    """What a payer sees of a line."""

    service_date: str
    code: str
    modifiers: tuple[str, ...]
    units: int
    status: str

    def __str__(self) -> str:
        return f"{self.service_date} {'-'.join((self.code, *self.modifiers))} x{self.units} [{self.status}]"


@dataclasses.dataclass(frozen=True, slots=True)
class Past:
    """An encounter as it stood when it closed last, and when that was, seconds since 1970."""

    closed: ClosedEncounter
    at: float

    @property
    def key(self) -> tuple[str, str]:
        """Patient and encounter."""
        encounter = self.closed.encounter
        return patient_key(encounter.patient_id_authority, encounter.patient_id), encounter.encounter_id

    def is_within(self, first: date, last: date, by: str) -> bool:
        """Whether a date of service, or the day it closed (UTC), lies within these days, both included."""
        encounter = self.closed.encounter
        days = dates_of(encounter) if by == "service" else {datetime.fromtimestamp(self.at, UTC).date()}
        return any(first <= day <= last for day in days)


def newest(found: Iterable[Past]) -> list[Past]:
    """The newest version of each encounter that has a claim of its own, in order of first appearance."""
    kept: dict[tuple[str, str], Past] = {}
    for past in found:
        known = kept.get(past.key)
        if known is None or past.closed.version >= known.closed.version:
            kept[past.key] = past
    return [past for past in kept.values() if not past.closed.is_emptied]


@dataclasses.dataclass(frozen=True, slots=True)
class OneSwitch(Coder):
    """Coding as `before`, but for one switch that is as `after` has it."""

    before: Coder | None = None
    after: Coder | None = None
    switch: str = ""

    @classmethod
    def of(cls, before: Coder, after: Coder, switch: str) -> Coder:
        if switch == TABLES:
            return dataclasses.replace(before, formulary=after.formulary, tables=after.tables, others={})
        return cls(before.policy, before.formulary, before.tables, None, {}, before, after, switch)

    def policy_of(self, payer: str) -> coding.Policy:
        if payer not in self.others:
            assert self.before is not None
            assert self.after is not None
            switches = _switches(self.before.policy_of(payer))
            switches[self.switch] = _switches(self.after.policy_of(payer))[self.switch]
            self.others[payer] = coding.load_policy(self.policy.setting, payer, switches)
        return self.others[payer]


def _switches(policy: coding.Policy) -> dict[str, Any]:
    """Every switch of a policy as a site's file would say it."""
    said: dict[str, Any] = {name: getattr(policy, name) for name in switch_names()}
    classes = {drug: drug_class.value for drug, drug_class in policy.drug_classes.items()}
    tables = {DRUG_CLASSES: classes, "off_campus": dict(policy.off_campus)}
    return {**{name: "off" if value is None else value for name, value in said.items()}, **tables}


def changed_switches(before: Coder, after: Coder, payers: Iterable[str]) -> dict[str, set[tuple[str, str]]]:
    """Switches that differ for one of these payers, with their values before and after."""
    found: dict[str, set[tuple[str, str]]] = {}
    for payer in payers:
        old, new = _switches(before.policy_of(payer)), _switches(after.policy_of(payer))
        for name in old:
            if old[name] != new[name]:
                found.setdefault(name, set()).add((str(old[name]), str(new[name])))
    if before.tables is not after.tables or before.formulary is not after.formulary:
        found[TABLES] = {("as set", "as given")}
    return found


def seen_by(past: Past, coder: Coder) -> Counter[Seen]:
    """What a payer would see of an encounter. Raises coding.CodingError."""
    closed = past.closed
    coded = coder.code_beside(closed.encounter, closed.beside)
    return seen(issue_version(closed, coded, None, "").lines) if coded is not None else Counter()


def seen(lines: Iterable[Line]) -> Counter[Seen]:
    """What a payer sees of these lines."""
    return Counter(
        Seen(one["service_date"], one["code"], tuple(one["modifiers"]), one["units"], one["status"]) for one in lines
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What would differ in one encounter, and which switches alone would make some of it differ."""

    patient: str
    encounter_id: str
    gone: Counter[Seen]
    added: Counter[Seen]
    switches: tuple[str, ...]


@dataclasses.dataclass(slots=True)
class Difference:
    """What would differ in all. Units by code are of lines that are not on hold."""

    looked_at: int = 0
    changes: list[Change] = dataclasses.field(default_factory=list)
    units: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)  # by code: before, after
    by_switch: Counter[str] = dataclasses.field(default_factory=Counter)  # encounters that it alone changes
    not_coded: list[tuple[str, str]] = dataclasses.field(default_factory=list)  # encounter, error

    def take(self, past: Past, before: Counter[Seen], after: Counter[Seen], switches: Sequence[str]) -> None:
        """Take one encounter in."""
        self.looked_at += 1
        for place, lines in enumerate((before, after)):
            for line, count in lines.items():
                if line.status != "hold":
                    units = list(self.units.get(line.code, (0, 0)))
                    units[place] += line.units * count
                    self.units[line.code] = (units[0], units[1])
        if before != after:
            self.changes.append(Change(*past.key, before - after, after - before, tuple(switches)))
            self.by_switch.update(switches)

    def codes(self) -> Iterator[tuple[str, int, int]]:
        """Codes whose units would differ, with their units before and after."""
        return ((code, *units) for code, units in sorted(self.units.items()) if units[0] != units[1])


def compare(
    pasts: Iterable[Past], before: Coder, after: Coder, issued: Mapping[tuple[str, str], Iterable[Line]] | None = None
) -> Difference:
    """What coding as `after` would change: of coding as `before`, or of what was issued where that is given."""
    pasts = list(pasts)
    payers = {past.closed.encounter.payer for past in pasts}
    switched = {name: OneSwitch.of(before, after, name) for name in changed_switches(before, after, payers)}
    difference = Difference()
    for past in pasts:
        try:
            now = seen_by(past, before) if issued is None else seen(issued.get(past.key, ()))
            then = seen_by(past, after)
            alone = [name for name, coder in switched.items() if now != then and seen_by(past, coder) != now]
        except coding.CodingError as wrong:
            difference.not_coded.append((past.key[1], str(wrong)))
            continue
        difference.take(past, now, then, alone)
    return difference
