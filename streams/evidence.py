"""What an encounter's claim rests on, as it was issued: worksheet, versions, findings, messages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

import coding
from streams.claims import Line
from streams.read_model.shown import ClaimSet, EncounterShown
from streams.read_model.views import difference


class Source(NamedTuple):
    """A message on the inbound topic."""

    control_id: str
    place: str  # topic[partition]@offset
    type: str
    sender: str
    received_at: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """One encounter of one patient; `only` is the claim line that is asked for, "" for all."""

    shown: EncounterShown
    only: str = ""
    sources: Sequence[Source] = field(default_factory=tuple)

    @property
    def encounter(self) -> coding.Encounter | None:
        """As it stood when it closed last, with the administrations of the line alone that is asked for."""
        whole = msgspec.json.decode(self.shown.encounter, type=coding.Encounter | None)
        if whole is None or not self.only:
            return whole
        wanted = {one for line in self.lines() for one in line["administration_ids"]}
        kept = tuple(one for one in whole.administrations if one.administration_id in wanted)
        return replace(whole, administrations=kept)

    def whole_sets(self) -> list[ClaimSet]:
        """Versions that are all there, in order."""
        return [one for one in self.shown.claim_sets if len(one.lines) == _count(one)]

    def lines(self) -> list[Line]:
        """Lines that stand; of a line that no longer does, as it stood last."""
        sets = self.whole_sets()
        if not self.only:
            return _in_order(sets[-1].standing.values()) if sets else []
        stood = [one.standing[self.only] for one in sets if self.only in one.standing]
        return stood[-1:]

    def findings(self) -> list[Line]:
        """Findings by when they opened; of a claim line, its own."""
        wanted = {name for line in self.lines() for name in line["findings"]}
        found = self.shown.findings.values()
        kept = [one for one in found if not self.only or one["finding_id"] in wanted]
        return sorted(kept, key=lambda one: (one["opened_at"], one["finding_id"]))

    def control_ids(self) -> list[str]:
        """Every message that something here rests on."""
        rows = [*self.lines(), *self.findings()]
        named = {name for row in rows for name in row["message_control_ids"]}
        encounter = self.encounter
        named |= {name for one in (encounter.administrations if encounter else ()) for name in one.message_control_ids}
        return sorted(named)

    def history(self) -> Iterator[dict[str, Any]]:
        """What each version changed; the first adds everything."""
        before: list[Line] = []
        for one in self.whole_sets():
            after = _in_order(one.standing.values())
            changed = {
                what: [line for line in lines if not self.only or line["claim_line_id"] == self.only]
                for what, lines in difference(before, after).items()
            }
            before = after
            if any(changed.values()) or not self.only:
                yield {"version": one.version, "claim_set_id": one.claim_set_id, "coded_at": one.coded_at, **changed}

    # -- telling

    def as_json(self) -> dict[str, Any]:
        encounter = self.encounter
        return {
            "encounter_id": self.shown.encounter_id,
            "version": self.shown.version,
            "closed_by": self.shown.cause,
            "closed_at": _time(self.shown.closed_at) if self.shown.closed_at else None,
            "encounter": msgspec.to_builtins(encounter) if encounter is not None else None,
            "claim_lines": self.lines(),
            "findings": self.findings(),
            "versions": list(self.history()),
            "messages": [one._asdict() for one in self.sources],
        }

    def as_text(self, columns: int = 0) -> str:
        """The worksheet of `dripcode code --explain`, of what was issued; then versions, findings and messages."""
        parts = [self._worksheet(columns)]
        versions = list(self.history())
        if versions:
            parts += ["Versions", *(row for version in versions for row in _version_rows(version)), ""]
        settled = [one for one in self.findings() if one["resolved_at"] is not None]
        if settled:
            parts += ["Settled findings", *map(_settled_row, settled), ""]
        parts += ["Messages", *self._message_rows()]
        return "\n".join(parts) + "\n"

    def _worksheet(self, columns: int) -> str:
        encounter, lines = self.encounter, self.lines()
        if encounter is None:
            return f"Encounter {self.shown.encounter_id}: {len(lines)} lines; it is not among the closed encounters\n"
        closed = f"Closed by {self.shown.cause}, {_time(self.shown.closed_at)}, version {self.shown.version}\n"
        return f"{closed}{coding.explain(encounter, self._as_coded(encounter, lines), columns)}"

    def _as_coded(self, encounter: coding.Encounter, lines: Sequence[Line]) -> coding.CodedEncounter:
        """What was issued, as coding returns it."""
        open_ones = [one for one in self.findings() if one["resolved_at"] is None]
        findings = tuple(msgspec.convert(one, coding.Finding) for one in open_ones)
        known = {one.finding_id for one in findings}
        head = lines[0] if lines else {}
        return coding.CodedEncounter(
            claim_set_id=head.get("claim_set_id", ""),
            encounter_id=encounter.encounter_id,
            lines=tuple(_claim_line(line, known) for line in lines),
            findings=findings,
            rules_version=head.get("rules_version", "-"),
            policy=head.get("policy", "-"),
        )

    def _message_rows(self) -> Iterator[str]:
        at = {one.control_id for one in self.sources}
        encounter = self.encounter
        charted: dict[str, list[str]] = {}
        for one in encounter.administrations if encounter else ():
            for name in one.message_control_ids:
                charted.setdefault(name, []).append(one.administration_id)
        for source in self.sources:
            of = f"  <{', '.join(charted[source.control_id])}>" if source.control_id in charted else ""
            yield f"  {source.received_at}  {source.control_id}  {source.type}  {source.sender}  {source.place}{of}"
        for name in self.control_ids():
            if name not in at:
                yield f"  {name}  is not on the topic any more, or came under another number"


def _count(one: ClaimSet) -> int:
    return int(next(iter(one.lines.values()))["line_count"]) if one.lines else 0


def _in_order(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: line["line_number"])


def _claim_line(line: Line, known: set[str]) -> coding.ClaimLine:
    """A line as coding returns it, with the findings that are open now."""
    drug = {**line["drug"], "code_system": line["drug"]["system"]}
    findings = [name for name in line["findings"] if name in known]
    return msgspec.convert({**line, "drug": drug, "findings": findings}, coding.ClaimLine)


def _version_rows(version: dict[str, Any]) -> Iterator[str]:
    yield f"  {version['version']}  coded {version['coded_at']}  set {version['claim_set_id']}"
    for mark, lines in (("-", version["gone"]), ("+", version["added"])):
        for line in lines:
            what = f"{line['service_date']} {'-'.join((line['code'], *line['modifiers']))} x{line['units']}"
            yield f"      {mark} {what} [{line['status']}] {line['claim_line_id']}"
    if not (version["gone"] or version["added"]):
        yield "      the same lines; what they say besides, or the findings, changed"


def _settled_row(finding: Line) -> str:
    by = finding["resolution"] or "by what came later"
    return f"  {finding['kind']} opened {finding['opened_at']}, settled {finding['resolved_at']}: {by}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def source_of(place: str, headers: dict[str, str], fallback: float) -> Source:
    """A message by its headers; `fallback` is when the broker took it, seconds since 1970."""
    received = headers.get("received_at", "")
    at = float(received) if received.replace(".", "", 1).isdigit() else fallback
    said = [headers.get(name, "") for name in ("control_id", "type", "source")]
    return Source(said[0], place, said[1], said[2], _time(at))
