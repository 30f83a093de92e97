"""From drafts to claim lines and findings: ids, statuses, and nothing that disappears."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from coding.claim import BilledDrug, ClaimLine, CodeAtStake, CodedEncounter, Finding, Role, Status
from coding.drug_lines import AtStake, DrugDraft
from coding.encounter import Encounter
from coding.findings import kind_named, status_of
from coding.policy import Policy
from coding.services import Draft, Note
from coding.short_ids import id_of, short_id
from coding.sites import recorded_names
from coding.tables import CodeEntry, catalogue

Controls = Mapping[str, tuple[str, ...]]  # administration: control ids of its messages
About = tuple[str, tuple[str, ...]]  # kind of a finding, ids of its administrations

# Bound once: on Python 3.11 a member looked up on its class costs ten times as much.
READY = Status.READY
NO_FINDINGS: tuple[str, ...] = ()


ACCESS_SITE = attrgetter("access_site")


class Found(Struct, gc=False):
    """A finding on the way: its id, and the codes that depend on it so far."""

    finding_id: str
    at_stake: list[CodeAtStake] = []


class Told(Struct, gc=False):
    """What is told of one encounter, and what all its lines need for it."""

    codes: Mapping[str, CodeEntry]
    encounter_id: str
    controls: Controls
    sites: Mapping[str, str]  # access site: as it was recorded
    found: dict[About, Found] = {}

    def of_line(self, abouts: Iterable[About], code: str, units: int) -> tuple[str, ...]:
        """Return the ids of the findings of a line, whose code depends on them."""
        ids, stake = [], CodeAtStake(code, units)
        for about in abouts:
            found = self.find(about)
            found.at_stake.append(stake)
            ids.append(found.finding_id)
        return tuple(ids)

    def find(self, about: About) -> Found:
        """Return a finding, begun when it is the first time."""
        found = self.found.get(about)
        if found is None:
            kind, ids = about
            found = self.found[about] = Found(short_id(self.encounter_id, kind, *ids))
        return found


class Sheet(Struct, frozen=True, gc=False):
    """Everything that was worked out of one encounter."""

    drafts: list[Draft]
    notes: list[Note]
    drugs: Sequence[DrugDraft] = ()
    at_stake: Sequence[AtStake] = ()  # findings without a line, with the code that depends on them
    findings: Sequence[Finding] = ()  # about orders


def finish(encounter: Encounter, sheet: Sheet, policy: Policy, version: str) -> CodedEncounter:
    """Return the coded encounter: lines in order of date, rank and time, findings in order of kind."""
    codes = catalogue()
    drafts = sorted(
        sheet.drafts, key=lambda one: (one.service_date, codes[one.code].place, one.service.start, one.service.ids)
    )
    controls = {one.administration_id: one.message_control_ids for one in encounter.administrations}
    told = Told(codes, encounter.encounter_id, controls, _sites(encounter))
    lines = tuple(_lines(drafts, told))
    if sheet.drugs:
        lines = with_drugs(lines, [_drug_line(draft, told) for draft in sheet.drugs])
    for note in sheet.notes:
        told.find(note)
    for note, stake in sheet.at_stake:
        told.find(note).at_stake.extend([stake] if stake.code else [])
    findings = tuple([_finding(about, told) for about in sorted(told.found)])
    if sheet.findings:
        findings = tuple(sorted((*findings, *sheet.findings), key=lambda one: (one.kind, one.administration_ids)))
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


def _sites(encounter: Encounter) -> Mapping[str, str]:
    """Return the recorded names of the sites, when an administration names none and may have been put to one."""
    given = encounter.administrations
    return {} if all(map(ACCESS_SITE, given)) else recorded_names(given)


def _about(flags: tuple[str, ...], draft: Draft) -> list[About]:
    """Return the findings of a draft, each once: of its own administrations, and those that lines share."""
    ids = draft.service.ids
    own: list[About] = [(kind, ids) for kind in (dict.fromkeys(flags) if len(flags) > 1 else flags)]
    return [*own, *draft.shared] if draft.shared else own


def _lines(drafts: Iterable[Draft], told: Told) -> list[ClaimLine]:
    """Return the claim lines of drafts with their findings. Lines alike in everything are told apart by number."""
    encounter_id, codes, controls = told.encounter_id, told.codes, told.controls
    told_before: set[str] = set()  # what the ids of the lines so far rest on
    lines: list[ClaimLine] = []
    for draft in drafts:
        service, code, modifiers, day = draft.service, draft.code, draft.modifiers, draft.service_date
        status, findings = READY, NO_FINDINGS
        if draft.flags or service.flags or draft.shared:
            flags = service.flags + draft.flags
            status = status_of(flags + tuple([kind for kind, _ in draft.shared]) if draft.shared else flags)
            findings = told.of_line(_about(flags, draft), code, draft.units)
        entry, first, ids, site = codes[code], service.given[0].administration, service.ids, service.site
        where = f"{encounter_id}\x1f{day.toordinal()}\x1f{draft.units}\x1f{draft.minutes}\x1f{site}\x1f{code}"
        content = unique = "\x1f".join((where, status, *modifiers, *ids))
        if unique in told_before:
            number = 1
            while unique in told_before:
                number += 1
                unique = f"{content}\x1e{number}"
        told_before.add(unique)
        line = ClaimLine(  # by position: by name it takes nine times as long
            id_of(unique),
            status,
            day,
            code,
            entry.code_system,
            modifiers,
            draft.units,
            entry.family,
            draft.role,
            first.access_site or told.sites.get(site, site),
            first.drug,
            draft.minutes,
            ids,
            controls[ids[0]] if len(ids) == 1 else _controls(ids, controls),
            draft.reasons,
            findings,
        )
        lines.append(line)
    return lines


def _drug_line(draft: DrugDraft, told: Told) -> ClaimLine:
    """Return the claim line of a drug with its findings."""
    notes = tuple(dict.fromkeys(draft.notes))
    status = status_of(tuple([kind for kind, _ in notes])) if notes else READY
    amounts = (str(draft.dose.amount), draft.dose.unit, str(draft.waste.amount))
    where = (told.encounter_id, draft.service_date.isoformat(), draft.code, *draft.modifiers, str(draft.units), status)
    site = (draft.revenue_code, draft.department, *draft.lots)
    package = (draft.ndc, str(draft.ndc_quantity), draft.ndc_unit)
    content = (*where, *package, *amounts, *site, *draft.ids)
    return ClaimLine(
        claim_line_id=short_id(*content),
        status=status,
        service_date=draft.service_date,
        code=draft.code,
        code_system="CPT" if draft.code[0].isdecimal() else "HCPCS",
        modifiers=draft.modifiers,
        units=draft.units,
        service_family=draft.family,
        role=Role.DRUG,
        access_site="",
        drug=draft.drug,
        minutes=None,
        administration_ids=draft.ids,
        message_control_ids=_controls(draft.ids, told.controls),
        reasons=draft.reasons,
        findings=told.of_line(notes, draft.code, draft.units),
        billed=BilledDrug(
            ndc=draft.ndc,
            ndc_quantity=draft.ndc_quantity,
            ndc_unit=draft.ndc_unit,
            dose=draft.dose,
            waste=draft.waste,
            revenue_code=draft.revenue_code,
            department=draft.department,
            lots=draft.lots,
        ),
    )


def with_drugs(lines: Iterable[ClaimLine], drugs: Sequence[ClaimLine]) -> tuple[ClaimLine, ...]:
    """Return the lines by date, those of drugs after those of administrations, each of these pointing at its drugs'."""
    paid: dict[str, list[str]] = {}
    for drug in drugs:
        for one in drug.administration_ids:
            paid.setdefault(one, []).append(drug.claim_line_id)
    linked = []
    for line in lines:
        ids = [drug for one in line.administration_ids for drug in paid.get(one, ())]
        linked.append(replace(line, drug_line_ids=tuple(dict.fromkeys(ids))) if ids else line)
    return tuple(sorted((*linked, *drugs), key=lambda one: one.service_date))


def _controls(ids: tuple[str, ...], controls: Controls) -> tuple[str, ...]:
    """Return the control ids of the messages behind administrations."""
    if len(ids) == 1:
        return controls[ids[0]]
    return tuple(dict.fromkeys([control for one in ids for control in controls[one]]))


def _finding(about: About, told: Told) -> Finding:
    """Return one finding, of one kind and some administrations."""
    kind, ids = about
    known, found = kind_named(kind), told.found[about]
    messages, at_stake = _controls(ids, told.controls), tuple(found.at_stake)
    return Finding(found.finding_id, kind, known.severity, ids, messages, known.text, at_stake)


def assert_nothing_disappears(controls: Controls, coded: CodedEncounter) -> None:
    """Demand that every administration ends in a line or in a finding."""
    untold = controls.keys() - {one for line in coded.lines for one in line.administration_ids}
    if untold:
        untold -= {one for finding in coded.findings for one in finding.administration_ids}
    assert not untold, f"{len(untold)} administrations end nowhere"
