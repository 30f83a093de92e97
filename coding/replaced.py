"""Access sites that took another's place: a run went on there, and the other was used no more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from msgspec.structs import replace

from coding.services import Service

Running = Mapping[str, Sequence[tuple[int, int]]]  # access site: when something outside the contest ran there


def in_place(services: list[Service], running: Running) -> tuple[list[Service], Running]:
    """Return the services and what ran besides, those at a site that took another's place put to that one.

    A line that is placed anew, after infiltration say, is no second access site: no two were in use at once, and
    there is one initial service. A charted need keeps it apart. Source: CPT on restarts, by way of Revenue Cycle
    Advisor; NCCI Policy Manual, ch. XI.
    """
    moves = [service for service in services if "RELOCATED" in service.flags]
    first = _first_sites(moves, _in_use(services, running)) if moves else {}
    if not first:
        return services, running
    put = [
        replace(service, site=first[service.site], flags=(*service.flags, "SITE_REPLACED"))
        if service.site in first
        else service
        for service in services
    ]
    ran: dict[str, list[tuple[int, int]]] = {}
    for site, runs in running.items():
        ran.setdefault(first.get(site, site), []).extend(runs)
    return put, ran


def _in_use(services: Iterable[Service], running: Running) -> dict[str, tuple[int, int]]:
    """Return each site's first start and last stop."""
    times = [
        (one.site, one.start, one.stretches[-1][1] if one.stretches else one.start)
        for service in services
        for one in service.given
    ]
    times += [(site, start, stop) for site, runs in running.items() for start, stop in runs]
    used: dict[str, tuple[int, int]] = {}
    for site, start, stop in times:
        opens, closes = used.get(site, (start, stop))
        used[site] = (min(opens, start), max(closes, stop))
    return used


def _first_sites(moves: Iterable[Service], used: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    """Return the sites that took another's place, each with the first of those whose place it has."""
    first: dict[str, str] = {}
    for service in sorted(moves, key=lambda service: (service.start, service.ids)):
        for before, after in pairwise(service.given):
            is_needed = bool(after.administration.second_site_reason)
            if before.site != after.site and not is_needed and used[before.site][1] <= used[after.site][0]:
                first[after.site] = first.get(before.site, before.site)
    return first
