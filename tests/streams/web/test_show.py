"""How values are written for a person."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.web import show

KINDS = tomllib.loads((files("coding") / "data" / "findings.toml").read_text())


def test_labels_are_of_findings_that_there_are() -> None:
    for part in tomllib.loads((files("streams.web") / "labels.toml").read_text()).values():
        assert set(part) <= {*KINDS, "LATE_CHANGE"}  # which the stream alone knows


@pytest.mark.parametrize("kind", ["NO_STOP", "NO_START", "TIME_MISSING", "TIME_UNREADABLE", "DOSE_MISSING"])
def test_what_holds_a_line_for_want_of_a_message_names_it(kind: str) -> None:
    assert KINDS[kind]["severity"] == "hold"
    assert "RAS" in show.missing(kind)


@given(st.sets(st.integers(0, 200)))
def test_ranges_are_the_same_numbers(numbers: set[int]) -> None:
    told = [part.split("\u2013") for part in show.ranges(numbers).split(", ") if part]
    back = [one for first, *last in told for one in range(int(first), int(last[0] if last else first) + 1)]
    assert back == sorted(numbers)


@given(st.floats(0, 1e9))
def test_a_number_is_within_its_last_digit(value: float) -> None:
    text = show.number(value).replace("\u202f", "")
    assert abs(float(text) - value) <= (0.06 if value < 10 else 0.51)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (90061, "1 d 1 h"), (-5, "0 s")],
)
def test_an_age_is_told_in_two_units(seconds: float, text: str) -> None:
    assert show.age(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "longest", "text"),
    [(0.0123, 10, "12.3 ms"), (2.5, 10, "2.5 s"), (125, 900, "2 min 5 s"), (float("inf"), 86400, "over 1 d")],
)
def test_a_quantile_says_its_unit(seconds: float, longest: float, text: str) -> None:
    assert show.quantile(seconds, longest) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [("A|B", "A | B"), ("|B", "\u2013 | B"), ("|", "(names no sender)"), ("(no sender)", "(no sender)")],
)
def test_a_sender_is_named_as_it_names_itself(name: str, text: str) -> None:
    assert show.sender(name) == text
