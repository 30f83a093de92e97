"""The contest of one encounter: each access site has its own initial service, and everything else hangs from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from coding import hydration, modifiers
from coding.claim import Family
from coding.drugs import DrugClass
from coding.encounter import Encounter, Setting
from coding.initial import Initial, choose_initial, contest_key
from coding.overlap import Concurrent, InfusionCoder
from coding.policy import Policy
from coding.pushes import PushCoder
from coding.rules import Rules
from coding.services import Draft, Given, Note, Service, Technique
from coding.stretches import Covered


class Claim(NamedTuple):
    """Whose claim it is and by what it is coded."""

    encounter: Encounter
    rules: Rules
    policy: Policy

    @property
    def is_office(self) -> bool:
        """Say whether the claim is the practitioner's."""
        return self.encounter.setting is Setting.PROFESSIONAL


class Site(NamedTuple):
    """One access site before its lines are written."""

    name: str
    drugs: list[Service]
    fluids: list[Service]  # with the time that is theirs alone
    notes: list[Note]
    initial: Initial | None


def code_sites(
    services: Sequence[Service], blood: Iterable[Given], claim: Claim, concurrent: Concurrent
) -> tuple[list[Draft], list[Note]]:
    """Return the drafts of every access site, the main one first, and notes."""
    by_site: dict[str, list[Service]] = {}
    for service in services:
        by_site.setdefault(service.site, []).append(service)
    blood_at: dict[str, list[tuple[int, int]]] = {}
    for one in blood:
        blood_at.setdefault(one.site, []).extend(one.stretches)
    sites = _in_order([_site(name, by_site, blood_at, claim) for name in by_site], claim)
    unsupported = [site for site in sites[1:] if not _is_needed(site, sites[0])]
    if unsupported and claim.policy.second_site == "downgrade":
        return _downgraded(services, unsupported, sites[0], blood, claim, concurrent)
    drafts: list[Draft] = []
    notes: list[Note] = []
    for place, site in enumerate(sites):
        of_site, more = _code_site(site, claim, concurrent)
        if place:
            of_site = modifiers.of_second_site(
                of_site, site.initial, claim.policy, is_supported=site not in unsupported
            )
        drafts += of_site
        notes += [*site.notes, *more]
    return drafts, notes


def _site(
    name: str, by_site: dict[str, list[Service]], blood_at: dict[str, list[tuple[int, int]]], claim: Claim
) -> Site:
    """Return one site with its candidates and its initial service."""
    rules, policy = claim.rules, claim.policy
    drugs = [service for service in by_site[name] if service.family is not Family.HYDRATION]
    fluids = [service for service in by_site[name] if service.family is Family.HYDRATION]
    notes: list[Note] = []
    if fluids and len(by_site) > 1:
        fluids, notes = _not_beside_others(name, fluids, by_site, policy.hyd_separate_site)
    if fluids:
        taken = Covered([*hydration.time_taken(drugs, policy), *blood_at.get(name, [])])
        if len(by_site) > 1 and policy.hyd_separate_site == "net":
            taken = Covered([*zip(taken.starts, taken.stops, strict=True), *_elsewhere(name, by_site)])
        fluids, more = hydration.own_time(fluids, taken, rules, policy)
        notes += more
    return Site(name, drugs, fluids, notes, choose_initial([*drugs, *fluids], claim.encounter, rules, policy))


def _elsewhere(name: str, by_site: dict[str, list[Service]]) -> list[tuple[int, int]]:
    """Return when drugs were infused at other sites."""
    return [
        stretch
        for site, services in by_site.items()
        if site != name
        for service in services
        if service.family is not Family.HYDRATION and service.technique is Technique.INFUSION
        for stretch in service.stretches
    ]


def _not_beside_others(
    name: str, fluids: list[Service], by_site: dict[str, list[Service]], how: str
) -> tuple[list[Service], list[Note]]:
    """Return the fluids that may be hydration although another site is in use, and notes."""
    elsewhere = Covered(_elsewhere(name, by_site))
    beside = [fluid for fluid in fluids if elsewhere.touches(fluid.stretches)]
    notes = [Note("HYD_SEPARATE_SITE", fluid.administration_ids) for fluid in beside]
    if how != "not_billed":
        return fluids, notes
    return [fluid for fluid in fluids if not elsewhere.touches(fluid.stretches)], notes


def _in_order(sites: list[Site], claim: Claim) -> list[Site]:
    """Return the sites, the one with the highest initial service first: the others' initials carry the modifier."""

    def place(site: Site) -> tuple[object, ...]:
        if site.initial is None:
            return (1, site.name)
        return (0, contest_key(site.initial.service, claim.rules, claim.policy))

    return sorted(sites, key=place)


def _is_needed(site: Site, main: Site) -> bool:
    """Say whether the record gives a reason for a second site."""
    return any(
        one.administration.second_site_reason
        for service in (*site.drugs, *site.fluids, *main.drugs, *main.fluids)
        for one in service.given
    )


def _downgraded(  # noqa: PLR0913, PLR0917 - passes on what code_sites was given
    services: Sequence[Service],
    unsupported: list[Site],
    main: Site,
    blood: Iterable[Given],
    claim: Claim,
    concurrent: Concurrent,
) -> tuple[list[Draft], list[Note]]:
    """Return the drafts with the sites that nothing supports made part of the main one."""
    names = {site.name for site in unsupported}
    merged = [
        replace(service, site=main.name, flags=(*service.flags, "SECOND_SITE_UNSUPPORTED"))
        if service.site in names
        else service
        for service in services
    ]
    blood = [one._replace(site=main.name) if one.site in names else one for one in blood]
    return code_sites(merged, blood, claim, concurrent)


def _code_site(site: Site, claim: Claim, concurrent: Concurrent) -> tuple[list[Draft], list[Note]]:
    """Return the drafts of one site: infusions, pushes, hydration."""
    rules, policy, initial = claim.rules, claim.policy, site.initial
    infusions = [service for service in site.drugs if service.technique is Technique.INFUSION]
    coder = InfusionCoder(initial, rules, policy, concurrent)
    coder.code(infusions)
    drafts, notes = coder.drafts, coder.notes
    by_hand = [service for service in site.drugs if service.technique is Technique.PUSH]
    if by_hand:
        pushes = PushCoder(initial, infusions, rules, policy, is_office=claim.is_office)
        pushes.code(by_hand)
        drafts, notes = drafts + pushes.drafts, notes + pushes.notes
    return drafts + hydration.code_hydration(site.fluids, initial, rules, policy), notes


def is_blood(one: Given) -> bool:
    """Say whether an administration is a transfusion, whose time no hydration has."""
    return one.identity.drug_class is DrugClass.BLOOD_PRODUCT
