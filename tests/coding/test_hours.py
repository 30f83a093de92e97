"""Hours of running time: edges in pairs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coding.hours import additional_hours, all_hours, repeat_hours

MORE = 31


@pytest.mark.parametrize(
    ("minutes", "hours"),
    [(16, 0), (59, 0), (60, 0), (90, 0), (91, 1), (150, 1), (151, 2), (157, 2), (312, 4), (540, 8)],
)
def test_additional_hours_begin_31_minutes_past_a_full_one(minutes, hours):
    assert additional_hours(minutes, MORE) == hours


@pytest.mark.parametrize(
    ("minutes", "hours"), [(30, 0), (31, 1), (90, 1), (91, 2), (120, 2), (150, 2), (151, 3), (510, 8)]
)
def test_all_hours_count_the_last_part_from_31_minutes(minutes, hours):
    assert all_hours(minutes, MORE) == hours


@pytest.mark.parametrize(("minutes", "hours"), [(15, 0), (16, 1), (60, 1), (90, 1), (91, 2)])
def test_a_later_dose_is_an_hour_at_least(minutes, hours):
    assert repeat_hours(minutes, 16, MORE) == hours


@given(minutes=st.integers(61, 5000))
def test_past_the_first_hour_both_ways_of_counting_agree(minutes):
    assert additional_hours(minutes, MORE) == all_hours(minutes, MORE) - 1
