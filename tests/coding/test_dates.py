"""Instants: whole microseconds from 1970."""

from datetime import UTC, datetime, timedelta, timezone

from coding.dates import instant, moment_of


def test_an_instant_counts_days_seconds_and_fractions():
    moment = datetime(1970, 1, 2, 0, 0, 1, 500_000, UTC)
    assert instant(moment) == (24 * 60 * 60 + 1) * 1_000_000 + 500_000
    assert moment_of(instant(moment), UTC) == moment


def test_an_instant_is_the_same_in_every_zone():
    there = datetime(2025, 1, 6, 8, 0, tzinfo=timezone(timedelta(hours=-5)))
    assert instant(there) == instant(there.astimezone(UTC))
