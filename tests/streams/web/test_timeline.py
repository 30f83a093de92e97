"""The bars of an encounter, over generated encounters: within bounds, in order, no run hidden by another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.web.timeline import Timeline, timeline_of

EASTERN, KATHMANDU = timezone(timedelta(hours=-5)), timezone(timedelta(hours=5, minutes=45))
MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=EASTERN)
ROUNDING = 0.002  # percent: places are told to three decimals

moments = st.builds(
    lambda minutes, zone: (MORNING + timedelta(minutes=minutes)).astimezone(zone).isoformat(),
    st.one_of(st.integers(0, 600), st.integers(-60 * 24 * 400, 60 * 24 * 400)),
    st.sampled_from([EASTERN, UTC, KATHMANDU]),
)
runs = st.fixed_dictionaries({"start": st.none() | moments, "stop": st.none() | moments})


def administration(number: int, method: str, site: str, of_runs: list[dict[str, Any]]) -> dict[str, Any]:
    drug = {"name": f"SYN-{number}", "code": ""}
    return {"administration_id": str(number), "drug": drug, "method": method, "access_site": site, "runs": of_runs}


@st.composite
def encounters(draw: st.DrawFn) -> dict[str, Any]:
    methods, sites = st.sampled_from(["infusion", "push", "unknown"]), st.sampled_from(["", "L-AC", "R-PORT"])
    number = draw(st.integers(0, 6))
    given = [administration(n, draw(methods), draw(sites), draw(st.lists(runs, max_size=4))) for n in range(number)]
    return {"administrations": given}


def times(of_runs: list[dict[str, Any]]) -> int:
    return sum(bool(run["start"] or run["stop"]) for run in of_runs)


def rows(timeline: Timeline) -> list[Any]:
    return [row for of_site in timeline.sites.values() for row in of_site]


@given(encounters())
def test_every_run_with_a_time_is_a_bar_and_every_administration_a_row(encounter: dict[str, Any]) -> None:
    timeline = timeline_of(encounter, [])
    assert {row.administration_id for row in rows(timeline)} == {
        one["administration_id"] for one in encounter["administrations"]
    }
    for one in encounter["administrations"]:
        assert len(timeline.rows[one["administration_id"]].bars) == times(one["runs"])
        assert timeline.rows[one["administration_id"]] in timeline.sites[one["access_site"]]


@given(encounters())
def test_bars_and_labels_lie_on_the_axis(encounter: dict[str, Any]) -> None:
    timeline = timeline_of(encounter, [])
    bars = [bar for row in rows(timeline) for bar in row.bars]
    assert all(bar.left >= 0 and bar.width > 0 and bar.left + bar.width <= 100 + ROUNDING for bar in bars)
    places = [place for place, _ in timeline.labels]
    assert places == sorted(set(places))
    assert all(0 <= place <= 100 for place in places)
    assert bool(places) == bool(bars)
    assert len(places) <= 13


@given(encounters())
def test_what_began_later_stands_further_right(encounter: dict[str, Any]) -> None:
    bars = sorted((bar for row in rows(timeline_of(encounter, [])) for bar in row.bars), key=lambda bar: bar.start)
    lefts = [bar.left for bar in bars]
    assert lefts == sorted(lefts)


@given(encounters())
def test_rows_of_a_site_come_in_order_of_their_first_time(encounter: dict[str, Any]) -> None:
    for of_site in timeline_of(encounter, []).sites.values():
        firsts = [min(bar.start for bar in row.bars) for row in of_site if row.bars]
        assert firsts == sorted(firsts)
        assert [bool(row.bars) for row in of_site] == sorted((bool(row.bars) for row in of_site), reverse=True)


@given(encounters())
def test_no_run_hides_another_of_its_row(encounter: dict[str, Any]) -> None:
    for row in rows(timeline_of(encounter, [])):
        assert all(0 <= bar.lane < row.lanes for bar in row.bars)
        for lane in range(row.lanes):
            bars = sorted((bar for bar in row.bars if bar.lane == lane), key=lambda bar: bar.left)
            assert bars or not row.bars, "a lane without a bar wastes space"
            assert all(a.left + a.width <= b.left + ROUNDING for a, b in pairwise(bars))


@given(encounters())
def test_a_bar_tells_its_own_times(encounter: dict[str, Any]) -> None:
    timeline = timeline_of(encounter, [])
    for one in encounter["administrations"]:
        told = {(bar.start, bar.stop) for bar in timeline.rows[one["administration_id"]].bars}
        for run in one["runs"]:
            start, stop = (datetime.fromisoformat(run[name]) if run[name] else None for name in ("start", "stop"))
            if start or stop:
                assert (start or stop, stop if start else None) in told


def test_an_infusion_without_a_stop_is_open_and_a_push_is_not() -> None:
    begun = [{"start": MORNING.isoformat(), "stop": None}]
    encounter = {"administrations": [administration(1, "infusion", "", begun), administration(2, "push", "", begun)]}
    timeline = timeline_of(encounter, [])
    assert [(row.lacks_stop, row.bars[0].kind) for row in rows(timeline)] == [(True, "open"), (False, "moment")]
    assert rows(timeline)[0].bars[0].text == "08:00\u2013no stop"
