"""Encounters over months of a clock that is only a number: closed in time, issued again in time, and not for ever."""

import random

import pytest
from hypothesis import given as for_all
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hl7_parsers.events import Action, Message
from streams.close import DueIndex
from tests.streams.build import closed, given, opened, reopened, started, void_visit, voided
from tests.streams.cluster import Cluster, assert_each_version_takes_back_the_one_before, oracle, under

HOUR = 3600.0
DAY = 24 * HOUR


def cluster(seed: int = 0, crashes: int = 0) -> Cluster:
    return Cluster(2, random.Random(seed), crashes)


def at(made: Cluster, hours: float, *messages: Message) -> None:
    """These messages, received at that hour; the timers look before and after."""
    made.tick(hours * HOUR)
    for one in messages:
        made.send(one)
    made.run()
    made.tick(hours * HOUR)


def test_a_change_a_year_after_the_first_close_is_a_finding_and_no_claim() -> None:
    made = cluster()
    at(made, 0, opened("08:00"), given("O1", "09:00", "10:00"), closed("18:00"))
    at(made, 5)
    at(made, 364 * 24, given("O2", "11:00", "12:00", drug="ondansetron"))
    assert {one for line in made.standing()["V1"] for one in line["administration_ids"]} == {"O1:1", "O2:1"}
    before = made.standing()
    at(made, 366 * 24, given("O3", "13:00", "14:00", drug="saline"))
    assert made.standing() == before
    late = [finding for finding in made.findings if finding["kind"] == "LATE_CHANGE"]
    assert [finding["administration_ids"] for finding in late] == [["O1:1", "O2:1", "O3:1"]]
    assert late[0]["codes_at_stake"] == [{"code": "96361", "units": 1}]
    at(made, 367 * 24, given("O1", "09:00", "10:00"))
    assert len({finding["finding_id"] for finding in made.findings if finding["kind"] == "LATE_CHANGE"}) == 1


def test_the_due_index_made_anew_after_recovery_is_the_one_that_was_lost() -> None:
    made = cluster()
    for number in range(40):
        made.now = number * HOUR
        made.send(under(started("O1") if number % 3 else given("O1"), f"SYN{number % 7}", f"V{number}"))
        if number % 5 == 0:
            made.send(under(closed("18:00"), f"SYN{number % 7}", f"V{number}"))
        made.run()
    for number, applier in made.appliers.items():
        before = applier.partition(number).due
        applier.index_due(number)
        after: DueIndex[object] = applier.partition(number).due  # type: ignore[assignment]
        assert len(after) == len(before) > 5
        assert after.pop_due(1e9) == before.pop_due(1e9)


NEWS = st.tuples(
    st.floats(0, 60 * 24),
    st.sampled_from(
        [
            opened("08:00"),
            closed("18:00"),
            reopened("19:00"),
            started("O1", at="09:00"),
            given("O1", "09:00", "10:00", action=Action.UPDATE),
            given("O2", "10:00", "11:30", drug="ondansetron"),
            voided("O2", at="10:00", drug="ondansetron"),
            closed("20:00"),
            void_visit("21:00"),
        ]
    ),
    st.sampled_from(["V1", "V2"]),
)


@for_all(news=st.lists(NEWS, min_size=1, max_size=10), seed=st.integers(0, 1000), crashes=st.integers(0, 3))
@hypothesis_settings(deadline=None, max_examples=60)
def test_months_of_news_end_in_the_set_of_the_same_news_on_time(
    news: list[tuple[float, Message, str]], seed: int, crashes: int
) -> None:
    """Every encounter closes by itself, and every late event ends in the set it would have made in time."""
    made = cluster(seed, crashes)
    for hours, one, visit in sorted(news, key=lambda each: each[0]):
        at(made, hours, under(one, "SYN1", visit))
    for day in range(61, 61 + 40):
        made.tick(day * DAY)
    messages = [under(one, "SYN1", visit) for _, one, visit in news]
    for number, applier in made.appliers.items():
        assert len(applier.partition(number).due) == 0
    lines, findings = oracle(messages)
    assert made.standing() == lines
    assert made.open_findings() == findings
    assert_each_version_takes_back_the_one_before(made.published, is_calm=not crashes)


@pytest.mark.parametrize("hours", [3.9, 4.1])
def test_a_discharge_waits_its_grace(hours: float) -> None:
    made = cluster()
    at(made, 0, given("O1", "09:00", "10:00"), closed("18:00"))
    at(made, hours)
    assert bool(made.standing()) is (hours > 4)
