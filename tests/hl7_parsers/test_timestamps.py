"""HL7 times: the right instant with its precision and the source of its offset, or none at all."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7_parsers.timestamps import Clock, ReadTime, message_clock, read_time

NO_ZONE = Clock()
NEW_YORK = Clock(None, ZoneInfo("America/New_York"))
EST, EDT = timezone(timedelta(hours=-5)), timezone(timedelta(hours=-4))


@pytest.mark.parametrize(
    ("text", "iso", "precision"),
    [
        ("20250106093015-0500", "2025-01-06T09:30:15-05:00", "second"),
        ("202501060930-0500", "2025-01-06T09:30:00-05:00", "minute"),
        ("2025010609-0500", "2025-01-06T09:00:00-05:00", "hour"),
        ("20250106-0500", "2025-01-06T00:00:00-05:00", "day"),
        ("202501-0500", "2025-01-01T00:00:00-05:00", "month"),
        ("2025-0500", "2025-01-01T00:00:00-05:00", "year"),
        ("20250106093015.1234-0500", "2025-01-06T09:30:15.123400-05:00", "fraction"),
        ("20250106093015-500", "2025-01-06T09:30:15-05:00", "second"),  # three digits, as in HL7's own examples
        ("20250106093015+0530", "2025-01-06T09:30:15+05:30", "second"),
        ("20250106093015-0000", "2025-01-06T09:30:15+00:00", "second"),
        ("20250106240000-0500", "2025-01-07T00:00:00-05:00", "second"),
        ("2025123124-0500", "2026-01-01T00:00:00-05:00", "hour"),
        ("20250106093060-0500", "2025-01-06T09:31:00-05:00", "second"),
        (" 20250106093015-0500 ", "2025-01-06T09:30:15-05:00", "second"),
        ("2025-01-06T09:30:15-05:00", "2025-01-06T09:30:15-05:00", "second"),
        ("2025-01-06T09:30:15.5Z", "2025-01-06T09:30:15.500000+00:00", "fraction"),
        ("2025-01-06 09:30-0500", "2025-01-06T09:30:00-05:00", "minute"),
        ("20240229120000-0500", "2024-02-29T12:00:00-05:00", "second"),
    ],
)
def test_a_time_with_an_offset_is_that_instant(text: str, iso: str, precision: str) -> None:
    time, remark, _, _ = read_time(text, NEW_YORK)
    assert time is not None
    assert (time.at.isoformat(), time.precision, time.offset_from, remark) == (iso, precision, "field", "")


@pytest.mark.parametrize(
    "text",
    [
        "junk",
        "19871651",  # month 16
        "20250230",
        "2025013",  # seven digits
        "20250106093",
        "202501060930150",  # fifteen
        "20250106093015123",  # seventeen
        "20250106253000",
        "20250106096000",
        "20250106240001",
        "20250106093061",
        "20250106093015-05",
        "20250106093015-0560",
        "20250106093015-2300",
        "20250106093015-0500-0500",
        "2014/09/09 10:00",
        "01/06/2025 9:30 AM",
        "9999-99-99T00:00:00",
        "99999999999999",
        "00010101000000",
        "18991231235959-0500",
        "٢٠٢٥٠١٠٦",
        "20250106.5",
        "1" * 5000,
    ],
)
def test_what_is_no_time_gives_none_and_a_remark(text: str) -> None:
    assert read_time(text, NEW_YORK) == ReadTime(remark="TIME_UNREADABLE", doubts=("TIME_UNREADABLE",))


@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_an_empty_time_is_neither_a_time_nor_a_remark(text: str) -> None:
    assert read_time(text, NO_ZONE) == ReadTime()


def test_the_offset_is_the_fields_then_the_messages_then_the_senders() -> None:
    at = "20250106093000"
    clock, sent = message_clock("20250106100000-0600", ZoneInfo("America/New_York"))
    assert sent.time is not None
    assert sent.time.offset_from == "field"
    own, default = read_time(at + "-0700", clock).time, read_time(at, clock).time
    assert own is not None
    assert default is not None
    assert (own.at.isoformat(), own.offset_from) == ("2025-01-06T09:30:00-07:00", "field")
    assert (default.at.isoformat(), default.offset_from) == ("2025-01-06T09:30:00-06:00", "message")
    clock, _ = message_clock("20250106100000", ZoneInfo("America/New_York"))
    zoned = read_time(at, clock).time
    assert zoned is not None
    assert (zoned.at.isoformat(), zoned.offset_from) == ("2025-01-06T09:30:00-05:00", "sender")
    clock, _ = message_clock("20250106100000", None)
    assumed = read_time(at, clock).time
    assert assumed is not None
    assert (assumed.at.isoformat(), assumed.offset_from) == ("2025-01-06T09:30:00+00:00", "assumed")


@pytest.mark.parametrize(
    ("text", "at", "remark"),
    [
        ("20250309015959", datetime(2025, 3, 9, 1, 59, 59, tzinfo=EST), ""),
        ("20250309020000", datetime(2025, 3, 9, 2, tzinfo=EST), "TIME_NONEXISTENT"),
        ("20250309023000", datetime(2025, 3, 9, 2, 30, tzinfo=EST), "TIME_NONEXISTENT"),
        ("20250309030000", datetime(2025, 3, 9, 3, tzinfo=EDT), ""),
        ("20251102005959", datetime(2025, 11, 2, 0, 59, 59, tzinfo=EDT), ""),
        ("20251102013000", datetime(2025, 11, 2, 1, 30, tzinfo=EDT), "TIME_AMBIGUOUS"),
        ("20251102020000", datetime(2025, 11, 2, 2, tzinfo=EST), ""),
        ("20251102", datetime(2025, 11, 2, tzinfo=EDT), ""),  # a day is not ambiguous
        ("20250701120000", datetime(2025, 7, 1, 12, tzinfo=EDT), ""),
    ],
)
def test_nights_on_which_the_clock_changes_are_remarked_on(text: str, at: datetime, remark: str) -> None:
    found = read_time(text, NEW_YORK)
    assert found.time is not None
    assert found.time.at == at
    assert found.time.at.utcoffset() == at.utcoffset()
    assert found.remark == remark


def test_an_ambiguous_time_has_a_later_reading_an_hour_on() -> None:
    first, _, later, _ = read_time("20251102013000", NEW_YORK)
    assert first is not None
    assert later is not None
    assert later.at - first.at == timedelta(hours=1)


def test_differences_are_minutes_that_passed() -> None:
    before, after = (read_time(text, NEW_YORK).time for text in ("20251101230000", "20251102050000"))
    assert before is not None
    assert after is not None
    assert after.at - before.at == timedelta(hours=7)


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31)),  # noqa: DTZ001 - a wall clock
    st.integers(-14 * 60, 14 * 60),
)
def test_every_instant_that_can_be_written_is_read_back(moment: datetime, offset: int) -> None:
    aware = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=offset)))
    for text in (aware.strftime("%4Y%m%d%H%M%S%z"), aware.isoformat()):
        found = read_time(text, NEW_YORK)
        assert found.time is not None
        assert found.time.at == aware
        assert found.time.at.utcoffset() == aware.utcoffset()


@given(st.text(max_size=30) | st.from_regex(r"[0-9.:T+-]{1,26}", fullmatch=True))
def test_any_text_is_a_time_or_a_remark(text: str) -> None:
    found = read_time(text, NEW_YORK)
    if found.time is None:
        assert found.remark or not text.strip()
    else:
        assert found.time.at.astimezone(UTC).year in range(1899, 2201)
