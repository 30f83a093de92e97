"""From drafts to claim lines and findings: dates, ids, statuses, and nothing that disappears."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, tzinfo
from hashlib import sha256

from coding.claim import ClaimLine, CodeAtStake, CodedEncounter, Finding
from coding.dates import date_at, midnight_after
from coding.encounter import Encounter
from coding.findings import kind_named, status_of
from coding.hours import all_hours
from coding.policy import Policy
from coding.services import Draft, Note
from coding.stretches import minutes_of, moment_after, within
from coding.tables import catalogue, engine_numbers, rules_version


def dated(drafts: Iterable[Draft], policy: Policy, zone: tzinfo | None) -> list[Draft]:
    """Return the drafts with their dates; one that spans midnight becomes one draft per date.

    A unit belongs to the date on which its hour begins. Source: CMS Transmittal 1702.
    """
    dated: list[Draft] = []
    for draft in drafts:
        dated += _dated(draft, policy, zone)
    return dated


def _dated(draft: Draft, policy: Policy, zone: tzinfo | None) -> list[Draft]:
    """Return one draft by date."""
    service = draft.service
    near = service.given[0].start_time
    if not draft.counted or near is None or policy.midnight_units == "start_date_all":
        return [replace(draft, service_date=service.start_date)]
    ends = draft.counted[-1][1] - 1
    if ends < service.start or date_at(ends, near, zone) == service.start_date:
        return [replace(draft, service_date=service.start_date)]
    if policy.midnight_units == "split_by_calendar_day":
        return _split_by_day(draft, policy, zone)
    units: dict[date, int] = {}
    for unit in range(draft.units):
        day = date_at(moment_after(draft.counted, draft.first_minute + unit * 60), near, zone)
        units[day] = units.get(day, 0) + 1
    return [replace(draft, service_date=day, units=count) for day, count in units.items()]


def _split_by_day(draft: Draft, policy: Policy, zone: tzinfo | None) -> list[Draft]:
    """Return a draft whose minutes are counted anew on each date; what is too short on its date is lost."""
    near = draft.service.given[0].start_time
    assert near is not None
    more = policy.additional_hour_min or engine_numbers()["split_minutes_min"]
    parts: list[Draft] = []
    at, stop = draft.counted[0][0], draft.counted[-1][1]
    while at < stop:
        ends = min(midnight_after(at, near, zone), stop)
        minutes = minutes_of(within(draft.counted, at, ends))
        hours = all_hours(minutes, more) if parts or not draft.first_minute else max(0, all_hours(minutes, more) - 1)
        if draft.units == 1 and not draft.first_minute:
            hours = min(1, max(hours, 1)) if not parts else 0
        if hours:
            parts.append(replace(draft, service_date=date_at(at, near, zone), units=hours, minutes=minutes))
        at = ends
    return parts or [replace(draft, service_date=draft.service.start_date)]


def short_id(*content: object) -> str:
    """Return an id of the content alone, the same on any machine."""
    return sha256("\x1f".join(map(str, content)).encode()).hexdigest()[: engine_numbers()["id_length"]]


def finish(encounter: Encounter, drafts: list[Draft], notes: list[Note], policy: Policy) -> CodedEncounter:
    """Return the coded encounter: lines in order of date, rank and time, findings in order of kind."""
    codes = catalogue()
    drafts = sorted(
        drafts, key=lambda d: (d.service_date, codes[d.code].place, d.service.start, d.service.administration_ids)
    )
    findings = _findings(encounter, drafts, notes)
    ids = {(finding.kind, finding.administration_ids): finding.finding_id for finding in findings}
    seen: dict[object, int] = {}
    lines = tuple([_line(encounter, draft, ids, seen) for draft in drafts])
    coded = CodedEncounter(
        claim_set_id=short_id(
            encounter.encounter_id, encounter.setting, rules_version(), policy.digest,
            *[line.claim_line_id for line in lines], *[finding.finding_id for finding in findings],
        ),
        encounter_id=encounter.encounter_id, lines=lines, findings=findings, rules_version=rules_version(), policy=policy.name,
    )  # fmt: skip
    assert_nothing_disappears(encounter, coded)
    return coded


def _line(
    encounter: Encounter, draft: Draft, ids: dict[tuple[str, tuple[str, ...]], str], seen: dict[object, int]
) -> ClaimLine:
    """Return the claim line of a draft."""
    service, entry = draft.service, catalogue()[draft.code]
    assert draft.service_date is not None
    flags = tuple(dict.fromkeys((*service.flags, *draft.flags)))
    status = status_of(flags)
    first = service.given[0].administration
    content = (
        encounter.encounter_id, draft.code, draft.service_date, draft.modifiers, draft.units, status, service.site,
        service.administration_ids, draft.minutes,
    )  # fmt: skip
    ordinal = seen[content] = seen.get(content, 0) + 1
    return ClaimLine(
        claim_line_id=short_id(*content, ordinal),
        status=status,
        service_date=draft.service_date,
        code=draft.code,
        code_system=entry.code_system,
        modifiers=draft.modifiers,
        units=draft.units,
        service_family=entry.family,
        role=draft.role,
        access_site=first.access_site or service.site,
        drug=first.drug,
        minutes=draft.minutes,
        administration_ids=service.administration_ids,
        message_control_ids=_controls(draft),
        reasons=draft.reasons,
        findings=tuple([ids[kind, service.administration_ids] for kind in flags]),
    )


def _controls(draft: Draft) -> tuple[str, ...]:
    """Return the control ids of the messages behind a draft."""
    given = draft.service.given
    if len(given) == 1:
        return given[0].administration.message_control_ids
    return tuple(dict.fromkeys(control for one in given for control in one.administration.message_control_ids))


def _findings(encounter: Encounter, drafts: Iterable[Draft], notes: Iterable[Note]) -> tuple[Finding, ...]:
    """Return one finding per kind and administrations, with the codes that depend on it."""
    stakes: dict[tuple[str, tuple[str, ...]], list[CodeAtStake]] = {}
    for draft in drafts:
        for kind in dict.fromkeys((*draft.service.flags, *draft.flags)):
            stakes.setdefault((kind, draft.service.administration_ids), []).append(CodeAtStake(draft.code, draft.units))
    for note in notes:
        stakes.setdefault((note.kind, note.administration_ids), [])
    if not stakes:
        return ()
    controls = {one.administration_id: one.message_control_ids for one in encounter.administrations}
    return tuple([
        Finding(
            finding_id=short_id(encounter.encounter_id, kind, ids),
            kind=kind,
            severity=kind_named(kind).severity,
            administration_ids=ids,
            message_control_ids=tuple(dict.fromkeys(control for one in ids for control in controls.get(one, ()))),
            text=kind_named(kind).text,
            codes_at_stake=tuple(at_stake),
        )
        for (kind, ids), at_stake in sorted(stakes.items())
    ])  # fmt: skip


def assert_nothing_disappears(encounter: Encounter, coded: CodedEncounter) -> None:
    """Demand that every administration ends in a line or in a finding."""
    told = {one for line in coded.lines for one in line.administration_ids}
    told.update(one for finding in coded.findings for one in finding.administration_ids)
    missing = [one.administration_id for one in encounter.administrations if one.administration_id not in told]
    assert not missing, f"{len(missing)} administrations end nowhere"
