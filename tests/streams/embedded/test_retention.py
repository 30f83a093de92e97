"""What is deleted was read by every group and is old or too much; a partition's last record stays."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.embedded import Record, Store
from streams.embedded.retention import TOMBSTONE_MS, cutoff_ms, give_back, is_too_large, trim, trim_all, trim_tombstones

NOW = 1_709_540_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "broker.db", synchronous="NORMAL") as store:
        store.create_topic("inbound", 2)
        store.append_many([Record("inbound", b"k", b"v", partition=0, timestamp_ms=NOW + n) for n in range(10)])
        yield store


def offsets(store: Store, topic: str = "inbound") -> list[int]:
    return [one.offset for one in store.read(topic, 0, 0)]


def trimmed(store: Store, older_than_ms: int | None, topic: str = "inbound") -> list[int]:
    known = store.topic(topic)
    assert known is not None
    trim(store, known, 0, older_than_ms)
    return offsets(store, topic)


def test_nothing_goes_that_nobody_has_read(store: Store) -> None:
    assert trimmed(store, NOW + 100) == list(range(10))


def test_old_records_go_below_the_committed_offset(store: Store) -> None:
    store.commit("app", {("inbound", 0): 6})
    assert trimmed(store, NOW + 3) == list(range(3, 10)), "as far as they are old"
    assert trimmed(store, NOW + 100) == list(range(6, 10)), "as far as they are read"
    assert store.earliest("inbound", 0) == 6


def test_the_slowest_group_decides(store: Store) -> None:
    store.commit("app", {("inbound", 0): 6})
    store.commit("billing", {("inbound", 0): 2})
    assert trimmed(store, NOW + 100) == list(range(2, 10))
    store.forget_group("billing")
    assert trimmed(store, NOW + 100) == list(range(6, 10))


def test_a_group_that_has_not_come_to_this_partition_yet_keeps_it(store: Store) -> None:
    store.commit("app", {("inbound", 0): 6, ("inbound", 1): 0})
    store.commit("billing", {("inbound", 1): 0})
    assert trimmed(store, NOW + 100) == list(range(10))


def test_the_last_record_stays_and_offsets_go_on(store: Store) -> None:
    store.commit("app", {("inbound", 0): 10})
    assert trimmed(store, None) == [9]
    assert trimmed(store, None) == [9]
    assert store.append_many([Record("inbound", b"k", b"v", partition=0)])[0].offset == 10


def test_a_call_deletes_no_more_than_it_may(store: Store) -> None:
    store.commit("app", {("inbound", 0): 10})
    topic = store.topic("inbound")
    assert topic is not None
    assert trim(store, topic, 0, None, rows_max=4) == 4
    assert offsets(store) == list(range(4, 10))


def test_a_compacted_topic_loses_old_deletions_alone(store: Store) -> None:
    topic = store.create_topic("facts", 1, compacted=True)
    for number, key in enumerate((b"a", b"b", b"c", b"d")):
        store.append_many([Record("facts", key, None if number % 2 else b"v", timestamp_ms=NOW + number)])
    trim_tombstones(store, topic, 0, NOW + TOMBSTONE_MS + 100)
    assert offsets(store, "facts") == [0, 2, 3], "the last record stays though it is a deletion"
    store.append_many([Record("facts", b"e", b"v", timestamp_ms=NOW + 50)])
    trim_tombstones(store, topic, 0, NOW + TOMBSTONE_MS + 3)
    assert offsets(store, "facts") == [0, 2, 3, 4], "not old enough"
    trim_tombstones(store, topic, 0, NOW + TOMBSTONE_MS + 4)
    assert offsets(store, "facts") == [0, 2, 4]


def test_a_topic_says_how_long_it_is_kept_and_the_default_is_for_plain_topics(store: Store) -> None:
    plain, facts = store.create_topic("inbound", 2), store.create_topic("facts", 1, compacted=True)
    assert cutoff_ms(plain, None, NOW) is None
    assert cutoff_ms(plain, 1000, NOW) == NOW - 1000
    assert cutoff_ms(facts, 1000, NOW) is None
    assert cutoff_ms(store.create_topic("inbound", 2, retention_ms=5), 1000, NOW) == NOW - 5
    windowed = store.create_topic("windows", 1, compacted=True, retention_ms=5)
    assert cutoff_ms(windowed, 1000, NOW) == NOW - 5


def test_room_is_counted_without_what_stands_empty_and_given_back(store: Store) -> None:
    store.append_many([Record("inbound", b"k", bytes(10_000), partition=0) for _ in range(400)])
    full = store.bytes_used()
    assert is_too_large(store, 1_000_000)
    assert not is_too_large(store, 0), "0 is no bound"
    store.commit("app", {("inbound", 0): store.highwater("inbound", 0)})
    trimmed(store, None)
    assert store.bytes_used() < full / 10
    assert not is_too_large(store, 1_000_000)
    pages = store.total_pages()
    give_back(store)
    assert store.total_pages() == pages, "so little is kept for what comes next"
    store.vacuum(500)
    assert store.total_pages() <= pages - 500


def test_above_the_bound_what_was_read_goes_at_any_age(store: Store) -> None:
    store.append_many([Record("inbound", b"k", bytes(10_000), partition=1) for _ in range(100)])
    store.commit("app", {("inbound", 0): 5, ("inbound", 1): 40})
    assert list(trim_all(store, None, 10_000_000)) == [False, False]
    assert offsets(store) == list(range(10)), "within the bound, and kept for ever"
    list(trim_all(store, None, 100_000))
    assert offsets(store) == list(range(5, 10))
    assert store.earliest("inbound", 1) == 40, "too large still, but nobody has read the rest"
