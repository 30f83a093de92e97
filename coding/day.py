"""Several encounters of one patient on one date: what sets them apart on one claim, and what the claim can take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from msgspec.structs import replace

from coding.claim import ClaimLine, CodeAtStake, CodedEncounter, Finding, Role, Status
from coding.dates import MINUTE, instant
from coding.drugs import Formulary
from coding.edits import limits_of
from coding.encounter import Encounter, PatientStatus, StatusChange
from coding.engine import code_encounter
from coding.findings import kind_named
from coding.policy import Policy
from coding.published import Edits, Tables, builtin_tables
from coding.short_ids import short_id

SET_APART = {"59", "XE", "XP", "XS", "XU"}  # modifiers of which a line carries one at most
DayEdits = Mapping[date, Edits]


def code_day(
    encounters: Sequence[Encounter], policy: Policy, formulary: Formulary, tables: Tables | None = None
) -> tuple[CodedEncounter, ...]:
    """Return the coded encounters of one patient and date, in order of time.

    The first keeps its lines as they are; later ones carry the modifier of a separate encounter where another has an
    initial service too, or a code that is paired with theirs, and have what is left of the date's unit limits. Where
    the payer takes one initial a day, all that are not cancelled are coded as one encounter, the first.
    Source: NCCI Policy Manual, ch. XI; NCCI procedure-to-procedure and medically unlikely edits.

    Raises:
        NoRuleInForce: a date of service is before or after the rules we have.
    """
    in_order = sorted(encounters, key=_first)
    if policy.second_visit == "one_per_day":
        cancelled = [one for one in in_order if one.is_cancelled]
        stand = [one for one in in_order if not one.is_cancelled]
        whole = [*cancelled, _as_one(stand)] if stand else cancelled
        return tuple([code_encounter(one, policy, formulary, tables) for one in whole])
    coded: list[CodedEncounter] = []
    for place, one in enumerate(in_order):
        alone = code_encounter(one, policy, formulary, tables)
        coded.append(_beside(alone, coded, in_order[: place + 1], policy, tables or builtin_tables()))
    return tuple(coded)


def _first(encounter: Encounter) -> int:
    """Return the first documented instant of an encounter; 0 when there is none."""
    return min(_times(encounter), default=0)


def _times(encounter: Encounter) -> list[int]:
    """Return every documented instant of an encounter's administrations."""
    runs = [run for one in encounter.administrations for run in one.runs]
    return [instant(time) for run in runs for time in (run.start, run.stop) if time]


def _as_one(encounters: Sequence[Encounter]) -> Encounter:
    """Return the first encounter with the administrations, orders and changes of status of all."""
    reasons = [one.primary_reason_administration_id for one in encounters]
    return replace(
        encounters[0],
        administrations=tuple(one for encounter in encounters for one in encounter.administrations),
        orders=tuple(order for encounter in encounters for order in encounter.orders),
        remarks=tuple(dict.fromkeys(remark for encounter in encounters for remark in encounter.remarks)),
        status_changes=_status_changes(encounters),
        departed_at=encounters[-1].departed_at,
        primary_reason_administration_id=next(filter(None, reasons), ""),
    )


def _status_changes(encounters: Sequence[Encounter]) -> tuple[StatusChange, ...]:
    """Return the changes of status of all; who comes again comes as an outpatient, also after an admission."""
    changes = [*encounters[0].status_changes]
    for after in encounters[1:]:
        came = after.arrived_at or min(
            (run.start for one in after.administrations for run in one.runs if run.start), default=None
        )
        if came:
            changes.append(StatusChange(came, PatientStatus.OUTPATIENT))
        changes += after.status_changes
    return tuple(changes)


def _beside(
    own: CodedEncounter,
    earlier: Sequence[CodedEncounter],
    encounters: Sequence[Encounter],
    policy: Policy,
    tables: Tables,
) -> CodedEncounter:
    """Return the last of some coded encounters as it is on one claim with the earlier ones."""
    before = [line for one in earlier for line in one.lines]
    if not before:
        return own
    edits = {day: tables.on(day, policy.setting) for day in {line.service_date for line in own.lines}}
    later = [line for line in own.lines if _needs_modifier(line, before, edits, policy)]
    boundary = _boundary(own.encounter_id, encounters, later)
    apart = {line.claim_line_id for line in later}
    lines = [_modified(line, policy, boundary) if line.claim_line_id in apart else line for line in own.lines]
    proposed = [line for line in before if _is_proposed(line)]
    lines, unpaid = _without_pay(lines, proposed, edits, own.encounter_id)
    lines, over = _within_limits(lines, proposed, edits, own.encounter_id, policy)
    if lines == [*own.lines]:
        return own
    found = {one.finding_id: one for one in (*own.findings, *([boundary] if boundary else []), *unpaid, *over)}
    findings = sorted(found.values(), key=lambda one: (one.kind, one.administration_ids))
    told = [line.claim_line_id for line in lines]
    return replace(own, claim_set_id=short_id(own.claim_set_id, *told), lines=tuple(lines), findings=tuple(findings))


def _is_proposed(line: ClaimLine) -> bool:
    """Say whether a line is of a service and not held. Those of drugs stay as they are."""
    return line.status is not Status.HOLD and line.role is not Role.DRUG


def _needs_modifier(line: ClaimLine, before: Sequence[ClaimLine], edits: DayEdits, policy: Policy) -> bool:
    """Say whether a line must be set apart: initial beside an initial service, or paired with a code, of its date."""
    if line.role is Role.DRUG or not SET_APART.isdisjoint(line.modifiers):
        return False
    of_date = [one for one in before if one.service_date == line.service_date]
    if line.role is Role.INITIAL and any(one.role is Role.INITIAL for one in of_date):
        return True
    pairs, codes = edits[line.service_date].pairs, {one.code for one in of_date if _is_proposed(one)}
    return policy.pair_modifier != "none" and any(
        pairs.get((one, line.code)) or pairs.get((line.code, one)) for one in codes
    )


def _boundary(encounter_id: str, encounters: Sequence[Encounter], later: Sequence[ClaimLine]) -> Finding | None:
    """Return the finding that the last encounter may be one with those before; None an hour or more after them."""
    before = max((time for earlier in encounters[:-1] for time in _times(earlier)), default=0)
    if not later or (_first(encounters[-1]) - before) // MINUTE >= 60:
        return None
    return _finding(encounter_id, "ENCOUNTER_BOUNDARY", later)


def _finding(encounter_id: str, kind: str, lines: Sequence[ClaimLine], at_stake: Sequence[CodeAtStake] = ()) -> Finding:
    """Return a finding about the administrations of some lines."""
    ids = tuple(sorted({one for line in lines for one in line.administration_ids}))
    controls = tuple(dict.fromkeys(control for line in lines for control in line.message_control_ids))
    known, finding_id = kind_named(kind), short_id(encounter_id, kind, *ids)
    return Finding(finding_id, kind, known.severity, ids, controls, known.text, tuple(at_stake))


def _modified(line: ClaimLine, policy: Policy, finding: Finding | None) -> ClaimLine:
    """Return a line with the modifier, before a department's, why it has it and, when there is one, the finding."""
    modifier = policy.encounter_modifier
    early = [one for one in line.modifiers if one == policy.stopped_early_modifier]
    modifiers = (*early, modifier, *line.modifiers[len(early) :])
    reasons = (*line.reasons, policy.wording["SECOND_VISIT"].say(modifier=modifier))
    line = replace(line, claim_line_id=short_id(line.claim_line_id, modifier), modifiers=modifiers, reasons=reasons)
    return _asked(line, finding) if finding else line


def _asked(line: ClaimLine, finding: Finding) -> ClaimLine:
    """Return a line with one more finding of those that ask for a look."""
    if finding.finding_id in line.findings:
        return line
    status = Status.REVIEW if line.status is Status.READY else line.status
    line_id, findings = short_id(line.claim_line_id, finding.kind), (*line.findings, finding.finding_id)
    return replace(line, claim_line_id=line_id, findings=findings, status=status)


def _without_pay(
    lines: Sequence[ClaimLine], before: Sequence[ClaimLine], edits: DayEdits, encounter_id: str
) -> tuple[list[ClaimLine], list[Finding]]:
    """Return the lines, those asking for a look that are the second code of a pair which no modifier lifts."""
    kept: list[ClaimLine] = []
    findings: list[Finding] = []
    for line in lines:
        codes = {one.code for one in before if one.service_date == line.service_date}
        pairs = edits[line.service_date].pairs
        if _is_proposed(line) and any(pairs.get((one, line.code)) is False for one in codes):
            stake = CodeAtStake(line.code, line.units)
            findings.append(_finding(encounter_id, "PAIR_NOT_PAID", [line], [stake]))
            kept.append(_asked(line, findings[-1]))
        else:
            kept.append(line)
    return kept, findings


def _within_limits(
    lines: Sequence[ClaimLine], before: Sequence[ClaimLine], edits: DayEdits, encounter_id: str, policy: Policy
) -> tuple[list[ClaimLine], list[Finding]]:
    """Return the lines with what is left of the unit limits of their dates, and findings of those exceeded together.

    As within one encounter: an absolute limit cuts off what is more, any other asks for documentation.
    """
    kept, findings = [*lines], list[Finding]()
    units_before: Counter[tuple[date, str]] = Counter()
    for one in before:
        units_before[one.service_date, one.code] += one.units
    keys = [(one.service_date, one.code) for one in lines if _is_proposed(one)]
    for day, code in dict.fromkeys(key for key in keys if key in units_before):
        limit, used = limits_of(edits[day], policy).get(code), units_before[day, code]
        own = [one for one in kept if _is_proposed(one) and (one.service_date, one.code) == (day, code)]
        units = sum(one.units for one in own)
        if limit is None or used + units <= limit.units:
            continue
        kind = "MAI2_CAPPED" if limit.is_absolute else "MUE_EXCEEDED"
        finding = _finding(encounter_id, kind, own, [CodeAtStake(code, units)])
        findings.append(finding)
        left = limit.units - used if limit.is_absolute else units
        for line in own:
            place, count = kept.index(line), min(left, line.units)
            left -= count
            kept[place : place + 1] = [_asked(replace(line, units=count), finding)] if count else []
    return kept, findings
