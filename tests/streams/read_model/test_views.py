"""What the pages are told, against the topics and by hand-made cases."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.read_model import board, shown, views
from streams.read_model.histograms import quantile
from streams.read_model.notices import Notice
from streams.read_model.projector import _indexes
from streams.read_model.shelf import Changes
from streams.read_model.sqlite_shelf import SqliteShelf
from streams.read_model.views import LinesOf, Which
from streams.records import Tally, encode
from tests.streams.brokers import Broker
from tests.streams.play import outcome_of
from tests.streams.read_model.conftest import MakeShelf
from tests.streams.read_model.test_projector import all_of, open_findings, project


async def test_the_front_page_agrees_with_the_topics(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    page = await board.throughput(shelf, broker.topics)
    outcome = await asyncio.to_thread(outcome_of, broker)
    inbound = await asyncio.to_thread(broker.read, broker.topics.inbound)
    assert page.balance.received == len(inbound)
    assert page.balance.applied == outcome.balance.applied
    assert dict(page.balance.dead) == outcome.balance.dead
    assert dict(page.balance.ignored) == outcome.balance.ignored
    assert (page.balance.waiting, page.balance.difference) == (0, 0)
    assert sum(number for _, number in page.received) == len(inbound)
    assert sum(page.findings.values()) == len(outcome.findings)
    assert sum(source.messages for source in page.sources) == len(inbound)
    await shelf.close()


async def test_the_work_queue_gives_every_finding_once_what_holds_first(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    everything = await open_findings(shelf)
    asking = {key for key, finding in everything.items() if finding["severity"] != "notice"}
    for order, sorts_by in SORTS.items():
        seen = []
        for skip in range(0, 1000, 7):
            page = await views.work_queue(shelf, Which(order=order), skip=skip, limit=7)
            assert page.total == len(asking)
            seen += [finding for finding, _ in page.findings]
            if len(page.findings) < 7:
                break
        assert {finding["finding_id"] for finding in seen} == asking
        assert len(seen) == len(asking)
        assert [sorts_by(finding) for finding in seen] == sorted(sorts_by(finding) for finding in seen)
    await shelf.close()


async def test_the_work_queue_is_narrowed_to_a_kind_or_a_severity(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    everything = (await open_findings(shelf)).values()
    for what in ("kind", "severity"):
        for name, number in Counter(finding[what] for finding in everything).items():
            found = await views.work_queue(shelf, Which(**{what: name}), limit=1000)
            assert {finding[what] for finding, _ in found.findings} == {name}
            assert found.total == len(found.findings) == number
    kinds = (await views.work_queue(shelf, Which())).kinds
    assert kinds == Counter(finding["kind"] for finding in everything)
    await shelf.close()


async def test_the_work_queue_says_where_to_ask(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    found = await views.work_queue(shelf, Which(), limit=1000)
    units = {encounter["location"] for encounter in await snapshots(broker)}
    assert {where.facility for _, where in found.findings} == {"SYNTH"}
    assert {where.location for _, where in found.findings} <= units - {""}
    await shelf.close()


async def snapshots(broker: Broker) -> list[dict[str, Any]]:
    return [
        json.loads(value)["encounter"] for _, _, value in await asyncio.to_thread(broker.read, broker.topics.closed)
    ]


SORTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "urgent": lambda finding: (finding["severity"] != "hold", finding["opened_at"]),
    "oldest": lambda finding: finding["opened_at"],
    "stake": lambda finding: (-sum(one["units"] for one in finding["codes_at_stake"]), finding["opened_at"]),
}

MONDAY_NINE = 1_772_442_000 // 3600  # an hour since 1970


@pytest.mark.parametrize(
    ("sent", "last", "now", "gap", "is_silent"),
    [
        ({}, 0.99, 1.5, 0, False),  # its first day: no gap is usual yet
        ({-168: 60}, 0.99, 1.01, 60, False),
        ({-168: 60}, 0.90, 1.00, 60, True),  # six minutes, where one is usual
        ({-24: 60, -168: 6}, 0.50, 0.90, 600, False),  # the same weekday counts before the day before
        ({-24: 60}, 0.50, 0.90, 60, True),
        ({-168: 2, -167: 360}, 0.50, 1.10, 1800, False),  # a night hour has just ended
        ({-168: 3600}, 0.990, 0.999, 1, False),  # never within a minute
    ],
)
def test_a_source_is_silent_after_three_gaps_that_are_usual_at_its_hour(
    sent: dict[int, int], last: float, now: float, gap: float, is_silent: bool
) -> None:
    source = shown.SourceShown(hours={MONDAY_NINE + hour: number for hour, number in sent.items()})
    source.take("RAS^O17", (MONDAY_NINE + last) * 3600)
    at = (MONDAY_NINE + now) * 3600
    row = board.SourceRow("SYN|SYN", source.last_at, 1, {}, source.usual_gap(at), at - source.last_at)
    assert row.usual_gap == gap
    assert row.is_silent is is_silent


@given(st.lists(st.integers(0, 24 * 40), max_size=200))
def test_a_source_keeps_a_fortnight_of_hours(hours: list[int]) -> None:
    source = shown.SourceShown()
    for hour in sorted(hours):
        source.take("RAS^O17", hour * 3600.0)
    assert source.messages == len(hours)
    kept = Counter(hour for hour in hours if hour > max(hours) - 336)
    assert source.hours == kept


async def test_claim_lines_are_found_by_code_and_day(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    everything = (await all_of(shelf, "line", "recent")).values()
    for code, number in Counter(line["code"] for line in everything).items():
        lines, total = await views.claim_lines(shelf, LinesOf(code), limit=10_000)
        assert (len(lines), total) == (number, number)
        assert {line["code"] for line in lines} == {code}
    for day, number in Counter(line["service_date"] for line in everything).items():
        that = date.fromisoformat(day)
        lines, total = await views.claim_lines(shelf, LinesOf(days=(that, that)), limit=10_000)
        assert (len(lines), total) == (number, number)
        assert {line["service_date"] for line in lines} == {day}
    await shelf.close()


async def test_units_are_added_up_by_status(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    expected: dict[str, tuple[int, int]] = {}
    for line in (await all_of(shelf, "line", "code:96365")).values():
        lines, units = expected.get(line["status"], (0, 0))
        expected[line["status"]] = lines + 1, units + line["units"]
    assert await views.units_by_status(shelf, LinesOf("96365")) == expected
    assert expected
    await shelf.close()


async def test_an_encounter_that_is_not_known_is_none(make_shelf: MakeShelf) -> None:
    shelf = make_shelf()
    assert await views.encounter_shown(shelf, "SYN-404") is None
    await shelf.close()


async def test_a_lost_message_shows_as_a_difference(make_shelf: MakeShelf, broker: Broker) -> None:
    """Ten were read up to offset 10, the worker is at 10 and has counted nine."""
    shelf = make_shelf()
    made = Changes(positions={(broker.topics.inbound, 0): (0, 10)})
    made.put("tally", "0", encode(Tally(next_offset=10, applied=8, duplicate=1)))
    made.rank("tally", "partition", "0", 0)
    await shelf.write(made)
    balance = (await board.throughput(shelf, broker.topics)).balance
    assert (balance.received, balance.waiting, balance.difference) == (10, 0, 1)
    await shelf.close()


async def test_what_waits_is_no_difference(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    made = Changes(positions={(broker.topics.inbound, 0): (0, 10), (broker.topics.inbound, 1): (0, 3)})
    made.put("tally", "0", encode(Tally(next_offset=7, applied=7)))
    made.rank("tally", "partition", "0", 0)
    await shelf.write(made)
    balance = (await board.throughput(shelf, broker.topics)).balance
    assert (balance.received, balance.waiting, balance.difference) == (13, 6, 0)
    await shelf.close()


@pytest.mark.parametrize(
    ("buckets", "q", "expected"),
    [
        ({}, 0.5, 0.0),
        ({0.1: 0.0, float("inf"): 0.0}, 0.5, 0.0),
        ({0.1: 10.0, 0.2: 10.0, float("inf"): 10.0}, 0.5, 0.05),
        ({0.1: 0.0, 0.2: 10.0, float("inf"): 10.0}, 0.5, 0.15),
        ({0.1: 5.0, float("inf"): 10.0}, 0.99, float("inf")),
    ],
)
def test_a_quantile_lies_within_its_bucket(buckets: dict[float, float], q: float, expected: float) -> None:
    assert quantile(buckets, q) == pytest.approx(expected)


@given(st.lists(st.floats(0.001, 9.0), min_size=1, max_size=50), st.floats(0.01, 0.99))
def test_a_quantile_is_within_a_bucket_of_the_true_one(values: list[float], q: float) -> None:
    edges = [0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0]
    buckets = {edge: float(sum(value <= edge for value in values)) for edge in edges}
    true = sorted(values)[min(len(values) - 1, int(q * len(values)))]
    got = quantile(buckets, q)
    assert next(edge for edge in edges if edge >= got) >= min(values)
    assert got <= next(edge for edge in edges if edge >= true)


def test_a_difference_names_what_came_and_what_went() -> None:
    one, two, three = ({"claim_line_id": key} for key in "abc")
    assert views.difference([one, two], [two, three]) == {"added": [three], "gone": [one]}


def test_a_line_in_a_later_version_replaces_none_of_the_former() -> None:
    encounter = shown.EncounterShown("SYN-1")
    for version, key in ((2, "b"), (1, "a"), (2, "b")):
        line = {"claim_set_version": version, "claim_set_id": f"s{version}", "coded_at": "", "claim_line_id": key}
        encounter.take_line({**line, "action": "add"})
    assert [(one.version, list(one.lines)) for one in encounter.claim_sets] == [(1, ["a"]), (2, ["b"])]
    assert json.loads(shown.encode(encounter))["version"] == 0


async def test_each_partition_is_its_workers(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf, inbound = make_shelf(), broker.topics.inbound
    owns = {"w-1": {0: 5.0, 1: 0.0}, "w-2": {2: 0.0}}
    for name, lags in owns.items():
        samples = [
            ("dripcode_partition_lag_messages", {"topic": topic, "partition": str(part)}, lag)
            for topic in (inbound, broker.topics.closed)
            for part, lag in lags.items()
        ]
        notice = Notice("worker", name, 0.0, time.time(), "", samples)
        await shelf.notice(f"worker:{name}", msgspec.json.encode(notice), 15)
    made = Changes(positions={(inbound, part): (0, 10) for part in range(4)})
    made.put("tally", "0", encode(Tally(next_offset=7, applied=7)))
    made.rank("tally", "partition", "0", 0)
    await shelf.write(made)
    rows = (await board.throughput(shelf, broker.topics)).partitions
    assert [(row.number, row.worker, row.done, row.waiting) for row in rows] == [
        (0, "w-1", 7, 3),
        (1, "w-1", 0, 10),
        (2, "w-2", 0, 10),
        (3, "", 0, 10),
    ]
    await shelf.close()


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 4_000_000_000)), max_size=30))
def test_units_at_stake_add_up_without_reading_each(findings: list[tuple[int, int]]) -> None:
    async def add_up() -> int:
        with tempfile.TemporaryDirectory() as folder:
            shelf, made = SqliteShelf(Path(folder) / "pages.db"), Changes()
            for number, (units, opened) in enumerate(findings):
                stakes = [{"code": "96365", "units": units}]
                at = datetime.fromtimestamp(opened, UTC).isoformat()
                one = {"kind": "NO_STOP", "severity": "hold", "opened_at": at, "codes_at_stake": stakes}
                for index, place in _indexes(one, "ED").items():
                    made.rank("finding", index, str(number), place)
            made.rank("finding", "kinds", "NO_STOP", 2)
            await shelf.write(made)
            rows = await views.kinds_waiting(shelf)
            await shelf.close()
        return rows[0].units if rows else 0

    assert asyncio.run(add_up()) == sum(units for units, _ in findings)
