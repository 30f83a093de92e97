"""A person's view of a coded encounter: when each administration ran, and what each line rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from textwrap import fill

from coding.claim import ClaimLine, CodedEncounter, Finding, Severity
from coding.dates import zone_named
from coding.encounter import Encounter, PatientStatus
from coding.tables import catalogue, engine_numbers
from coding.timeline import clock, timeline

INDENT = "    "


def explain(encounter: Encounter, coded: CodedEncounter, width: int = 0) -> str:
    """Return the timeline by access site, then each line with its minutes, rules and sources, then the findings.

    Args:
        width: columns that no row goes beyond; 0 for rows of any length.
    """
    zone = zone_named(encounter.time_zone)
    counted = f"{_counted(len(coded.lines), 'line')}, {_counted(len(coded.findings), 'finding')}"
    rows = [f"Encounter {encounter.encounter_id}: {counted}"]
    rows.append(f"Rules {coded.rules_version}, policy {coded.policy}, {encounter.setting.value} claim")
    rows += [*_stay(encounter, zone), ""]
    for site, of_site in timeline(encounter, coded, zone, width).items():
        rows += [site or "no access site recorded", *of_site, ""]
    told: set[str] = set()
    named = {finding.finding_id: finding for finding in coded.findings}
    for line in coded.lines:
        rows += [*_line_rows(line, [named[name] for name in line.findings], told), ""]
    rows += [_finding_row(finding) for finding in coded.findings if finding.finding_id not in told]
    return "\n".join(_folded(row, width) for row in rows).rstrip() + "\n"


def _folded(row: str, width: int) -> str:
    """Return a row, broken where it would go beyond the width; what follows stands under its text."""
    if not width:
        return row
    indent = row[: len(row) - len(row.lstrip())] + INDENT
    return fill(row, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _stay(encounter: Encounter, zone: tzinfo | None) -> Iterator[str]:
    """Say from when to when the patient was there, outside of which no minute counts."""
    known = [("arrived", encounter.arrived_at), ("left", encounter.departed_at)]
    known += [
        ("inpatient from" if change.status is PatientStatus.INPATIENT else "outpatient from", change.at)
        for change in encounter.status_changes
    ]
    if said := [f"{what} {clock(at, zone)}" for what, at in known if at]:
        yield f"Patient {', '.join(said)}"


def _line_rows(line: ClaimLine, findings: Iterable[Finding], told: set[str]) -> Iterator[str]:
    """Say what a line is and what it rests on; a finding in full where it comes first."""
    code = "-".join((line.code, *line.modifiers))
    minutes = "" if line.minutes is None else f", {line.minutes} minutes"
    label = f"{catalogue()[line.code].label}{minutes}: " if line.code in catalogue() else ""
    ids = ", ".join(line.administration_ids)
    yield f"{line.service_date} {code} x{line.units} [{line.status.value}] {label}{line.drug.name} <{ids}>"
    for reason in line.reasons:
        yield f"{INDENT}{reason.text}  ({reason.rule}; {reason.source})"
    for finding in findings:
        is_known = finding.finding_id in told
        told.add(finding.finding_id)
        said = "as above" if is_known else f"{finding.text}{_messages(finding)}"
        yield f"{INDENT}! {finding.kind} ({finding.severity.value}): {said}"


def _finding_row(finding: Finding) -> str:
    """Return a finding that no line tells of, with what depends on it."""
    about = f"<{', '.join(finding.administration_ids)}>" if finding.administration_ids else "<the encounter>"
    stakes = ", ".join(f"{one.code} x{one.units}" if one.units else one.code for one in finding.codes_at_stake)
    at_stake = f" At stake: {stakes}." if stakes else ""
    return f"{finding.kind} ({finding.severity.value}) {about}: {finding.text}{_messages(finding)}{at_stake}"


def _messages(finding: Finding) -> str:
    """Name the messages to look at, where there is something to do."""
    ids, most = finding.message_control_ids, engine_numbers()["messages_shown"]
    if finding.severity is Severity.NOTICE or not ids:
        return ""
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return f" (message {', '.join(ids[:most])}{more})"
