"""What people said afterwards, laid over a coded encounter: findings they resolved, times they supplied. Pure.

A line that only waited for somebody to look is ready once every such finding is resolved; one that is held lacks
something, and no word makes up for that. Every line that rests on a person's word says so.
"""

from __future__ import annotations

import hashlib

from msgspec.structs import replace

import coding
from streams.documents import BY_A_PERSON
from streams.records import ClosedEncounter, Said


def confirmed(closed: ClosedEncounter, coded: coding.CodedEncounter) -> coding.CodedEncounter:
    """The coded encounter with what people said of it; the same when nobody said anything that is of use."""
    resolved = {said.about: said for said in closed.resolved}
    lines = tuple(_rested(closed, _looked_at(line, coded, resolved)) for line in coded.lines)
    findings = tuple(finding for finding in coded.findings if finding.finding_id not in resolved)
    if lines == coded.lines and findings == coded.findings:
        return coded
    told = [line.claim_line_id for line in lines] + [finding.finding_id for finding in findings]
    return replace(coded, claim_set_id=_id(coded.claim_set_id, *told), lines=lines, findings=findings)


def _looked_at(line: coding.ClaimLine, coded: coding.CodedEncounter, resolved: dict[str, Said]) -> coding.ClaimLine:
    """A line with its resolved findings told as reasons; ready when it waited for nothing else."""
    mine = [finding for finding in coded.findings if finding.finding_id in line.findings]
    settled = [finding for finding in mine if finding.finding_id in resolved]
    if not settled:
        return line
    waits = any(f.severity is not coding.Severity.NOTICE for f in mine if f.finding_id not in resolved)
    is_ready = line.status is coding.Status.REVIEW and not waits
    told = [
        coding.Reason("RESOLVED", f"{finding.kind}: {said.why}", f"said by {said.who}")
        for finding in settled
        for said in [resolved[finding.finding_id]]
    ]
    left = tuple(one for one in line.findings if one not in resolved)
    return replace(
        line,
        claim_line_id=_id(line.claim_line_id, "resolved", *sorted(finding.finding_id for finding in settled)),
        status=coding.Status.READY if is_ready else line.status,
        reasons=(*line.reasons, *told),
        findings=left,
    )


def _rested(closed: ClosedEncounter, line: coding.ClaimLine) -> coding.ClaimLine:
    """A line with a reason for each time in it that a person supplied."""
    supplied = {said.about: said for said in closed.supplied}
    by_person = [
        one.administration_id
        for one in closed.encounter.administrations
        if one.stop_source == BY_A_PERSON and one.administration_id in line.administration_ids
    ]
    told = [
        coding.Reason("STOP_FROM_PERSON", f"The stop of {name} was supplied: {said.why}", f"said by {said.who}")
        for name in by_person
        if (said := supplied.get(name)) is not None
    ]
    return replace(line, reasons=(*line.reasons, *told)) if told else line


def _id(*content: str) -> str:
    return hashlib.blake2b("\x1f".join(content).encode(), digest_size=10).hexdigest()
