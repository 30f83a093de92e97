"""A person's view of a coded encounter: when each administration ran, and what each line rests on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo

from coding.claim import ClaimLine, CodedEncounter, Finding
from coding.dates import zone_named
from coding.encounter import Administration, Encounter
from coding.tables import catalogue


def explain(encounter: Encounter, coded: CodedEncounter) -> str:
    """Return the timeline by access site, then each line with its minutes, rules and sources, then the findings."""
    zone = zone_named(encounter.time_zone)
    counted = f"{_counted(len(coded.lines), 'line')}, {_counted(len(coded.findings), 'finding')}"
    parts = [f"Encounter {encounter.encounter_id}: {counted}"]
    parts.append(f"Rules {coded.rules_version}, policy {coded.policy}, {encounter.setting.value} claim\n")
    for site, ones in _by_site(encounter.administrations).items():
        parts.append(f"{site or 'no access site recorded'}")
        parts += [_timeline_row(one, coded, zone) for one in ones]
        parts.append("")
    names = {finding.finding_id: finding for finding in coded.findings}
    parts += [row for line in coded.lines for row in _line_rows(line, names)]
    told = {name for line in coded.lines for name in line.findings}
    parts += [_finding_row(finding) for finding in coded.findings if finding.finding_id not in told]
    return "\n".join(parts).rstrip() + "\n"


def _counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _by_site(administrations: Iterable[Administration]) -> dict[str, list[Administration]]:
    """Return the administrations by access site, in order of start."""
    by_site: dict[str, list[Administration]] = {}
    for one in sorted(administrations, key=lambda one: (one.access_site, _first(one), one.administration_id)):
        by_site.setdefault(one.access_site, []).append(one)
    return by_site


def _first(one: Administration) -> str:
    """Return an administration's first time as text that sorts; what has no time comes last."""
    times = [time for run in one.runs for time in (run.start, run.stop) if time]
    return min(times).isoformat() if times else "~"


def _timeline_row(one: Administration, coded: CodedEncounter, zone: tzinfo | None) -> str:
    """Return one row of the timeline: the runs, the drug, the codes it came to."""
    runs = ", ".join(f"{_clock(run.start, zone)}-{_clock(run.stop, zone)}" for run in one.runs)
    codes = [f"{line.code}x{line.units}" for line in coded.lines if one.administration_id in line.administration_ids]
    return f"  {runs:<23}  {one.drug.name:<32}  {' '.join(codes) or '-':<16}  {one.administration_id}"


def _clock(time: datetime | None, zone: tzinfo | None) -> str:
    """Return a time as month, day, hour and minute; a question mark when it is not documented."""
    if time is None:
        return "?"
    return (time.astimezone(zone) if zone else time).strftime("%m-%d %H:%M")


def _line_rows(line: ClaimLine, names: dict[str, Finding]) -> list[str]:
    """Return one line and, under it, what it rests on."""
    code = "-".join((line.code, *line.modifiers))
    minutes = "" if line.minutes is None else f", {line.minutes} minutes"
    label = catalogue()[line.code].label if line.code in catalogue() else line.drug.name
    head = f"{line.service_date} {code} x{line.units} [{line.status.value}] {label}{minutes}"
    rows = [f"{head} {_ids(line.administration_ids)}"]
    rows += [f"    {reason.text}  ({reason.rule}; {reason.source})" for reason in line.reasons]
    found = [names[finding] for finding in line.findings]
    rows += [f"    ! {finding.kind} ({finding.severity.value}): {finding.text}" for finding in found]
    return [*rows, ""]


def _finding_row(finding: Finding) -> str:
    """Return a finding that no line tells of, with what depends on it."""
    about = _ids(finding.administration_ids) if finding.administration_ids else "<no administration>"
    stakes = ", ".join(f"{one.code} x{one.units}" if one.units else one.code for one in finding.codes_at_stake)
    at_stake = f" At stake: {stakes}." if stakes else ""
    return f"{finding.kind} ({finding.severity.value}) {about}: {finding.text}{at_stake}"


def _ids(administration_ids: Iterable[str]) -> str:
    """Return administration ids in brackets."""
    return f"<{', '.join(administration_ids)}>"
