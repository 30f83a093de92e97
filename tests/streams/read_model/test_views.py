"""What the pages are told, against the topics and by hand-made cases."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.read_model import shown, views
from streams.read_model.shelf import Changes
from streams.records import Tally, encode
from tests.streams.brokers import Broker
from tests.streams.play import outcome_of
from tests.streams.read_model.conftest import MakeShelf
from tests.streams.read_model.test_projector import all_of, project


async def test_the_front_page_agrees_with_the_topics(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    page = await views.throughput(shelf, broker.topics)
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


async def test_the_work_queue_gives_every_open_finding_once_the_oldest_first(
    make_shelf: MakeShelf, broker: Broker
) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    everything = await all_of(shelf, "finding", "open")
    seen = []
    for skip in range(0, 1000, 7):
        page = await views.work_queue(shelf, skip=skip, limit=7)
        assert page.total == len(everything)
        seen += page.findings
        if len(page.findings) < 7:
            break
    assert [finding["opened_at"] for finding in seen] == sorted(finding["opened_at"] for finding in seen)
    assert {finding["finding_id"] for finding in seen} == set(everything)
    assert len(seen) == len(everything)
    kinds = Counter(finding["kind"] for finding in everything.values())
    first = await views.work_queue(shelf)
    assert first.kinds == kinds
    for kind, number in kinds.items():
        of_kind = await views.work_queue(shelf, kind=kind, limit=1000)
        assert {finding["kind"] for finding in of_kind.findings} == {kind}
        assert of_kind.total == number
    await shelf.close()


async def test_claim_lines_are_found_by_code_and_day(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    everything = (await all_of(shelf, "line", "recent")).values()
    for code, number in Counter(line["code"] for line in everything).items():
        lines, total = await views.claim_lines(shelf, code=code, limit=10_000)
        assert (len(lines), total) == (number, number)
        assert {line["code"] for line in lines} == {code}
    for day, number in Counter(line["service_date"] for line in everything).items():
        that = date.fromisoformat(day)
        lines, total = await views.claim_lines(shelf, days=(that, that), limit=10_000)
        assert (len(lines), total) == (number, number)
        assert {line["service_date"] for line in lines} == {day}
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
    balance = (await views.throughput(shelf, broker.topics)).balance
    assert (balance.received, balance.waiting, balance.difference) == (10, 0, 1)
    await shelf.close()


async def test_what_waits_is_no_difference(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    made = Changes(positions={(broker.topics.inbound, 0): (0, 10), (broker.topics.inbound, 1): (0, 3)})
    made.put("tally", "0", encode(Tally(next_offset=7, applied=7)))
    made.rank("tally", "partition", "0", 0)
    await shelf.write(made)
    balance = (await views.throughput(shelf, broker.topics)).balance
    assert (balance.received, balance.waiting, balance.difference) == (13, 6, 0)
    await shelf.close()


@pytest.mark.parametrize(
    ("buckets", "q", "expected"),
    [
        ({}, 0.5, 0.0),
        ({0.1: 0.0, float("inf"): 0.0}, 0.5, 0.0),
        ({0.1: 10.0, 0.2: 10.0, float("inf"): 10.0}, 0.5, 0.05),
        ({0.1: 0.0, 0.2: 10.0, float("inf"): 10.0}, 0.5, 0.15),
        ({0.1: 5.0, float("inf"): 10.0}, 0.99, 0.1),
    ],
)
def test_a_quantile_lies_within_its_bucket(buckets: dict[float, float], q: float, expected: float) -> None:
    assert views.quantile(buckets, q) == pytest.approx(expected)


@given(st.lists(st.floats(0.001, 9.0), min_size=1, max_size=50), st.floats(0.01, 0.99))
def test_a_quantile_is_within_a_bucket_of_the_true_one(values: list[float], q: float) -> None:
    edges = [0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0]
    buckets = {edge: float(sum(value <= edge for value in values)) for edge in edges}
    true = sorted(values)[min(len(values) - 1, int(q * len(values)))]
    got = views.quantile(buckets, q)
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
