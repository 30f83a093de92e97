"""A synthetic day that a real worker has coded, projected: the read model shows what the topics hold."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections import Counter
from typing import Any

import msgspec
import pytest

from streams import records
from streams.claims import newest_sets
from streams.embedded.records import StoredRecord
from streams.read_model import projector as projector_module
from streams.read_model import shown, views
from streams.read_model.following import Positions, follower_of
from streams.read_model.projector import Projector, _Batch, followed
from streams.read_model.shelf import Changes, Shelf
from streams.settings import load_settings
from streams.site import coder_of
from tests.streams.brokers import Broker
from tests.streams.read_model.conftest import MakeShelf

CODE = coder_of(load_settings(environment={})[0]).code
EVER = range(int(time.time()) // 60 - 120, int(time.time()) // 60 + 120)  # minutes: the tests' own


async def project(shelf: Shelf, broker: Broker, limit: int = 500) -> None:
    async with follower_of(broker.settings, followed(broker.topics)) as follower:
        projector = Projector(shelf, follower, broker.topics, CODE)
        await projector.start()
        while await projector.look(limit):
            pass


async def all_of(shelf: Shelf, kind: str, index: str) -> dict[str, Any]:
    """Every document of an index, decoded."""
    keys = [key for key, _ in await shelf.ranked(kind, index, 100_000)]
    return {key: json.loads(value) for key, value in (await shelf.documents(kind, keys)).items()}


async def everything(shelf: Shelf) -> dict[str, Any]:
    indexes = (("encounter", "recent"), ("line", "recent"), ("source", "last"))
    more = (("dead_letter", "recent"), ("tally", "partition"))
    found = {kind: await all_of(shelf, kind, index) for kind, index in (*indexes, *more)}
    return {**found, "finding": await open_findings(shelf)}


async def open_findings(shelf: Shelf) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for level in ("hold", "review", "notice"):
        found |= await all_of(shelf, "finding", f"oldest:severity:{level}")
    return found


async def test_it_shows_what_the_topics_hold(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    shows = await everything(shelf)
    lines = [json.loads(value) for _, _, value in await asyncio.to_thread(broker.read, broker.topics.claim_lines)]
    standing = {line["claim_line_id"]: line for of in newest_sets(lines).values() for line in of}
    assert shows["line"] == standing
    assert standing
    findings = {}
    for _, _, value in await asyncio.to_thread(broker.read, broker.topics.worklist):
        finding = json.loads(value)
        findings[finding["finding_id"]] = finding
    assert shows["finding"] == {key: one for key, one in findings.items() if one["resolved_at"] is None}
    inbound = await asyncio.to_thread(broker.read, broker.topics.inbound)
    assert sum(source["messages"] for source in shows["source"].values()) == len(inbound)
    letters = await asyncio.to_thread(broker.read, broker.topics.dead_letter)
    assert {(one["partition"]) for one in shows["dead_letter"].values()} == {number for number, _, _ in letters}
    assert len(shows["dead_letter"]) == len(letters) > 0
    await shelf.close()


async def test_the_counts_by_minute_add_up_to_the_topics(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    inbound = await asyncio.to_thread(broker.read, broker.topics.inbound)
    assert sum((await shelf.counts("received", EVER)).values()) == len(inbound)
    outcomes = await shelf.counts("outcome", EVER)
    assert sum(outcomes.values()) == len(inbound)
    lines = [json.loads(value) for _, _, value in await asyncio.to_thread(broker.read, broker.topics.claim_lines)]
    expected = Counter(f"{line['action']}|{line['code']}" for line in lines)
    got: Counter[str] = Counter()
    for (label, _), number in (await shelf.counts("lines", EVER)).items():
        got[label] += int(number)
    assert got == expected
    await shelf.close()


@pytest.mark.parametrize("limit", [1, 7])
async def test_how_much_is_read_at_once_makes_no_difference(make_shelf: MakeShelf, broker: Broker, limit: int) -> None:
    shelf = make_shelf()
    await project(shelf, broker, 100_000)
    expected = await everything(shelf)
    await shelf.clear()
    await project(shelf, broker, limit)
    assert await everything(shelf) == expected
    await shelf.close()


async def test_two_projectors_at_once_count_nothing_twice(make_shelf: MakeShelf, broker: Broker) -> None:
    first, second = make_shelf(), make_shelf()
    await asyncio.gather(project(first, broker, 5), project(second, broker, 11))
    inbound = await asyncio.to_thread(broker.read, broker.topics.inbound)
    assert sum((await first.counts("received", EVER)).values()) == len(inbound)
    sources = await all_of(first, "source", "last")
    assert sum(source["messages"] for source in sources.values()) == len(inbound)
    await first.close()
    await second.close()


async def test_a_rebuild_ends_in_the_same(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    expected = await everything(shelf)
    async with follower_of(broker.settings, followed(broker.topics)) as follower:
        projector = Projector(shelf, follower, broker.topics, CODE)
        await projector.rebuild()
        while await projector.look():
            pass
    assert await everything(shelf) == expected
    await shelf.close()


async def test_what_another_layout_left_is_made_anew(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    expected = await everything(shelf)
    await shelf.write(Changes(documents={("layout", ""): b"1", ("source", "old"): b"{}"}))
    await project(shelf, broker)
    assert await everything(shelf) == expected
    assert await shelf.documents("source", ["old"]) == {}
    await shelf.close()


async def test_only_what_asks_for_something_makes_an_encounter_wait(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    findings = (await open_findings(shelf)).values()
    waiting = {key for key, _ in await shelf.ranked("encounter", "waiting", 10_000)}
    assert waiting == {finding["encounter_id"] for finding in findings if finding["severity"] != "notice"}
    assert waiting < {finding["encounter_id"] for finding in findings}
    await shelf.close()


async def test_an_encounter_shows_its_newest_claim_set_and_its_snapshot(make_shelf: MakeShelf, broker: Broker) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    for key, document in (await all_of(shelf, "encounter", "recent")).items():
        encounter = shown.decode_encounter(json.dumps(document).encode())
        assert encounter.encounter_id == key
        versions = [claim_set.version for claim_set in encounter.claim_sets]
        assert versions == sorted(set(versions))
        snapshot = json.loads(bytes(encounter.encounter))
        assert snapshot["encounter_id"] == key
    await shelf.close()


async def test_a_finding_goes_along_when_its_encounter_turns_out_to_be_elsewhere(
    make_shelf: MakeShelf, broker: Broker
) -> None:
    shelf = make_shelf()
    await project(shelf, broker)
    finding = next(one for one in (await open_findings(shelf)).values() if one["severity"] != "notice")
    found = await shelf.documents("encounter", [finding["encounter_id"]])
    unit = shown.decode_encounter(found[finding["encounter_id"]]).unit
    assert finding["finding_id"] in await all_of(shelf, "finding", f"oldest:unit:{unit}")

    closed = [
        records.decode_closed(value) for _, _, value in await asyncio.to_thread(broker.read, broker.topics.closed)
    ]
    newest = max(
        (one for one in closed if one.encounter.encounter_id == finding["encounter_id"]), key=lambda one: one.version
    )
    moved = msgspec.structs.replace(newest.encounter, location="SYN-ELSEWHERE")
    value = records.encode(msgspec.structs.replace(newest, version=newest.version + 1, encounter=moved))
    record = StoredRecord(broker.topics.closed, 0, 9999, 0, b"", value, ())
    batch = _Batch(broker.topics, CODE, Changes())
    await batch.load(shelf, [record])
    batch.take(record)
    batch.finish()
    await shelf.write(batch.changes)
    for order in ("oldest", "stake", "urgent"):
        assert finding["finding_id"] not in await all_of(shelf, "finding", f"{order}:unit:{unit}")
        assert finding["finding_id"] in await all_of(shelf, "finding", f"{order}:unit:SYN-ELSEWHERE")
    await shelf.close()


@dataclasses.dataclass
class Once:
    """A follower that has some records, once."""

    found: list[StoredRecord]

    async def take(self, limit: int) -> list[StoredRecord]:
        found, self.found = self.found[:limit], self.found[limit:]
        return found

    async def go_to(self, positions: Positions) -> None:
        """Where it goes makes no difference."""

    async def behind(self) -> int:
        return len(self.found)


async def test_what_nobody_of_ours_wrote_is_passed_over(
    make_shelf: MakeShelf, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    values = [b"", b"\xff\x00", b"{}", b"[]", b'{"encounter_id": "V1", "action": "add"}']
    names = (broker.topics.closed, broker.topics.claim_lines, broker.topics.worklist)
    strange = [
        StoredRecord(name, 0, at, 0, b"V1", value, ()) for name in names for at, value in enumerate(values, 9000)
    ]
    strange.append(StoredRecord(broker.topics.worklist, 1, 9999, 0, b"\xff", b"{}", ()))
    strange.append(StoredRecord(broker.topics.facts_changelog, 0, 9999, 0, records.TALLY_KEY, b"?", ()))
    shelf = make_shelf()
    await project(shelf, broker)
    expected = await everything(shelf)
    projector = Projector(shelf, Once(strange), broker.topics, CODE)
    await projector.start()
    assert await projector.look() == len(strange)
    assert await everything(shelf) == expected
    for record in strange:
        assert f"{record.topic}[{record.partition}]@{record.offset} cannot be read" in caplog.text
    await shelf.close()


async def test_everything_that_is_kept_is_bounded(
    make_shelf: MakeShelf, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    least = dict.fromkeys(projector_module.KEPT, 3)
    monkeypatch.setattr(projector_module, "KEPT", least)
    monkeypatch.setattr(projector_module, "_TRIM_EVERY", -1.0)
    shelf = make_shelf()
    await project(shelf, broker)
    for kind, index in least:
        assert await shelf.size(kind, index) <= 3, kind
        assert await shelf.size(kind, index) > 0 or kind == "open_finding", kind  # all of the day is closed
    assert len(await open_findings(shelf)) <= 3
    assert {kind for kind, _ in least} == {"encounter", "line", "finding", "open_finding", "dead_letter", "source"}
    page = await views.work_queue(shelf, views.Which(), limit=1000)
    assert len(page.findings) == page.total <= 3
    await shelf.close()
