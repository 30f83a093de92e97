"""From drafts to claim lines and findings: ids, statuses, and nothing that disappears."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from coding.claim import ClaimLine, CodeAtStake, CodedEncounter, Finding, Status
from coding.encounter import Encounter
from coding.findings import kind_named, status_of
from coding.frozen import frozen
from coding.policy import Policy
from coding.services import Draft, Note
from coding.sites import recorded_names
from coding.tables import CodeEntry, catalogue, engine_numbers

Controls = Mapping[str, tuple[str, ...]]  # administration: control ids of its messages
About = tuple[str, tuple[str, ...]]  # kind of a finding, ids of its administrations

# Bound once: on Python 3.11 a member looked up on its class costs ten times as much.
READY = Status.READY
ID_LENGTH = engine_numbers()["id_length"]


@frozen
class Told:
    """What lines of one encounter have in common."""

    codes: Mapping[str, CodeEntry]
    encounter_id: str
    controls: Controls
    findings: Mapping[About, str]  # their ids
    sites: Mapping[str, str]  # access site: as it was recorded
    seen: dict[str, int]  # lines alike so far, by what their ids rest on


def short_id(*content: str) -> str:
    """Return an id of the content alone, the same on any machine."""
    return sha256("\x1f".join(content).encode()).hexdigest()[:ID_LENGTH]


def finish(
    encounter: Encounter, drafts: list[Draft], notes: list[Note], policy: Policy, version: str
) -> CodedEncounter:
    """Return the coded encounter: lines in order of date, rank and time, findings in order of kind."""
    codes = catalogue()
    drafts = sorted(
        drafts, key=lambda one: (one.service_date, codes[one.code].place, one.service.start, one.service.ids)
    )
    controls = {one.administration_id: one.message_control_ids for one in encounter.administrations}
    abouts = [_about(draft) for draft in drafts]
    findings = _findings(encounter.encounter_id, _stakes(drafts, abouts, notes), controls)
    ids = {(finding.kind, finding.administration_ids): finding.finding_id for finding in findings}
    told = Told(codes, encounter.encounter_id, controls, ids, _sites(drafts, encounter), {})
    lines = tuple([_line(draft, about, told) for draft, about in zip(drafts, abouts, strict=True)])
    content = [one.claim_line_id for one in lines] + [one.finding_id for one in findings]
    coded = CodedEncounter(
        claim_set_id=short_id(encounter.encounter_id, encounter.setting, version, policy.digest, *content),
        encounter_id=encounter.encounter_id,
        lines=lines,
        findings=findings,
        rules_version=version,
        policy=policy.name,
    )
    assert_nothing_disappears(controls, coded)
    return coded


def _sites(drafts: Iterable[Draft], encounter: Encounter) -> Mapping[str, str]:
    """Return the recorded names of the sites, when a draft's administration names none and was put to one."""
    unnamed = [one for one in drafts if not one.service.given[0].administration.access_site]
    return recorded_names(encounter.administrations) if any(one.service.site for one in unnamed) else {}


def _about(draft: Draft) -> Sequence[About]:
    """Return the findings of a draft, each once: of its own administrations, and those that lines share."""
    flags, ids = draft.service.flags + draft.flags, draft.service.ids
    if not flags:
        return draft.shared
    own: list[About] = [(kind, ids) for kind in (dict.fromkeys(flags) if len(flags) > 1 else flags)]
    return [*own, *draft.shared] if draft.shared else own


def _line(draft: Draft, about: Sequence[About], told: Told) -> ClaimLine:
    """Return the claim line of a draft with its findings. Lines alike in everything are told apart by their number."""
    service, code, units, minutes = draft.service, draft.code, draft.units, draft.minutes
    status = status_of(tuple([kind for kind, _ in about])) if about else READY
    entry, first, ids, site = told.codes[code], service.given[0].administration, service.ids, service.site
    day, how = draft.service_date.isoformat(), (str(units), status, str(minutes))
    content = "\x1f".join((told.encounter_id, day, site, code, *draft.modifiers, *how, *ids))
    ordinal = told.seen[content] = told.seen.get(content, 0) + 1
    return ClaimLine(
        claim_line_id=short_id(content, str(ordinal)),
        status=status,
        service_date=draft.service_date,
        code=code,
        code_system=entry.code_system,
        modifiers=draft.modifiers,
        units=units,
        service_family=entry.family,
        role=draft.role,
        access_site=first.access_site or told.sites.get(site, site),
        drug=first.drug,
        minutes=minutes,
        administration_ids=ids,
        message_control_ids=told.controls[ids[0]] if len(ids) == 1 else _controls(ids, told.controls),
        reasons=draft.reasons,
        findings=tuple([told.findings[one] for one in about]) if about else (),
    )


def _controls(ids: tuple[str, ...], controls: Controls) -> tuple[str, ...]:
    """Return the control ids of the messages behind administrations."""
    return tuple(dict.fromkeys([control for one in ids for control in controls[one]]))


def _stakes(
    drafts: Iterable[Draft], abouts: Iterable[Sequence[About]], notes: Iterable[Note]
) -> dict[About, list[CodeAtStake]]:
    """Return every finding with the codes that depend on it: those of drafts, and the notes without any."""
    stakes: dict[About, list[CodeAtStake]] = {}
    for draft, about in zip(drafts, abouts, strict=True):
        for one in about:
            stakes.setdefault(one, []).append(CodeAtStake(draft.code, draft.units))
    for note in notes:
        stakes.setdefault(note, [])
    return stakes


def _findings(
    encounter_id: str, stakes: Mapping[About, Sequence[CodeAtStake]], controls: Controls
) -> tuple[Finding, ...]:
    """Return one finding per kind and administrations, in order."""
    return tuple([_finding(encounter_id, about, stakes[about], controls) for about in sorted(stakes)])


def _finding(encounter_id: str, about: About, at_stake: Iterable[CodeAtStake], controls: Controls) -> Finding:
    """Return one finding."""
    kind, ids = about
    known = kind_named(kind)
    return Finding(
        finding_id=short_id(encounter_id, kind, *ids),
        kind=kind,
        severity=known.severity,
        administration_ids=ids,
        message_control_ids=_controls(ids, controls),
        text=known.text,
        codes_at_stake=tuple(at_stake),
    )


def assert_nothing_disappears(controls: Controls, coded: CodedEncounter) -> None:
    """Demand that every administration ends in a line or in a finding."""
    told = {one for line in coded.lines for one in line.administration_ids}
    told.update(*[finding.administration_ids for finding in coded.findings])
    assert controls.keys() <= told, f"{len(controls.keys() - told)} administrations end nowhere"
