"""When an encounter is due, with a clock that is only a number."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.close import NEVER, DueIndex, Patience, Standing
from streams.records import CloseFact, Fact
from tests.streams.build import closed, fact, opened, reopened, started, void_visit

HOUR = 3600.0
PATIENCE = Patience.of(timedelta(hours=4), timedelta(hours=24), timedelta(days=30))


def standing(*facts: Fact) -> Standing:
    made = Standing()
    for one in facts:
        made.take(one)
    return made


def test_a_discharged_encounter_is_due_after_its_grace() -> None:
    made = standing(fact(opened(), received=0), fact(closed(), received=10 * HOUR))
    assert made.due(PATIENCE) == (14 * HOUR, "discharge")


def test_a_quiet_encounter_is_due_after_the_quiet_period() -> None:
    made = standing(fact(opened(), received=0), fact(started("O1"), received=2 * HOUR))
    assert made.due(PATIENCE) == (26 * HOUR, "quiet")


def test_an_encounter_that_never_falls_quiet_is_due_at_the_maximal_age() -> None:
    news = [fact(started(f"O{n}"), received=n * 20 * HOUR) for n in range(40)]
    assert standing(*news).due(PATIENCE) == (30 * 24 * HOUR, "age")


def test_a_cancelled_discharge_leaves_it_open() -> None:
    made = standing(
        fact(closed(at="10:00"), received=10 * HOUR),
        fact(reopened(at="10:30"), received=10.5 * HOUR),
    )
    assert made.due(PATIENCE)[1] == "quiet"


def test_a_discharge_after_the_cancelled_one_counts_again() -> None:
    made = standing(
        fact(closed(at="12:00"), received=12 * HOUR),
        fact(reopened(at="10:30"), received=12.5 * HOUR),
        fact(closed(at="10:00"), received=13 * HOUR),
    )
    assert made.due(PATIENCE) == (16 * HOUR, "discharge")


def test_a_cancelled_visit_is_due_after_the_grace_so_that_its_lines_are_taken_back() -> None:
    assert standing(fact(void_visit(), received=HOUR)).due(PATIENCE) == (5 * HOUR, "cancelled")


def test_what_is_closed_is_not_due_and_late_news_does_not_open_it() -> None:
    made = standing(fact(closed(), received=0), CloseFact(1, 5 * HOUR, "discharge", ""))
    made.take(fact(started("O1"), received=6 * HOUR))
    assert made.is_closed
    assert made.due(PATIENCE)[0] == NEVER


def test_a_discharge_cancelled_after_the_close_opens_it_again() -> None:
    made = standing(fact(closed(at="10:00"), received=0))
    made.take(CloseFact(1, 5 * HOUR, "discharge", made.status[0]))
    assert made.is_closed
    made.take(fact(reopened(at="10:30"), received=6 * HOUR))
    assert not made.is_closed
    assert made.due(PATIENCE)[1] == "quiet"


@given(order=st.permutations(range(6)))
def test_the_order_of_the_news_does_not_matter(order: list[int]) -> None:
    news: list[Fact] = [
        fact(opened(at="08:00"), received=1),
        fact(closed(at="10:00"), received=2),
        fact(reopened(at="10:30"), received=3),
        fact(closed(at="12:00"), received=4),
        fact(started("O1"), received=5),
        CloseFact(1, 6, "discharge", "9"),
    ]
    assert standing(*(news[n] for n in order)) == standing(*news)


def test_the_index_gives_each_encounter_once_at_its_newest_time() -> None:
    index = DueIndex()
    index.put(b"a", 10)
    index.put(b"b", 20)
    index.put(b"a", 30)
    assert index.pop_due(25) == [b"b"]
    assert index.pop_due(29.9) == []
    assert index.pop_due(30) == [b"a"]
    assert len(index) == 0


def test_an_encounter_taken_out_of_the_index_is_not_due() -> None:
    index = DueIndex()
    index.put(b"a", 10)
    index.put(b"a", NEVER)
    assert index.pop_due(100) == []


@pytest.mark.parametrize("seed", range(5))
def test_months_of_encounters_are_each_due_once_and_in_time(seed: int) -> None:
    chance = random.Random(seed)
    index, last, seen = DueIndex(), {}, {}
    now = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    for step in range(3000):
        now += chance.expovariate(1 / HOUR)
        for key in index.pop_due(now):
            assert key not in seen or last[key] > seen[key]
            assert last[key] <= now
            seen[key] = now
        key = b"%d" % chance.randrange(step // 10 + 1)
        last[key] = now + chance.uniform(1, 200) * HOUR
        index.put(key, last[key])
    assert {key for key, due in last.items() if due <= now} <= set(seen)
