"""Which service is the initial one at an access site."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from coding.claim import Family, Reason
from coding.encounter import Encounter, Setting
from coding.policy import Policy
from coding.services import Service, Technique

# Bound once: on Python 3.11 a member looked up on its class costs ten times as much.
INFUSION = Technique.INFUSION

# What decides a tie, as it is told: in the order of what stands behind the rank in `contest_key`.
MINUTES, START, RESOURCE, NAME = "the most minutes", "the first start", "the rank of its resources", "its identifier"
LONGEST_FIRST = (MINUTES, START, RESOURCE, NAME)
DECIDED_BY = {
    "first_start": (START, RESOURCE, MINUTES, NAME),
    "resource_rank_first": (RESOURCE, MINUTES, START, NAME),
}


class Initial(Struct, frozen=True, gc=False):
    """The initial service of a site and how it was chosen."""

    service: Service
    reasons: tuple[Reason, ...]
    flags: tuple[str, ...]


def contest_key(policy: Policy) -> Callable[[Service], tuple[object, ...]]:
    """Return what orders the candidates of a site, the least first.

    Among services of one rank CPT and CMS leave the choice open; `initial_tiebreak` makes it. All services of one
    rank have one fee, so that `payer_fee_first` falls to the longest.
    """
    return ORDERS.get(policy.initial_tiebreak, _longest_first)


def _longest_first(one: Service) -> tuple[object, ...]:
    """Return a service's place by minutes; a push has none."""
    minutes = one.minutes if one.technique is INFUSION else 0
    return (one.rank, -minutes, one.start, one.resource_rank, one.ids)


def _first_start(one: Service) -> tuple[object, ...]:
    """Return a service's place by the clock."""
    minutes = one.minutes if one.technique is INFUSION else 0
    return (one.rank, one.start, one.resource_rank, -minutes, one.ids)


def _resource_rank_first(one: Service) -> tuple[object, ...]:
    """Return a service's place by what it takes."""
    minutes = one.minutes if one.technique is INFUSION else 0
    return (one.rank, one.resource_rank, -minutes, one.start, one.ids)


ORDERS = {"first_start": _first_start, "resource_rank_first": _resource_rank_first}


def choose_initial(
    candidates: Sequence[Service], encounter: Encounter, policy: Policy, *, is_elsewhere: bool = False
) -> Initial | None:
    """Return the initial service among a site's candidates; None when there are none.

    A hospital's follows the order of ranks, whatever the clock says. A practitioner's is what the visit was for, when
    the clinic says so; where that is the initial service of another site, this one follows the ranks too.
    Source: CMS Pub. 100-04, ch. 4, sec. 230.2 and ch. 12, sec. 30.5.
    """
    if not candidates:
        return None
    ranked = sorted(candidates, key=contest_key(policy))
    if encounter.setting is Setting.FACILITY or is_elsewhere:
        return Initial(ranked[0], (_by_rank(ranked, policy),), ())
    wanted = encounter.primary_reason_administration_id
    reason = for_reason(candidates, wanted)
    if reason is None:
        return _assumed(ranked, policy, is_unusable=bool(wanted))
    if reason.family is Family.HYDRATION and policy.pro_hyd_primary == "rank_override" and reason is not ranked[0]:
        return Initial(ranked[0], (policy.wording["INITIAL_OVERRIDE"].say(),), ())
    return Initial(reason, (policy.wording["INITIAL_REASON"].say(),), ())


def _by_rank(ranked: Sequence[Service], policy: Policy) -> Reason:
    """Return why the first of the candidates in order is initial by rank."""
    if len(ranked) == 1:
        return policy.wording["INITIAL_ALONE"].say()
    rank = ranked[0].rank
    if ranked[1].rank != rank:
        return policy.wording["INITIAL_RANK"].say(rank=rank, count=len(ranked))
    rivals = sum([one.rank == rank for one in ranked])
    return policy.wording["INITIAL_TIE"].say(rank=rank, rivals=rivals, decided=_decided_by(ranked, policy))


def _decided_by(ranked: Sequence[Service], policy: Policy) -> str:
    """Return what set the first of several services of one rank apart from the second."""
    key, names = contest_key(policy), DECIDED_BY.get(policy.initial_tiebreak, LONGEST_FIRST)
    first, second = key(ranked[0]), key(ranked[1])
    at = 1  # behind the rank
    while first[at] == second[at]:
        at += 1
    return names[at - 1]


def _first_ones(candidates: Sequence[Service]) -> list[Service]:
    """Return the candidates that have a code of a first service: not a push of a drug that is infused there too.

    One lead line per drug and site: such a drug's is its infusion's.
    """
    infused = {service.ingredient for service in candidates if service.technique is INFUSION}
    return [one for one in candidates if one.technique is INFUSION or one.ingredient not in infused]


def for_reason(candidates: Sequence[Service], administration_id: str) -> Service | None:
    """Return the candidate that the visit was for and that has a code of a first service."""
    if not administration_id:
        return None
    return next((service for service in _first_ones(candidates) if administration_id in service.ids), None)


def _assumed(ranked: Sequence[Service], policy: Policy, *, is_unusable: bool) -> Initial:
    """Return the initial service of a visit whose reason is not known, or is not reportable.

    A drug alone is initial for any reason; it is looked at when the reason that was given is none of the services.
    """
    if len({one.ingredient for one in ranked}) == 1:
        return Initial(ranked[0], (_by_rank(ranked, policy),), ("PRIMARY_REASON_ASSUMED",) if is_unusable else ())
    flags = ("PRIMARY_REASON_MISSING",) if policy.pro_initial_fallback == "hold" else ("PRIMARY_REASON_ASSUMED",)
    if policy.pro_initial_fallback == "longest":
        longest = min(_first_ones(ranked), key=lambda one: (-one.minutes, one.rank, one.start, one.ids))
        return Initial(longest, (policy.wording["INITIAL_LONGEST"].say(minutes=longest.minutes),), flags)
    return Initial(ranked[0], (_by_rank(ranked, policy),), flags)
