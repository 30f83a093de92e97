"""Which service is the initial one at an access site."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from coding.claim import Family, Reason
from coding.encounter import Encounter, Setting
from coding.policy import Policy
from coding.rules import Rules
from coding.services import Service, Technique
from coding.tables import engine_numbers


class Initial(NamedTuple):
    """The initial service of a site and how it was chosen."""

    service: Service
    reasons: tuple[Reason, ...]
    flags: tuple[str, ...]


def rank_of(service: Service, rules: Rules) -> int:
    """Return a service's place in the facility's order, 1 first. Source: CMS Pub. 100-04, ch. 4, sec. 230.2."""
    if service.family is Family.CHEMOTHERAPY:
        chemotherapy = rules.chemotherapy
        return chemotherapy.infusion_rank if service.technique is Technique.INFUSION else chemotherapy.push_rank
    if service.family is Family.THERAPEUTIC:
        therapeutic = rules.therapeutic
        return therapeutic.infusion_rank if service.technique is Technique.INFUSION else therapeutic.push_rank
    return rules.hydration.rank


def contest_key(service: Service, rules: Rules, policy: Policy) -> tuple[object, ...]:
    """Return what orders the candidates of a site, the least first.

    Among services of one rank CPT and CMS leave the choice open; `initial_tiebreak` makes it. All services of one
    rank have one fee, so that `payer_fee_first` falls to the longest.
    """
    minutes = service.minutes if service.technique is Technique.INFUSION else 0
    order: tuple[object, ...] = (-minutes, service.start, service.resource_rank)
    if policy.initial_tiebreak == "first_start":
        order = (service.start, service.resource_rank, -minutes)
    elif policy.initial_tiebreak == "resource_rank_first":
        order = (service.resource_rank, -minutes, service.start)
    return (rank_of(service, rules), *order, service.ids)


def choose_initial(candidates: Sequence[Service], encounter: Encounter, rules: Rules, policy: Policy) -> Initial | None:
    """Return the initial service among a site's candidates; None when there are none.

    A hospital's follows the order of ranks, whatever the clock says. A practitioner's is what the visit was for, when
    the clinic says so. Source: CMS Pub. 100-04, ch. 4, sec. 230.2 and ch. 12, sec. 30.5.
    """
    if not candidates:
        return None
    by_rank = min(candidates, key=lambda service: contest_key(service, rules, policy))
    if encounter.setting is Setting.FACILITY:
        return Initial(by_rank, (_by_rank(by_rank, candidates, rules, policy),), ())
    reason = _for_reason(candidates, encounter.primary_reason_administration_id)
    if reason is None:
        return _assumed(by_rank, candidates, encounter, rules, policy)
    if reason.family is Family.HYDRATION and policy.pro_hyd_primary == "rank_override" and reason is not by_rank:
        return Initial(by_rank, (policy.wording["INITIAL_OVERRIDE"].say(),), ())
    return Initial(reason, (policy.wording["INITIAL_REASON"].say(),), ())


def _by_rank(initial: Service, candidates: Sequence[Service], rules: Rules, policy: Policy) -> Reason:
    """Return why a service is initial by rank."""
    if len(candidates) == 1:
        return policy.wording["INITIAL_ALONE"].say()
    rank = rank_of(initial, rules)
    rivals = sum(rank_of(service, rules) == rank for service in candidates)
    if rivals == 1:
        return policy.wording["INITIAL_RANK"].say(rank=rank, count=len(candidates))
    return policy.wording["INITIAL_TIE"].say(rank=rank, rivals=rivals, minutes=initial.minutes)


def _for_reason(candidates: Iterable[Service], administration_id: str) -> Service | None:
    """Return the candidate that the visit was for."""
    if not administration_id:
        return None
    return next((service for service in candidates if administration_id in service.ids), None)


def _assumed(
    by_rank: Service, candidates: Sequence[Service], encounter: Encounter, rules: Rules, policy: Policy
) -> Initial:
    """Return the initial service of a visit whose reason is not known, or is not reportable."""
    if len(candidates) == 1:
        return Initial(by_rank, (policy.wording["INITIAL_ALONE"].say(),), ())
    flags = ("PRIMARY_REASON_MISSING",) if policy.pro_initial_fallback == "hold" else ("PRIMARY_REASON_ASSUMED",)
    if policy.pro_initial_fallback == "longest":
        by_rank = min(candidates, key=lambda service: (-service.minutes, service.start, service.ids))
        return Initial(by_rank, (policy.wording["INITIAL_LONGEST"].say(minutes=by_rank.minutes),), flags)
    return Initial(by_rank, (_by_rank(by_rank, candidates, rules, policy),), flags)


def nothing_rank() -> int:
    """Return a rank below every service that can be initial."""
    return engine_numbers()["nothing_rank"]
