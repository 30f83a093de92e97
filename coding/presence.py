"""When the patient was the hospital's outpatient, and what of a running time lies inside."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from sys import maxsize

from msgspec import Struct

from coding.dates import instant, local_date, zone_named
from coding.encounter import Encounter, PatientStatus
from coding.stretches import Stretches, union, within

ENDLESS = maxsize  # later than any instant, in microseconds


class Presence(Struct, frozen=True, gc=False):
    """When the patient was the hospital's outpatient: microseconds; None where nothing bounds it."""

    arrived: int | None
    departed: int | None
    inpatient: Stretches  # in order; the last may be open-ended
    zone: tzinfo | None
    opens: int  # between these two nothing is cut; nothing is between them when the patient was an inpatient too
    closes: int


def presence_of(encounter: Encounter) -> Presence:
    """Return when the patient was the hospital's outpatient."""
    arrived = instant(encounter.arrived_at) if encounter.arrived_at else None
    departed = instant(encounter.departed_at) if encounter.departed_at else None
    inpatient = _inpatient(encounter) if encounter.status_changes else ()
    opens, closes = -ENDLESS if arrived is None else arrived, ENDLESS if departed is None else departed
    zone = zone_named(encounter.time_zone)
    return Presence(arrived, departed, inpatient, zone, ENDLESS if inpatient else opens, closes)


def _inpatient(encounter: Encounter) -> Stretches:
    """Return when the patient was an inpatient."""
    stretches: list[tuple[int, int]] = []
    since: int | None = None
    for change in encounter.status_changes:
        at = instant(change.at)
        if change.status is PatientStatus.INPATIENT:
            since = at if since is None else since
        elif since is not None:
            stretches.append((since, at))
            since = None
    if since is not None:
        stretches.append((since, instant(datetime.max.replace(tzinfo=encounter.status_changes[-1].at.tzinfo))))
    return union(stretches)


def first_date(encounter: Encounter, zone: tzinfo | None) -> date | None:
    """Return the local date of the first documented time: its rules code the encounter. None when there is no time."""
    times = [time for one in encounter.administrations for run in one.runs if (time := run.start or run.stop)]
    first = min(times) if times else encounter.arrived_at
    return local_date(first, zone) if first else None


def inside(stretches: Stretches, start: int, stop: int, presence: Presence) -> tuple[Stretches, tuple[str, ...]]:
    """Return the running time inside the outpatient stay, and what crosses its edges.

    Only what the hospital ran is the hospital's, and an inpatient has no lines. Source: CMS Pub. 100-04, ch. 4,
    sec. 230.2; Noridian on the payment window.
    """
    arrived, departed = presence.arrived, presence.departed
    if any(since <= start < until and stop <= until for since, until in presence.inpatient):
        return (), ("INPATIENT",)
    if arrived is not None and (stop < arrived or (stretches and stop == arrived)):
        return stretches, ("GIVEN_BEFORE_ARRIVAL",)
    if departed is not None and (start > departed or (stretches and start == departed)):
        return stretches, ("GIVEN_AFTER_DEPARTURE",)
    if not stretches:
        return stretches, ()
    return _clipped(stretches, start, stop, presence)


def _clipped(stretches: Stretches, start: int, stop: int, presence: Presence) -> tuple[Stretches, tuple[str, ...]]:
    """Return the running time without what lies before arrival, after departure or in an inpatient stay."""
    arrived, departed, kept = presence.arrived, presence.departed, stretches
    kinds: tuple[str, ...] = ()
    if arrived is not None and start < arrived:
        kept, kinds = within(kept, arrived, stop), ("RUNNING_ON_ARRIVAL",)
    if departed is not None and stop > departed:
        kept, kinds = within(kept, start, departed), (*kinds, "STATUS_CHANGE")
    for since, until in presence.inpatient:
        if since < stop and start < until:
            kept, kinds = (*within(kept, start, since), *within(kept, until, stop)), (*kinds, "STATUS_CHANGE")
    if kept:
        return kept, kinds
    return ((), ("INPATIENT",)) if presence.inpatient else (stretches, (*kinds, "GIVEN_AFTER_DEPARTURE"))
