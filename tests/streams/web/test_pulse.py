"""Rates, waiting and delays out of looks a second apart."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import cast

import pytest

from streams.read_model.shelf import Shelf
from streams.read_model.sqlite_shelf import SqliteShelf
from streams.settings import Settings
from streams.topics import topics_of
from streams.web.charts import chart, from_first
from streams.web.pulse import SECONDS, Beat, Pulse, Series
from tests.streams.web.conftest import aside


def pulse(*beats: Beat) -> Pulse:
    made = Pulse(cast(Shelf, None), topics_of(Settings()))
    for one in beats:
        made.take(one)
    return made


def beat(at: float, received: int, waiting: int = 0, stages: Mapping[str, Mapping[float, float]] | None = None) -> Beat:
    return Beat(at, received, received - waiting, {"hl7.inbound": waiting}, stages or {})


def test_rates_are_by_the_time_between_two_looks() -> None:
    rates = pulse(beat(10, 0), beat(12, 100, waiting=50), beat(13, 100)).rates()
    assert rates == {"received": [(12, 50.0), (13, 0.0)], "done": [(12, 25.0), (13, 50.0)]}


def test_a_read_model_made_anew_is_no_traffic() -> None:
    made = pulse(beat(0, 1000), beat(1, 1010), beat(2, 0), beat(3, 600), beat(4, 1040))
    assert made.rates()["received"] == [(1, 10.0), (4, 10.0)]


def test_a_broker_that_was_emptied_is_shown_again_after_a_while() -> None:
    made = pulse(beat(0, 1000), *(beat(at, 10) for at in range(1, SECONDS + 5)))
    assert made.beats[-1].received == 10


def test_waiting_is_told_by_stage() -> None:
    assert pulse(beat(1, 5, waiting=3)).waiting()["to be applied"] == [(1, 3)]


def test_a_stage_is_measured_over_what_came_lately() -> None:
    old = {"received_to_applied": {0.1: 0.0, 1.0: 100.0, inf: 100.0}}
    new = {"received_to_applied": {0.1: 100.0, 1.0: 200.0, inf: 200.0}}
    (row,) = pulse(beat(0, 0, stages=old), beat(60, 9, stages=new)).stages()
    assert (row.number, row.number_ever, row.longest_edge) == (100, 200, 1.0)
    assert row.median == pytest.approx(0.05)
    assert row.p99_ever == pytest.approx(0.982)


def test_a_process_that_began_anew_is_measured_since_then() -> None:
    old = {"received_to_applied": {0.1: 90.0, inf: 100.0}}
    new = {"received_to_applied": {0.1: 10.0, inf: 10.0}}
    (row,) = pulse(beat(0, 0, stages=old), beat(60, 9, stages=new)).stages()
    assert row.number == 10


def test_where_nothing_came_there_is_no_delay() -> None:
    stages = {"received_to_applied": {0.1: 10.0, inf: 10.0}}
    made = pulse(*(beat(at, 9, stages=stages) for at in range(12)))
    assert made.delays()["received_to_applied"] == [(10, None), (11, None)]


def test_a_chart_has_its_figures_in_words() -> None:
    series: Series = {"received": [(60.0, 1.0), (120.0, 2.0)], "done": [(60.0, 0.0), (120.0, None)]}
    drawn = chart("rates", "Messages", "/s", series)
    assert drawn.newest == {"received": 2.0, "done": None}
    assert [values for _, values in drawn.rows] == [[2.0, None], [1.0, 0.0]]
    assert drawn.svg.startswith("<svg role")


def test_a_chart_begins_when_something_happened() -> None:
    quiet = [(float(at), 0.0) for at in range(60)]
    busy = [*quiet[:30], *((at, 1.0) for at, _ in quiet[30:])]
    assert from_first({"a": quiet, "b": busy})["a"][0] == (29.0, 0.0)
    assert len(from_first({"a": quiet})["a"]) == 15


def test_pages_that_stand_open_share_one_look(tmp_path: Path) -> None:
    async def look() -> None:
        shelf = SqliteShelf(tmp_path / "pages.db")
        made = Pulse(shelf, topics_of(Settings()))
        first, second = await asyncio.gather(made.board(), made.board())
        assert first is second
        await asyncio.sleep(1)
        assert await made.board() is not first
        await shelf.close()

    aside(lambda: asyncio.run(look()))
