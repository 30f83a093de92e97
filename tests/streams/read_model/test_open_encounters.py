"""What open encounters would be asked about: shown beside the findings, gone with them, whatever comes first."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import coding
from streams import records
from streams.claims import Issuer
from streams.embedded.records import Record, StoredRecord
from streams.read_model import board, shown, views
from streams.read_model.metrics import ProjectorMetrics
from streams.read_model.projector import Projector, followed
from streams.read_model.shelf import Shelf
from streams.read_model.sqlite_shelf import SqliteShelf
from streams.read_model.views import Which
from streams.settings import load_settings
from streams.site import coder_of
from tests.streams.build import closed, given, reopened, started
from tests.streams.cluster import under
from tests.streams.read_model.conftest import MakeShelf
from tests.streams.read_model.test_projector import Once
from tests.streams.test_apply import HOUR, TOPICS
from tests.streams.test_handing import merged
from tests.streams.test_looking import MINUTE, Ward, documented

CODER = coder_of(load_settings(environment={})[0])


def stored(found: Sequence[Record]) -> list[StoredRecord]:
    """Records that the read model follows, each at its place on its topic."""
    offsets: dict[str, int] = defaultdict(int)
    out = []
    for record in found:
        if record.topic in followed(TOPICS):
            at = offsets[record.topic]
            offsets[record.topic] += 1
            out.append(
                StoredRecord(record.topic, 0, at, 1_000 + len(out), record.key, record.value, tuple(record.headers))
            )
    return out


def steps() -> dict[str, list[Record]]:
    """A stay in steps; by the name of each what lies on the topics then."""
    ward, issuer, found = Ward(), Issuer(TOPICS, CODER.code_beside), dict[str, list[Record]]()
    out: list[Record] = []
    done = 0

    def end(name: str) -> None:
        nonlocal done
        for record in ward.out[done:]:
            out.append(record)
            if record.topic == TOPICS.closed:
                out.extend(issuer.issue(0, record.value or b"", "2026-03-02T22:00:00.000+00:00")[0])
        done = len(ward.out)
        found[name] = list(out)

    ward.take(0, started("O1"))
    (snapshot,) = ward.tick(15 * MINUTE)
    end("open")
    ward.take(HOUR, given("O2", "10:00", "11:00", drug="ondansetron"))
    ward.tick(2 * HOUR)
    end("open, more given")
    ward.take(3 * HOUR, closed("18:00"))
    ward.tick(3.5 * HOUR)
    ward.tick(8 * HOUR)
    end("closed")
    ward.take(9 * HOUR, reopened("19:00"))
    ward.tick(10 * HOUR)
    end("opened again")
    ward.take(11 * HOUR, documented(snapshot.encounter.administrations[0].administration_id))
    end("stop supplied")
    ward.take(12 * HOUR, closed("21:00"))
    ward.tick(20 * HOUR)
    end("closed again")
    return found


STEPS = steps()


async def project(shelf: Shelf, found: Sequence[StoredRecord], limit: int = 1000) -> None:
    projector = Projector(shelf, Once(list(found)), TOPICS, CODER.code)
    await projector.start()
    while await projector.look(limit):
        pass


async def state(shelf: Shelf) -> dict[str, Any]:
    """Everything of V1, and what the queue shows of each kind."""
    found: dict[str, Any] = {"encounter": await shelf.documents("encounter", ["V1"])}
    for which in (Which(state=name, severity=level) for name in ("open", "closed") for level in views.SEVERITIES):
        queue = await views.work_queue(shelf, which, limit=1000)
        found[f"{which.state} {which.severity}"] = sorted(one["finding_id"] for one, _ in queue.findings)
        found[f"dates {which.state} {which.severity}"] = sorted(one["opened_at"] for one, _ in queue.findings)
        assert queue.total == len(queue.findings)
    return found


def kinds(queue: views.WorkQueue) -> list[str]:
    return sorted(one["kind"] for one, _ in queue.findings)


async def test_a_missing_stop_is_in_the_queue_while_the_encounter_is_open(make_shelf: MakeShelf) -> None:
    shelf = make_shelf()
    await project(shelf, stored(STEPS["open"]))
    queue = await views.work_queue(shelf, Which())
    assert kinds(queue) == ["NO_STOP"]
    ((finding, _),) = queue.findings
    assert finding["not_closed"] is True
    assert finding["opened_at"] == "1970-01-01T00:15:00.000+00:00"
    assert finding["codes_at_stake"]
    assert queue.kinds == {"NO_STOP": 1}
    assert (await views.work_queue(shelf, Which(state="closed"))).total == 0
    assert await views.encounter_of(shelf, finding["finding_id"]) == "V1"
    encounter = await views.encounter_shown(shelf, "V1")
    assert encounter is not None
    assert encounter.opened is not None
    assert json.loads(bytes(encounter.snapshot))["encounter_id"] == "V1"
    assert encounter.waiting == []
    await shelf.close()


async def test_no_count_of_findings_has_those_of_open_encounters(make_shelf: MakeShelf) -> None:
    shelf = make_shelf()
    await project(shelf, stored(STEPS["open"]))
    page = await board.throughput(shelf, TOPICS)
    assert (sum(page.findings.values()), page.encounters_waiting, page.kinds) == (0, 0, [])
    metrics = ProjectorMetrics()
    await metrics.look(shelf)
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    counted = {one.name: 0.0 for one in samples if "finding" in one.name or "waiting" in one.name}
    assert counted
    for one in samples:
        if one.name in counted or one.name == "dripcode_missing_stops":
            assert one.value == 0
    await shelf.close()


async def test_a_finding_keeps_the_date_of_the_first_snapshot_and_goes_when_it_is_settled(
    make_shelf: MakeShelf,
) -> None:
    shelf = make_shelf()
    await project(shelf, stored(STEPS["open, more given"]))
    queue = await views.work_queue(shelf, Which(kind="NO_STOP"))
    assert [one["opened_at"] for one, _ in queue.findings] == ["1970-01-01T00:15:00.000+00:00"]
    await shelf.clear()
    await project(shelf, stored(STEPS["stop supplied"]))
    assert "NO_STOP" not in kinds(await views.work_queue(shelf, Which(state="open")))
    await shelf.close()


async def test_the_close_puts_the_findings_of_the_worklist_in_their_place(make_shelf: MakeShelf) -> None:
    shelf = make_shelf()
    await project(shelf, stored(STEPS["closed"]))
    assert (await views.work_queue(shelf, Which(state="open"))).total == 0
    worklist = [json.loads(record.value or b"") for record in STEPS["closed"] if record.topic == TOPICS.worklist]
    queue = await views.work_queue(shelf, Which(severity="hold"))
    assert {one["finding_id"] for one, _ in queue.findings} == {
        one["finding_id"] for one in worklist if one["severity"] == "hold"
    }
    assert queue.findings
    assert not any("not_closed" in one for one, _ in queue.findings)
    encounter = await views.encounter_shown(shelf, "V1")
    assert encounter is not None
    assert encounter.opened is None
    await shelf.close()


async def test_ids_are_those_of_the_worklist(make_shelf: MakeShelf) -> None:
    shelf = make_shelf()
    await project(shelf, stored(STEPS["open, more given"]))
    before = {one["finding_id"] for one, _ in (await views.work_queue(shelf, Which(kind="NO_STOP"))).findings}
    await shelf.clear()
    await project(shelf, stored(STEPS["closed"]))
    after = {one["finding_id"] for one, _ in (await views.work_queue(shelf, Which(kind="NO_STOP"))).findings}
    assert before == after != set()
    await shelf.close()


async def test_what_was_opened_again_is_asked_about_once(make_shelf: MakeShelf) -> None:
    shelf = make_shelf()
    await project(shelf, stored(STEPS["opened again"]))
    queue = await views.work_queue(shelf, Which(kind="NO_STOP"))
    assert [one.get("not_closed", False) for one, _ in queue.findings] == [False]
    await shelf.close()


async def test_what_goes_by_another_identity_is_not_asked_about(make_shelf: MakeShelf) -> None:
    ward = Ward()
    ward.take(0, under(started("O1"), "SYN1", "V1"))
    ward.tick(HOUR)
    ward.take(2 * HOUR, merged("SYN1", "SYN1", scope="visit", old_id="V1", new_id="V2"))
    ward.tick(3 * HOUR)
    shelf = make_shelf()
    await project(shelf, stored(ward.out))
    queue = await views.work_queue(shelf, Which(kind="NO_STOP"))
    assert [one["encounter_id"] for one, _ in queue.findings] == ["V2"]
    assert await views.encounter_shown(shelf, "V1") is None
    assert await shelf.size("encounter", "recent") == 1
    await shelf.close()


async def test_one_that_cannot_be_coded_does_not_stop_the_others(
    make_shelf: MakeShelf, caplog: pytest.LogCaptureFixture
) -> None:
    def code(encounter: coding.Encounter) -> coding.CodedEncounter:
        raise ZeroDivisionError(encounter.patient_id)

    shelf = make_shelf()
    projector = Projector(shelf, Once(stored(STEPS["closed"])), TOPICS, code)
    await projector.start()
    await projector.look()
    assert "cannot be coded: ZeroDivisionError" in caplog.text
    assert "SYN1" not in caplog.text
    assert (await views.work_queue(shelf, Which(state="closed"))).total > 0
    await shelf.close()


def interleaved(found: Sequence[StoredRecord], chance: random.Random, first: str) -> list[StoredRecord]:
    """In order on each topic; one topic first, the others mixed."""
    by_topic: dict[str, list[StoredRecord]] = defaultdict(list)
    for record in found:
        by_topic[record.topic].append(record)
    order = [record.topic for record in found]
    chance.shuffle(order)
    order.sort(key=lambda topic: topic != first)
    return [by_topic[topic].pop(0) for topic in order]


@hypothesis_settings(deadline=None, max_examples=80)
@for_all(
    st.sampled_from(sorted(STEPS)),
    st.integers(0, 100_000),
    st.sampled_from(("", TOPICS.open, TOPICS.closed, TOPICS.worklist)),
    st.sampled_from((1, 2, 3, 5, 1000)),
)
def test_whatever_topic_is_read_first_and_however_much_at_once_the_queue_ends_the_same(
    step: str, seed: int, first: str, limit: int
) -> None:
    async def ends(found: Sequence[StoredRecord], limit: int) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            shelf = SqliteShelf(Path(folder) / "pages.db")
            await project(shelf, found, limit)
            made = await state(shelf)
            await shelf.close()
            return made

    found = stored(STEPS[step])
    expected = asyncio.run(ends(found, 1000))
    assert asyncio.run(ends(interleaved(found, random.Random(seed), first), limit)) == expected


async def test_pages_of_the_queue_give_open_and_closed_ones_each_once(make_shelf: MakeShelf) -> None:
    ward, issuer = Ward(), Issuer(TOPICS, CODER.code_beside)
    out: list[Record] = []
    for number in range(8):
        ward.take(0, under(started(f"O{number}"), f"SYN{number}", f"V{number}"))
        if number % 2:
            ward.take(0, records.Command("close", f"SYNTH|SYN{number}", f"V{number}"))
    ward.tick(HOUR)
    for record in ward.out:
        out.append(record)
        if record.topic == TOPICS.closed:
            out += issuer.issue(0, record.value or b"", "1970-01-01T01:00:00.000+00:00")[0]
    shelf = make_shelf()
    await project(shelf, stored(out))
    for order in views.ORDERS:
        seen = []
        for skip in range(0, 8, 3):
            page = await views.work_queue(shelf, Which(kind="NO_STOP", order=order), skip=skip, limit=3)
            assert page.total == 8
            seen += [one["encounter_id"] for one, _ in page.findings]
        assert sorted(seen) == [f"V{number}" for number in range(8)]
    assert await shelf.size(shown.OPEN_FINDING, "oldest:kind:NO_STOP") == 4
    await shelf.close()
