"""Published tables on the first and the last day of what they speak for, and on the days beside."""

from datetime import date

import pytest

from coding import Issue, LimitRow, Setting, load_tables

LATER = date(2030, 1, 1)  # after every built-in row, whose issue has no end


def units_on(day: date, *issues: Issue) -> int | None:
    limit = load_tables(issues).on(day, Setting.FACILITY).limits.get("96375")
    return limit.units if limit else None


def issue(since: date, until: date, units: int, deleted: date | None = None, effective: date = LATER) -> Issue:
    row = LimitRow("96375", effective, deleted, units, "3")
    return Issue("limits", Setting.FACILITY, f"limits {since}", since, until, (row,))


@pytest.mark.parametrize(
    ("day", "units"), [(date(2030, 3, 31), 1), (date(2030, 4, 1), 2), (date(2030, 6, 30), 2), (date(2030, 7, 1), 3)]
)
def test_an_issue_speaks_for_its_first_and_its_last_day(day: date, units: int) -> None:
    quarters = [(date(2030, 1, 1), date(2030, 3, 31), 1), (date(2030, 4, 1), date(2030, 6, 30), 2)]
    assert units_on(day, *[issue(*one) for one in quarters], issue(date(2030, 7, 1), date.max, 3)) == units


@pytest.mark.parametrize(
    ("day", "units"),
    [(date(2030, 1, 31), None), (date(2030, 2, 1), 5), (date(2030, 2, 28), 5), (date(2030, 3, 1), None)],
)
def test_a_row_is_in_force_from_its_first_to_its_last_day(day: date, units: int | None) -> None:
    assert units_on(day, issue(LATER, date.max, 5, date(2030, 2, 28), date(2030, 2, 1))) == units


def test_what_is_remembered_of_a_day_is_nothing_of_the_next() -> None:
    tables = load_tables([issue(LATER, date.max, 4, deleted=date(2030, 1, 31))])
    assert "96375" in tables.on(date(2030, 1, 31), Setting.FACILITY).limits
    assert "96375" not in tables.on(date(2030, 2, 1), Setting.FACILITY).limits
