"""The contest of one encounter: each access site has its own initial service, and everything else hangs from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo

from msgspec import Struct
from msgspec.structs import replace

from coding import hydration, modifiers
from coding.claim import Family
from coding.encounter import Encounter
from coding.initial import Initial, choose_initial, contest_key, for_reason
from coding.overlap import Concurrent, InfusionCoder
from coding.policy import Policy
from coding.published import Tables
from coding.pushes import Infused, PushCoder
from coding.replaced import Running, in_place
from coding.rules import Rules
from coding.services import Draft, Note, Service, Technique
from coding.stretches import Covered

# Bound once: on Python 3.11 a member looked up on its class costs ten times as much.
HYDRATION = Family.HYDRATION
INFUSION = Technique.INFUSION

Parts = tuple[list[Service], list[Service], list[Service]]  # of a site: infusions of drugs, pushes, fluids


class Claim(Struct, frozen=True, gc=False):
    """Whose claim it is and by what it is coded."""

    encounter: Encounter
    rules: Rules
    policy: Policy
    zone: tzinfo | None
    is_office: bool  # the practitioner's
    tables: Tables


class Site(Struct, frozen=True, gc=False):
    """One access site before its lines are written."""

    name: str
    infusions: list[Service]  # of drugs
    pushes: list[Service]
    fluids: list[Service]  # with the time that is theirs alone
    notes: list[Note]
    initial: Initial | None

    @property
    def candidates(self) -> list[Service]:
        """Return what may be the initial service."""
        return [*self.infusions, *self.pushes, *self.fluids]


def code_sites(
    services: list[Service], running: Running, claim: Claim, concurrent: Concurrent, others: Sequence[Service] = ()
) -> tuple[list[Draft], list[Note]]:
    """Return the drafts of every access site, the main one first, and notes.

    Args:
        others: services of other dates, which have initial services of their own; no fluid has their time.
    """
    services, running = in_place(services, running)
    by_site: dict[str, list[Service]] = {}
    for service in services:
        by_site.setdefault(service.site, []).append(service)
    sites = [_site(name, by_site, running, claim, others) for name in by_site]
    if len(sites) == 1:
        drafts, notes = _code_site(sites[0], claim, concurrent)
        return drafts, sites[0].notes + notes
    sites = _in_order(_by_reason(sites, claim), claim)
    main = by_site[sites[0].name]
    unsupported = {site.name for site in sites[1:] if not _is_needed([*by_site[site.name], *main])}
    if unsupported and claim.policy.second_site == "downgrade":
        moved = _moved(by_site, unsupported, sites[0].name)
        there = {name: times for name, times in running.items() if name not in unsupported}
        there[sites[0].name] = [stretch for name in (sites[0].name, *unsupported) for stretch in running.get(name, ())]
        return code_sites(moved, there, claim, concurrent, others)
    return _code_several(sites, unsupported, claim, concurrent)


def _code_several(
    sites: list[Site], unsupported: set[str], claim: Claim, concurrent: Concurrent
) -> tuple[list[Draft], list[Note]]:
    """Return the drafts of several sites; those after the first carry the site's modifier."""
    drafts: list[Draft] = []
    notes: list[Note] = []
    for place, site in enumerate(sites):
        of_site, more = _code_site(site, claim, concurrent)
        if place and site.initial:
            supported = site.name not in unsupported
            of_site = modifiers.of_second_site(of_site, site.initial, claim.policy, is_supported=supported)
        drafts += of_site
        notes += [*site.notes, *more]
    return drafts, notes


def _site(
    name: str, by_site: Mapping[str, list[Service]], running: Running, claim: Claim, others: Sequence[Service]
) -> Site:
    """Return one site with its candidates and its initial service."""
    infusions, pushes, fluids = parts = _parted(by_site[name])
    notes: list[Note] = []
    if fluids:
        fluids, notes = (
            _own_fluids(name, by_site, running, claim, others)
            if others
            else _fluids(name, parts, by_site, running, claim)
        )
    initial = choose_initial([*infusions, *pushes, *fluids], claim.encounter, claim.policy)
    return Site(name, infusions, pushes, fluids, notes, initial)


def _parted(services: Iterable[Service]) -> Parts:
    """Return the infusions of drugs, the pushes and the fluids among services."""
    infusions: list[Service] = []
    pushes: list[Service] = []
    fluids: list[Service] = []
    for service in services:
        if service.family is HYDRATION:
            fluids.append(service)
        else:
            (infusions if service.technique is INFUSION else pushes).append(service)
    return infusions, pushes, fluids


def _own_fluids(
    name: str, by_site: Mapping[str, list[Service]], running: Running, claim: Claim, others: Sequence[Service]
) -> tuple[list[Service], list[Note]]:
    """Return the fluids of a site and date as beside the services of every date, and notes of them alone."""
    every = {site: [*services] for site, services in by_site.items()}
    for service in others:
        every.setdefault(service.site, []).append(service)
    fluids, notes = _fluids(name, _parted(every[name]), every, running, claim)
    own = {service.ids[0] for service in by_site[name]}
    return [one for one in fluids if one.ids[0] in own], [one for one in notes if one.administration_ids[0] in own]


def _fluids(
    name: str, parts: Parts, by_site: Mapping[str, list[Service]], running: Running, claim: Claim
) -> tuple[list[Service], list[Note]]:
    """Return the fluids of a site with the time that is theirs alone, and notes of the others."""
    infusions, pushes, fluids = parts
    notes: list[Note] = []
    taken = [*hydration.time_taken(infusions, pushes, claim.policy), *running.get(name, ())]
    if len(by_site) > 1:
        fluids, notes, unavailable = _beside_others(fluids, Covered.by(taken), _elsewhere(name, by_site), claim.policy)
        taken += unavailable
    if running and (beside := [one for at, runs in running.items() if at != name for one in runs]):
        fluids = _flagged_beside(fluids, Covered.by(beside))
    fluids, more = hydration.own_time(fluids, Covered.by(taken), claim.rules, claim.policy)
    return fluids, notes + more


def _elsewhere(name: str, by_site: Mapping[str, list[Service]]) -> list[tuple[int, int]]:
    """Return when drugs were infused at other sites."""
    return [
        stretch
        for site, services in by_site.items()
        if site != name
        for service in services
        if service.family is not HYDRATION and service.technique is INFUSION
        for stretch in service.stretches
    ]


def _beside_others(
    fluids: list[Service], taken: Covered, elsewhere: list[tuple[int, int]], policy: Policy
) -> tuple[list[Service], list[Note], list[tuple[int, int]]]:
    """Return the fluids that may be hydration though a drug runs elsewhere, notes, and time they cannot have.

    Only time that is not taken at their own site matters: no other is theirs to bill.
    """
    running = Covered.by(elsewhere)
    beside = [fluid for fluid in fluids if running.minutes_in(taken.left_of(fluid.stretches))]
    notes = [Note("HYD_SEPARATE_SITE", fluid.ids) for fluid in beside]
    if policy.hyd_separate_site == "not_billed":
        return [fluid for fluid in fluids if fluid not in beside], notes, []
    return fluids, notes, elsewhere if policy.hyd_separate_site == "net" else []


def _flagged_beside(fluids: list[Service], running: Covered) -> list[Service]:
    """Return the fluids, those saying so beside which blood or a carried pump ran at another site."""
    return [
        replace(fluid, flags=(*fluid.flags, "HYD_SEPARATE_SITE")) if running.touches(fluid.stretches) else fluid
        for fluid in fluids
    ]


def _by_reason(sites: list[Site], claim: Claim) -> list[Site]:
    """Return the sites; where a visit's reason is the first service of one, the others need none of their own."""
    wanted = claim.encounter.primary_reason_administration_id
    if not wanted:
        return sites
    others = {site.name for site in sites if for_reason(site.candidates, wanted) is None}
    if len(others) == len(sites):
        return sites
    policy, encounter = claim.policy, claim.encounter
    return [
        replace(site, initial=choose_initial(site.candidates, encounter, policy, is_elsewhere=True))
        if site.name in others
        else site
        for site in sites
    ]


def _in_order(sites: list[Site], claim: Claim) -> list[Site]:
    """Return the sites, the one with the highest initial service first: the others' initials carry the modifier."""

    key = contest_key(claim.policy)

    def place(site: Site) -> tuple[object, ...]:
        if site.initial is None:
            return (1, site.name)
        return (0, key(site.initial.service))

    return sorted(sites, key=place)


def _is_needed(services: Iterable[Service]) -> bool:
    """Say whether the record of two sites gives a reason for a second one, if only with a fluid that is not billed."""
    return any(one.administration.second_site_reason for service in services for one in service.given)


def _moved(by_site: Mapping[str, list[Service]], unsupported: set[str], main: str) -> list[Service]:
    """Return the services with those of sites that nothing supports put to the main one."""
    return [
        replace(service, site=main, flags=(*service.flags, "SECOND_SITE_UNSUPPORTED"))
        if name in unsupported
        else service
        for name, services in by_site.items()
        for service in services
    ]


def _code_site(site: Site, claim: Claim, concurrent: Concurrent) -> tuple[list[Draft], list[Note]]:
    """Return the drafts of one site: infusions, pushes, hydration."""
    rules, policy, initial = claim.rules, claim.policy, site.initial
    coder = InfusionCoder(initial, rules, policy, concurrent, claim.is_office)
    coder.code(site.infusions)
    drafts, notes = coder.drafts, coder.notes
    if site.pushes:
        pushed = {push.ingredient for push in site.pushes}
        infused = Infused.by([service for service in site.infusions if service.ingredient in pushed])
        pushes = PushCoder(initial, infused, rules, policy, claim.is_office)
        pushes.code(site.pushes)
        drafts, notes = drafts + pushes.drafts, notes + pushes.notes
    return drafts + hydration.code_hydration(site.fluids, initial, rules, policy), notes
