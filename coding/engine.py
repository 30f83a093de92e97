"""The coder's worksheet: one call per step, every branch between steps."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace

from coding import adjust, edits, held, lines, missed, modifiers, standalone
from coding.bench import Bench
from coding.billed_drugs import billed_drugs
from coding.checks import Record, screen
from coding.claim import CodedEncounter
from coding.contest import Claim, code_sites
from coding.departments import drugs_of_department, of_department
from coding.drug_lines import drug_lines
from coding.drugs import Formulary
from coding.encounter import Encounter, Setting
from coding.findings import is_holding, without_line
from coding.lines import Sheet
from coding.neighbours import without_company
from coding.overlap import Concurrent
from coding.policy import Policy
from coding.presence import Presence, first_date, presence_of
from coding.published import Tables, builtin_tables
from coding.replaced import Running
from coding.rules import rules_on
from coding.service_dates import dated
from coding.services import Draft, Given, Note, Service, Technique
from coding.sites import with_sites
from coding.tables import rules_version
from coding.technique import services_by_vein


def code_encounter(
    encounter: Encounter, policy: Policy, formulary: Formulary, tables: Tables | None = None
) -> CodedEncounter:
    """Return the claim lines and findings of one encounter; by the built-in tables when there are no others.

    The order of its administrations carries no meaning; coding it twice gives the same, ids included.

    Raises:
        NoRuleInForce: its first date of service is before or after the rules we have.
        RuleError: its time zone is not known.
    """
    presence = presence_of(encounter)
    day = first_date(encounter, presence.zone)
    remarks = [Note(remark.upper(), ()) for remark in encounter.remarks] if encounter.remarks else []
    if day is None:  # no time at all, not even of arrival: nothing can be dated
        untimed = [Note("NO_START", (one.administration_id,)) for one in encounter.administrations]
        return lines.finish(encounter, Sheet([], untimed + remarks), policy, rules_version())
    is_office, tables = encounter.setting is Setting.PROFESSIONAL, tables or builtin_tables()
    claim = Claim(encounter, rules_on(day), policy, presence.zone, is_office, tables)
    record = Record(policy, claim.rules, presence, is_office)
    given, notes = screen(encounter, formulary, record)
    drafts, more = _drafts(with_sites(given), claim)
    drafts, too_short = dated(drafts, claim.rules, policy, presence.zone)
    drafts, part_of = without_company(drafts)
    drafts, cut = _edited(drafts, claim, day)
    sheet = Sheet(drafts, notes + more + too_short + part_of + cut + remarks)
    if encounter.orders:
        sheet = replace(sheet, findings=missed.orders(sheet.drafts, day, formulary, claim))
    if policy.drug_lines != "off" and (formulary.has_billing or tables.has_packages):
        sheet = _with_drugs(sheet, encounter, formulary, claim, presence)
    return lines.finish(encounter, sheet, policy, tables.version_on(day, encounter.setting))


def _with_drugs(sheet: Sheet, encounter: Encounter, formulary: Formulary, claim: Claim, presence: Presence) -> Sheet:
    """Return the sheet with the lines of the drugs, and what of administrations and drugs has no counterpart."""
    billed = billed_drugs(encounter, sheet.notes, claim, presence, formulary)
    drugs, untold = drug_lines(billed, claim)
    at_stake = [*untold, *missed.charges(billed, sheet.drafts, drugs, claim)]
    return replace(sheet, drugs=drugs_of_department(drugs, claim), at_stake=at_stake)


def _drafts(given: list[Given], claim: Claim) -> tuple[list[Draft], list[Note]]:
    """Return what the administrations come to, before dates and edits."""
    rules, policy = claim.rules, claim.policy
    by_vein, outside = standalone.parted(given, rules, policy, is_office=claim.is_office)
    services, held_back, notes = services_by_vein(by_vein, rules, policy)
    contestants, left_out, running = _beside(services, outside, claim) if outside else (services, [], {})
    drafts, more = _contest(contestants, running, claim)
    drafts, dropped = adjust.around_chemotherapy(drafts, policy)
    drafts = modifiers.of_payer(drafts, policy)
    proposed, silent = held.propose(held_back, held.standing_of(services, drafts), claim) if held_back else ([], [])
    if outside:
        bench = Bench(claim, [], [])
        standalone.code_standalone(outside, bench)
        drafts, silent = drafts + modifiers.of_skin_infusion(bench.drafts, drafts, rules, policy), silent + bench.notes
    return drafts + proposed, [*notes, *left_out, *more, *dropped, *silent, *_unsaid(services, drafts)]


def _contest(services: list[Service], running: Running, claim: Claim) -> tuple[list[Draft], list[Note]]:
    """Return the drafts of the access sites; one initial per site and encounter, or per site and date."""
    concurrent = Concurrent(claim.policy.concurrent_scope)
    if claim.policy.initial_scope == "encounter":
        return code_sites(services, running, claim, concurrent) if services else ([], [])
    by_date: dict[date, list[Service]] = {}
    for service in services:
        by_date.setdefault(service.start_date, []).append(service)
    days = []
    for day in sorted(by_date):
        others = [service for service in services if service.start_date != day]
        days.append(code_sites(by_date[day], running, claim, concurrent, others))
    return [draft for drafts, _ in days for draft in drafts], [note for _, notes in days for note in notes]


def _beside(services: list[Service], outside: list[Given], claim: Claim) -> tuple[list[Service], list[Note], Running]:
    """Return the services that contest beside what is outside the contest, notes for the others, and when that ran."""
    contestants, left_out = adjust.around_transfusion(services, outside, claim.policy)
    contestants, pumped = adjust.around_pump(contestants, outside, claim)
    return contestants, left_out + pumped, _running(outside, services, pumped)


def _running(outside: list[Given], services: list[Service], pumped: list[Note]) -> Running:
    """Return when something outside the contest ran at each site: no hydration has that time.

    Blood, carried pumps with the infusions in their codes, and products with their own code, unless the record is held.
    """
    running: dict[str, list[tuple[int, int]]] = {}
    for one in outside:
        if standalone.runs_by_vein(one) and not is_holding(one.flags):
            running.setdefault(one.site, []).extend(one.stretches)
    in_pump_code = {note.administration_ids for note in pumped}
    for service in services if in_pump_code else ():
        if service.ids in in_pump_code and service.technique is Technique.INFUSION:
            running.setdefault(service.site, []).extend(service.stretches)
    return running


def _unsaid(services: list[Service], drafts: list[Draft]) -> list[Note]:
    """Return notes for the flags of services that no draft carries."""
    told: set[str] = set()
    notes: list[Note] = []
    for service in services:
        if service.flags:
            told = told or {one for draft in drafts for one in draft.service.ids}
            if service.ids[0] not in told:
                notes += [Note(kind, service.ids) for kind in without_line(service.flags)]
    return notes


def _edited(drafts: list[Draft], claim: Claim, day: date) -> tuple[list[Draft], list[Note]]:
    """Return the drafts after the published edits and the payer's own wishes."""
    drafts, cut = edits.check(drafts, claim, day)
    drafts, more = adjust.for_payer(drafts, claim)
    return of_department(drafts, claim), cut + more
