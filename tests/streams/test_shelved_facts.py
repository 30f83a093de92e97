"""Facts on the disk make the same encounters as facts in memory, wherever between broker and disk a worker ended."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given as for_all
from hypothesis import settings as examples
from hypothesis import strategies as st

from streams import records
from streams.apply import Applier
from streams.embedded.records import Record
from streams.partition import Partition
from streams.records import Command
from streams.shelf import Shelf, room_of
from streams.shelved_facts import FactShelf, Hot, ShelvedFacts
from streams.topics import FACTS_TABLE
from tests.streams.build import closed, reopened, started
from tests.streams.test_apply import RULES, TOPICS, Feed, applier, sent_on

# Facts are past their age at once, and go when they are told to.
FORGETFUL = replace(RULES, patience=replace(RULES.patience, facts_kept=0.0))
MESSAGES = [started("O1"), started("O2", at="10:00"), closed(), reopened(), started("O3", at="11:00"), started("O1")]


class Changelog:
    """One partition of the facts changelog, as a broker keeps it."""

    def __init__(self) -> None:
        self.log: list[Record] = []

    def append(self, out: list[Record]) -> dict[tuple[str, int], int]:
        """Confirm a batch; the last offset in the partition."""
        self.log += [record for record in out if record.topic == TOPICS.facts_changelog]
        return {(TOPICS.facts_changelog, 0): len(self.log) - 1}


class Worker:
    """An applier on a shelf, started on what the shelf and the changelog have."""

    def __init__(self, path: Path, changelog: Changelog) -> None:
        self.shelf = Shelf(path, "this")
        self.applier = Applier(TOPICS, FORGETFUL)
        self.facts = FactShelf(self.applier, self.shelf)
        self.changelog = changelog
        start = self.facts.load(0)
        self.read_from = 0 if start is None else start + 1
        rest = changelog.log[self.read_from :]
        for record in rest:
            self.applier.restore(0, record.key or b"", record.value)
        if rest:
            self.facts.restored(0, [(r.key or b"", r.value) for r in rest], len(changelog.log) - 1)

    def apply(self, *inbound: object, reaches: str = "shelf") -> list[Record]:
        """One batch; `reaches` says how far it comes before the worker ends: memory, changelog or shelf."""
        out, _ = self.applier.apply(inbound, now=0)  # type: ignore[arg-type]
        then = self.facts.after(out)
        if reaches != "memory":
            offsets = self.changelog.append(out)
            if reaches == "shelf":
                then(offsets)
        return out

    def end(self) -> None:
        self.shelf.close()


def content(partition: Partition) -> object:
    """What a partition knows: facts and standing by encounter, and the tally."""
    return (
        {key: (sorted(held.facts.items()), held.standing) for key, held in partition.encounters.items()},
        records.encode(partition.tally),
    )


@pytest.fixture
def changelog() -> Changelog:
    return Changelog()


def test_a_worker_that_starts_anew_reads_nothing_of_the_changelog_again(tmp_path: Path, changelog: Changelog) -> None:
    worker, feed = Worker(tmp_path, changelog), Feed()
    worker.apply(*(feed.put(one) for one in MESSAGES))
    known = content(worker.applier.partition(0))
    worker.end()
    again = Worker(tmp_path, changelog)
    assert again.read_from == len(changelog.log)
    assert content(again.applier.partition(0)) == known
    again.end()


@examples(max_examples=40)
@for_all(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from([*range(len(MESSAGES)), "close", "forget"]), min_size=1, max_size=3),
            st.sampled_from(["shelf", "changelog", "memory"]),
        ),
        max_size=6,
    )
)
def test_wherever_a_worker_ends_the_next_one_knows_what_the_changelog_says(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[list[int | str], str]]
) -> None:
    path, changelog = tmp_path_factory.mktemp("shelf"), Changelog()
    worker, feed = Worker(path, changelog), Feed()
    for chosen, reaches in batches:
        inbound = (MESSAGES[n] if isinstance(n, int) else Command(n, "SYNTH|SYN1", "V1") for n in chosen)
        worker.apply(*map(feed.put, inbound), reaches=reaches)
        if reaches != "shelf":
            worker.end()
            worker = Worker(path, changelog)
            plain = Partition()
            for record in changelog.log:
                plain.restore(record.key or b"", record.value)
            assert content(worker.applier.partition(0)) == content(plain)
    worker.end()


def test_facts_past_their_age_are_deleted_on_the_disk(tmp_path: Path, changelog: Changelog) -> None:
    worker, feed = Worker(tmp_path, changelog), Feed()
    worker.apply(feed.put(MESSAGES[0]), feed.put(MESSAGES[1]), feed.put(Command("close", "SYNTH|SYN1", "V1")))
    (held,) = worker.applier.partition(0).encounters.values()
    version, room = held.standing.facts, room_of(FACTS_TABLE, 0)
    for _ in range(2):
        worker.apply(feed.put(Command("forget", "SYNTH|SYN1", "V1")))
        cast(ShelvedFacts, held.facts).cool()
        ((fact_id, _),) = worker.shelf.under(room, b"fSYNTH|SYN1\x1fV1\x1f")
        assert list(held.facts) == [fact_id]
        assert held.standing.facts == version == 3
    worker.end()


def test_an_encounter_is_sent_on_as_one_kept_in_memory_is(tmp_path: Path, changelog: Changelog) -> None:
    worker, feed = Worker(tmp_path, changelog), Feed()
    in_memory, other_feed = applier(), Feed()
    for one in (*MESSAGES[:2], Command("close", "SYNTH|SYN1", "V1", at=1.0), MESSAGES[4]):
        out = worker.apply(feed.put(one))
        expected, _ = in_memory.apply([other_feed.put(one)], now=0)
        assert sent_on(out) == sent_on(expected)
    worker.end()


def test_facts_leave_memory_once_they_are_on_the_disk(tmp_path: Path, changelog: Changelog) -> None:
    worker, feed = Worker(tmp_path, changelog), Feed()
    worker.apply(feed.put(MESSAGES[0]), reaches="changelog")
    (held,) = worker.applier.partition(0).encounters.values()
    assert held.facts._fresh  # type: ignore[attr-defined]
    worker.apply(feed.put(MESSAGES[1]))
    assert set(held.facts._fresh or ()) == {next(iter(held.facts._fresh))}  # type: ignore[attr-defined] # the first one
    assert len(held.facts) == 2
    worker.end()


def test_what_another_worker_wrote_in_between_is_read_from_the_changelog(tmp_path: Path, changelog: Changelog) -> None:
    worker, other, feed = Worker(tmp_path / "a", changelog), Worker(tmp_path / "b", changelog), Feed()
    worker.apply(feed.put(MESSAGES[0]))
    other.apply(feed.put(MESSAGES[1]))
    worker.apply(feed.put(MESSAGES[4]))  # it woke up too late
    for ended in (worker, other):
        ended.end()
    again = Worker(tmp_path / "a", changelog)
    assert again.read_from == 2
    (held,) = again.applier.partition(0).encounters.values()
    assert len(held.facts) == held.standing.facts == 3
    again.end()


def test_state_of_a_changelog_that_is_no_more_is_forgotten(tmp_path: Path, changelog: Changelog) -> None:
    worker, feed = Worker(tmp_path, changelog), Feed()
    worker.apply(feed.put(MESSAGES[0]))
    worker.facts.start_anew(0)
    assert worker.facts.load(0) is None
    assert not worker.applier.partition(0).encounters
    worker.end()


def test_facts_of_encounters_used_last_stay_in_memory_within_a_bound(tmp_path: Path) -> None:
    shelf, hot = Shelf(tmp_path, "this"), Hot(most=5)
    shelf.open()
    encounters = [ShelvedFacts(shelf, b"room/", b"V%d" % n, hot) for n in range(3)]
    for number, facts in enumerate(encounters):
        for fact in (b"a", b"b"):
            facts[fact] = b"%d" % number
            shelf.keep(b"room/", [(b"fV%d\x1f" % number + fact, facts[fact])], None)
            facts.settle(fact)
    assert [facts._known is None for facts in encounters] == [True, False, False]
    assert dict(encounters[0]) == {b"a": b"0", b"b": b"0"}
    assert [facts._known is None for facts in encounters] == [False, True, False]
    shelf.close()


def test_a_fact_that_is_not_on_the_disk_yet_is_not_let_go(tmp_path: Path) -> None:
    shelf, hot = Shelf(tmp_path, "this"), Hot(most=1)
    shelf.open()
    first, second = (ShelvedFacts(shelf, b"room/", encounter, hot) for encounter in (b"V1", b"V2"))
    first[b"a"] = b"1"
    second[b"a"] = b"2"
    assert first._known is None
    assert dict(first) == {b"a": b"1"}
    shelf.close()
