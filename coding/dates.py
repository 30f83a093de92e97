"""Instants and local dates: aware datetimes in, whole microseconds and dates out."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from coding.errors import RuleError

MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1) // MICROSECOND  # microseconds
MINUTE = 60 * SECOND
DAY = timedelta(days=1) // MICROSECOND
EPOCH = datetime.fromtimestamp(0, UTC)


def instant(moment: datetime) -> int:
    """Return the microseconds from 1970 to an aware moment, so that clock changes cannot shift a duration."""
    since = moment - EPOCH
    return since.days * DAY + since.seconds * SECOND + since.microseconds


def moment_of(at: int, zone: tzinfo | None) -> datetime:
    """Return the aware moment of an instant, in a zone."""
    return (EPOCH + timedelta(microseconds=at)).astimezone(zone)


@lru_cache
def zone_named(time_zone: str) -> tzinfo | None:
    """Return the zone that local dates are of; None when only the offsets of the times are known.

    Raises:
        RuleError: no such time zone.
    """
    if not time_zone:
        return None
    try:
        return ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError) as unknown:
        raise RuleError("the encounter's time zone is not an IANA name that is installed") from unknown


def local_date(moment: datetime, zone: tzinfo | None) -> date:
    """Return the date of a moment where the patient was."""
    return moment.astimezone(zone).date() if zone else moment.date()


def date_at(at: int, zone: tzinfo) -> date:
    """Return the local date of an instant."""
    return moment_of(at, zone).date()


def midnight_after(day: date, zone: tzinfo) -> int:
    """Return the instant at which a local date ends."""
    next_day = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)
    return instant(next_day.astimezone(UTC))
