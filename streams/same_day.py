"""Encounters of one patient and date: they meet on one claim, and their initial services are told apart there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from zoneinfo import ZoneInfo

import coding


def together(encounters: Sequence[coding.Encounter]) -> list[list[coding.Encounter]]:
    """The encounters in groups of one patient, claim type and payer that share dates of service, some over others.

    Each encounter is in one group, mostly alone. Groups and their members keep the order of the encounters.
    """
    groups: list[tuple[list[coding.Encounter], set[tuple[str, ...]]]] = []
    for encounter in encounters:
        marks = {(*_claim(encounter), day.isoformat()) for day in dates_of(encounter)}
        meeting = [group for group in groups if group[1] & marks]
        members = [one for group in meeting for one in group[0]] + [encounter]
        joined = members, marks.union(*(group[1] for group in meeting))
        groups = [group for group in groups if group not in meeting] + [joined]
    place = {id(encounter): number for number, encounter in enumerate(encounters)}
    ordered = [sorted(members, key=lambda one: place[id(one)]) for members, _ in groups]
    return sorted(ordered, key=lambda members: place[id(members[0])])


def _claim(encounter: coding.Encounter) -> Iterable[str]:
    return encounter.patient_id_authority, encounter.patient_id, encounter.setting.value, encounter.payer


def dates_of(encounter: coding.Encounter) -> set[date]:
    """The local dates on which its services began; none of a visit that was cancelled."""
    if encounter.is_cancelled:
        return set()
    zone = ZoneInfo(encounter.time_zone) if encounter.time_zone else None
    starts = [run.start for one in encounter.administrations for run in one.runs if run.start is not None]
    return {(start.astimezone(zone) if zone else start).date() for start in starts}
