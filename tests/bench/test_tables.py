"""What the figures are printed as, and how a pace is taken from looks at a consumer."""

import pytest

from tests.bench.__main__ import document, renewed
from tests.bench.processes import Look, pace
from tests.bench.tables import Spread, Table, plain, ratios


def test_a_spread_shows_the_median_between_the_least_and_the_greatest() -> None:
    assert str(Spread.of([3.0, 1.0, 2.0, 900.0])) == "2.50 (1.00 - 900)"


def test_a_ratio_is_taken_within_its_round() -> None:
    assert ratios([1.0, 20.0], [2.0, 10.0]) == Spread(0.5, 1.25, 2.0)


@pytest.mark.parametrize(
    ("figure", "shown"), [(0.0, "0.00"), (0.01234, "0.0123"), (1.234, "1.23"), (12.34, "12.3"), (12345.6, "12,346")]
)
def test_a_figure_has_three_digits_and_marked_thousands(figure: float, shown: str) -> None:
    assert plain(figure) == shown


def test_a_table_is_the_same_in_both_forms() -> None:
    table = Table("Title", "About.", ["what", "µs"], [["one", 1.0], ["two", Spread(1, 2, 3)]])
    assert table.markdown().splitlines()[-3:] == ["| --- | ---: |", "| one | 1.00 |", "| two | 2.00 (1.00 - 3.00) |"]
    assert [line.split() for line in table.text().splitlines()[4:6]] == [
        ["one", "1.00"],
        ["two", "2.00", "(1.00", "-", "3.00)"],
    ]


def test_a_pace_leaves_out_what_came_before_the_first_commit() -> None:
    looks = [Look(10.0, 500, 1.0), Look(10.5, 1000, 1.1), Look(11.0, 2500, 1.5)]
    found = pace(looks, is_timed=False)
    assert (found.per_second, round(found.cpu_micro)) == (2000.0, 250)


def test_a_last_commit_that_waited_for_the_clock_does_not_count() -> None:
    looks = [Look(10.0, 500, 1.0), Look(10.5, 1000, 1.1), Look(11.0, 1001, 1.5)]
    assert pace(looks, is_timed=True).per_second == 1000.0


def test_a_renewed_table_takes_the_place_of_its_title_and_leaves_the_others() -> None:
    one, other = (Table(title, "About.", ["a"], [["old"]]) for title in ("One", "Other"))
    facts = {"date": "2026-01-01", "Python": "3.11", "load at the start": "0.1"}
    new = [Table("One", "About.", ["a"], [["new"]]), Table("Third", "About.", ["a"], [["more"]])]
    text = renewed(document(facts, [one, other]), facts, new)
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## One", "## Other", "## Third"]
    assert [text.count(f"| {word} |") for word in ("old", "new", "more")] == [1, 1, 1]
