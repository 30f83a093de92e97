"""The wall clock of the synthetic hospital: New York time, every stamp with its offset."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

FACILITY_ZONE = ZoneInfo("America/New_York")


def on(day: date, clock: str) -> datetime:
    """The moment the wall clock shows `HH:MM` on `day`."""
    return datetime.combine(day, time.fromisoformat(clock), FACILITY_ZONE)


def later(moment: datetime, minutes: float) -> datetime:
    """`minutes` of real time after `moment`; goes through UTC, since zoned arithmetic would move the wall clock."""
    return (moment.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(FACILITY_ZONE)


def minutes_between(start: datetime, stop: datetime) -> int:
    """Whole minutes of real time from `start` to `stop`."""
    return int((stop.astimezone(UTC) - start.astimezone(UTC)).total_seconds() // 60)


def stamp(moment: datetime) -> str:
    """HL7 DTM to the second with the local offset, such as `20260302080000-0500`."""
    return moment.strftime("%Y%m%d%H%M%S%z")
