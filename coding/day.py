"""Several encounters of one patient on one date: what sets their initial services apart on one claim."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from coding.claim import ClaimLine, CodedEncounter, Finding, Role, Severity, Status
from coding.dates import MINUTE, instant
from coding.drugs import Formulary
from coding.encounter import Encounter
from coding.engine import code_encounter
from coding.findings import kind_named
from coding.policy import Policy
from coding.published import Tables
from coding.short_ids import short_id

BOUNDARY = "ENCOUNTER_BOUNDARY"


def code_day(
    encounters: Sequence[Encounter], policy: Policy, formulary: Formulary, tables: Tables | None = None
) -> tuple[CodedEncounter, ...]:
    """Return the coded encounters of one patient and date, in order of time.

    The first keeps its initial service as it is; later ones carry the modifier of a separate encounter. Where the
    payer takes one initial a day, all are coded as one encounter, the first. Source: NCCI Policy Manual, ch. XI.

    Raises:
        NoRuleInForce: a date of service is before or after the rules we have.
    """
    in_order = sorted(encounters, key=_first)
    if policy.second_visit == "one_per_day":
        return (code_encounter(_as_one(in_order), policy, formulary, tables),) if in_order else ()
    coded = [code_encounter(one, policy, formulary, tables) for one in in_order]
    return tuple([_set_apart(place, in_order, coded, policy) for place in range(len(coded))])


def _first(encounter: Encounter) -> int:
    """Return the first documented instant of an encounter; 0 when there is none."""
    return min(_times(encounter), default=0)


def _times(encounter: Encounter) -> list[int]:
    """Return every documented instant of an encounter's administrations."""
    runs = [run for one in encounter.administrations for run in one.runs]
    return [instant(time) for run in runs for time in (run.start, run.stop) if time]


def _as_one(encounters: Sequence[Encounter]) -> Encounter:
    """Return the first encounter with the administrations of all."""
    given = tuple(one for encounter in encounters for one in encounter.administrations)
    departed = encounters[-1].departed_at
    return replace(encounters[0], administrations=given, departed_at=departed)


def _set_apart(
    place: int, encounters: Sequence[Encounter], coded: Sequence[CodedEncounter], policy: Policy
) -> CodedEncounter:
    """Return one coded encounter; its initial services carry the modifier on dates that an earlier one also has."""
    own = coded[place]
    taken = {(line.service_date) for earlier in coded[:place] for line in earlier.lines if _is_initial(line)}
    later = [line for line in own.lines if _is_initial(line) and line.service_date in taken and not line.modifiers]
    if not later:
        return own
    finding = _boundary(place, encounters, later)
    changed = {line.claim_line_id: _modified(line, policy, finding) for line in later}
    lines = tuple(changed.get(line.claim_line_id, line) for line in own.lines)
    findings = (*own.findings, finding) if finding else own.findings
    told = [line.claim_line_id for line in lines]
    return replace(own, claim_set_id=short_id(own.claim_set_id, *told), lines=lines, findings=findings)


def _is_initial(line: ClaimLine) -> bool:
    """Say whether a line is an initial service."""
    return line.role is Role.INITIAL


def _boundary(place: int, encounters: Sequence[Encounter], later: Sequence[ClaimLine]) -> Finding | None:
    """Return the finding that two encounters may be one; None when an hour or more lies between them."""
    before = max((time for earlier in encounters[:place] for time in _times(earlier)), default=0)
    if (_first(encounters[place]) - before) // MINUTE >= 60:
        return None
    ids = tuple(sorted({one for line in later for one in line.administration_ids}))
    controls = tuple(dict.fromkeys(control for line in later for control in line.message_control_ids))
    finding_id = short_id(encounters[place].encounter_id, BOUNDARY, *ids)
    return Finding(
        finding_id=finding_id,
        kind=BOUNDARY,
        severity=Severity.REVIEW,
        administration_ids=ids,
        message_control_ids=controls,
        text=kind_named(BOUNDARY).text,
    )


def _modified(line: ClaimLine, policy: Policy, finding: Finding | None) -> ClaimLine:
    """Return a line with the modifier, why it has it and, when there is one, the finding."""
    modifier = policy.encounter_modifier
    reasons = (*line.reasons, policy.wording["SECOND_VISIT"].say(modifier=modifier))
    findings = (*line.findings, finding.finding_id) if finding else line.findings
    status = Status.REVIEW if finding and line.status is Status.READY else line.status
    told = {"modifiers": (modifier,), "reasons": reasons, "findings": findings, "status": status}
    return replace(line, claim_line_id=short_id(line.claim_line_id, modifier), **told)
