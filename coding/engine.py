"""The coder's worksheet: one call per step, every branch between steps."""

from __future__ import annotations

from datetime import date

from coding import adjust, contest, edits, held, lines, modifiers, standalone
from coding.checks import Presence, first_date, presence_of, screen
from coding.claim import CodedEncounter
from coding.contest import Claim
from coding.drugs import Formulary
from coding.encounter import Encounter
from coding.overlap import Concurrent
from coding.policy import Policy
from coding.rules import rules_on
from coding.services import Draft, Given, Note, Service
from coding.sites import with_sites
from coding.tables import edits_on
from coding.technique import services_by_vein


def code_encounter(encounter: Encounter, policy: Policy, formulary: Formulary) -> CodedEncounter:
    """Return the claim lines and findings of one encounter.

    The order of its administrations carries no meaning; coding it twice gives the same, ids included.

    Raises:
        NoRuleInForce: its first date of service is before or after the rules we have.
        RuleError: its time zone is not known.
    """
    presence = presence_of(encounter)
    day = first_date(encounter, presence.zone)
    remarks = [Note(remark.upper(), ()) for remark in encounter.remarks]
    if day is None:  # no time at all, not even of arrival: nothing can be dated
        untimed = [Note("NO_START", (one.administration_id,)) for one in encounter.administrations]
        return lines.finish(encounter, [], [*untimed, *remarks], policy)
    claim = Claim(encounter, rules_on(day), policy)
    given, notes = screen(encounter, policy, formulary, claim.rules, presence)
    drafts, more = _drafts(with_sites(given), claim, presence)
    drafts = lines.dated(drafts, policy, presence.zone)
    drafts, cut = _edited(drafts, claim, day)
    return lines.finish(encounter, drafts, [*notes, *more, *cut, *remarks], policy)


def _drafts(given: list[Given], claim: Claim, presence: Presence) -> tuple[list[Draft], list[Note]]:
    """Return what the administrations come to, before dates and edits."""
    encounter, rules, policy = claim
    by_vein = [one for one in given if standalone.is_by_vein(one, rules, is_office=claim.is_office)]
    outside = [one for one in given if one not in by_vein] if len(by_vein) < len(given) else []
    contested = services_by_vein(by_vein, rules, policy, presence.zone)
    services, notes = adjust.around_transfusion(contested.services, outside, policy)
    notes += contested.notes
    drafts, more = _contest(services, outside, claim)
    drafts = modifiers.of_hydration(adjust.around_chemotherapy(drafts, notes, policy), policy)
    initial_sites = {draft.service.site for draft in drafts}
    proposed, silent = held.propose(contested.held, initial_sites, encounter, rules, policy, presence.zone)
    bench = standalone.Bench(encounter, rules, policy, presence.zone, [], [])
    standalone.code_standalone(outside, bench)
    drafts = modifiers.of_skin_infusion([*drafts, *bench.drafts], rules, policy)
    notes += [*more, *silent, *bench.notes, *_unsaid(contested.services, drafts)]
    return [*drafts, *proposed], notes


def _contest(services: list[Service], outside: list[Given], claim: Claim) -> tuple[list[Draft], list[Note]]:
    """Return the drafts of the access sites; one initial per site and encounter, or per site and date."""
    blood = [one for one in outside if contest.is_blood(one)]
    concurrent = Concurrent(claim.policy.concurrent_scope)
    if claim.policy.initial_scope == "encounter":
        return contest.code_sites(services, blood, claim, concurrent)
    by_date: dict[date, list[Service]] = {}
    for service in services:
        by_date.setdefault(service.start_date, []).append(service)
    days = [contest.code_sites(by_date[day], blood, claim, concurrent) for day in sorted(by_date)]
    return [draft for drafts, _ in days for draft in drafts], [note for _, notes in days for note in notes]


def _unsaid(services: list[Service], drafts: list[Draft]) -> list[Note]:
    """Return notes for the flags of services that no draft carries."""
    told = {one for draft in drafts for one in draft.service.administration_ids}
    return [
        Note(kind, service.administration_ids)
        for service in services
        if service.flags and service.administration_ids[0] not in told
        for kind in service.flags
    ]


def _edited(drafts: list[Draft], claim: Claim, day: date) -> tuple[list[Draft], list[Note]]:
    """Return the drafts after the published edits and the payer's own wishes."""
    encounter, rules, policy = claim
    drafts = edits.check_primaries(drafts, edits_on(day, encounter.setting), rules, policy, encounter.setting)
    drafts = edits.check_pairs(drafts, encounter.setting, policy)
    drafts, cut = edits.check_units(drafts, encounter.setting, policy)
    drafts, more = adjust.for_payer(drafts, claim)
    return drafts, [*cut, *more]
