"""The broker file: what is appended is there, once, in order, for every process, or the append failed."""

import itertools
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.embedded import (
    BadRecord,
    NotABrokerFile,
    Position,
    Record,
    SqliteTooOld,
    Store,
    StoreFailed,
    TopicMismatch,
    UnknownTopic,
    schema,
)
from streams.embedded.schema import require_sqlite

from .processes import output_of, python


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "broker.db") as store:
        yield store


def test_a_record_is_read_back_as_it_was_appended(store: Store) -> None:
    store.create_topic("inbound", 1)
    headers = (("control_id", b"1"), ("type", b""), ("control_id", b"2"))
    records = [
        Record("inbound", b"k", b"v", headers, timestamp_ms=1_709_540_000_123),
        Record("inbound", None, b"\x00\xff"),
        Record("inbound", b"", None),
    ]
    assert store.append_many(records) == [Position(0, 0), Position(0, 1), Position(0, 2)]
    read = store.read("inbound", 0, 0)
    assert [(one.key, one.value, one.headers) for one in read] == [
        (b"k", b"v", headers), (None, b"\x00\xff", ()), (b"", None, ()),
    ]  # fmt: skip
    assert read[0].timestamp_ms == 1_709_540_000_123
    assert read[1].timestamp_ms > read[0].timestamp_ms, "no time given means now"
    assert [one.offset for one in store.read("inbound", 0, 1, limit=1)] == [1]


def test_offsets_go_on_where_they_ended_when_the_file_is_opened_again(tmp_path: Path) -> None:
    for expected in range(3):
        with Store.open(tmp_path / "broker.db") as store:
            store.create_topic("inbound", 1)
            assert store.append("inbound", b"k", b"v") == (0, expected)
            assert store.highwater("inbound", 0) == expected + 1
            assert store.earliest("inbound", 0) == 0


APPENDER = """
import json, sys
from streams.embedded import Record, Store
offsets = []
with Store.open(sys.argv[1]) as store:
    store.create_topic("inbound", 1)
    for number in range(200):
        offsets.append(store.append("inbound", b"k", b"%s %d" % (sys.argv[2].encode(), number)).offset)
        if number % 10 == 0:
            offsets += [one.offset for one in store.append_many([Record("inbound", b"k", b"batch")] * 5)]
print(json.dumps(offsets))
"""


def test_processes_that_append_at_the_same_time_never_share_an_offset(tmp_path: Path) -> None:
    path = tmp_path / "broker.db"
    offsets = [json.loads(output_of(one)) for one in [python(APPENDER, path, name) for name in "abc"]]
    assert all(mine == sorted(mine) for mine in offsets)
    assert sorted(itertools.chain.from_iterable(offsets)) == list(range(900))
    with Store.open(path) as store:
        values = [one.value for one in store.read("inbound", 0, 0, limit=1000)]
    for name in (b"a", b"b", b"c"):
        mine = [value for value in values if value and value.startswith(name + b" ")]
        assert mine == [b"%s %d" % (name, number) for number in range(200)]


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_a_file_that_another_process_is_making_is_no_foreign_one(tmp_path: Path, looks: int) -> None:
    path = tmp_path / "broker.db"

    class Watched:
        """A connection; another one makes the file after so many looks at it."""

        looks = 0

        def __init__(self) -> None:
            self.connection = apsw.Connection(str(path))

        def pragma(self, name: str) -> object:
            if self.looks == looks:
                Store.open(path).close()
            self.looks += 1
            return self.connection.pragma(name)

    watched = Watched()
    schema._refuse_foreign(watched, path)  # type: ignore[arg-type]
    assert watched.looks == 3
    watched.connection.close()


def test_a_batch_with_one_bad_record_leaves_nothing(store: Store) -> None:
    store.create_topic("inbound", 2)
    with pytest.raises(BadRecord, match="partitions 0 to 1, not 2"):
        store.append_many([Record("inbound", b"k", b"v", partition=0), Record("inbound", b"k", b"v", partition=2)])
    with pytest.raises(UnknownTopic, match="outbound"):
        store.append_many([Record("inbound", b"k", b"v"), Record("outbound", b"k", b"v")])
    assert [store.highwater("inbound", partition) for partition in (0, 1)] == [0, 0]
    assert store.append("inbound", b"k", b"v").offset == 0, "a record that could not be stored is no failure"


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        (Record("inbound", "k", b"v"), "key and value are bytes"),  # type: ignore[arg-type]
        (Record("inbound", b"k", {"a": 1}), "key and value are bytes"),  # type: ignore[arg-type]
        (Record("inbound", b"k", b"v", (("h", "text"),)), "a header is a pair"),  # type: ignore[arg-type]
        (Record("inbound", b"k", b"v", ((b"h", b"1"),)), "a header is a pair"),  # type: ignore[arg-type]
    ],
)
def test_what_could_not_be_read_back_is_refused(store: Store, record: Record, complaint: str) -> None:
    store.create_topic("inbound", 1)
    with pytest.raises(BadRecord, match=complaint):
        store.append_many([record])


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.integers(0, 9)), min_size=1, max_size=30))
def test_a_compacted_topic_keeps_the_last_value_of_each_key_under_rising_offsets(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[bytes, int]]
) -> None:
    with Store.open(tmp_path_factory.mktemp("compacted") / "broker.db", synchronous="NORMAL") as store:
        store.create_topic("facts", 1, compacted=True)
        for key, number in writes[::2]:
            store.append("facts", key, b"%d" % number)
        store.append_many([Record("facts", key, b"%d" % number) for key, number in writes[1::2]])
        order = writes[::2] + writes[1::2]
        last = {key: (offset, b"%d" % number) for offset, (key, number) in enumerate(order)}
        kept = store.read("facts", 0, 0)
        assert {one.key: (one.offset, one.value) for one in kept} == last
        assert [one.offset for one in kept] == sorted(offset for offset, _ in last.values())
        assert store.highwater("facts", 0) == len(order) == kept[-1].offset + 1, "the last row is never lost"


def test_a_compacted_topic_refuses_a_record_without_a_key(store: Store) -> None:
    store.create_topic("facts", 1, compacted=True)
    with pytest.raises(BadRecord, match="need a key"):
        store.append("facts", None, b"v")


def test_a_topic_is_created_once_and_keeps_its_partitions(store: Store) -> None:
    created = store.create_topic("inbound", 4, retention_ms=1000)
    assert store.create_topic("inbound", 4) == created, "again is no error, and leaves the retention"
    assert store.create_topic("inbound", 4, retention_ms=2000).retention_ms == 2000
    with pytest.raises(TopicMismatch, match="inbound exists with 4 partitions, not 8"):
        store.create_topic("inbound", 8, retention_ms=3000)
    with pytest.raises(TopicMismatch, match=r"not 4 \(compacted\)"):
        store.create_topic("inbound", 4, compacted=True)
    with Store.open(store.path) as other:
        assert other.topics() == store.topics() == [store.create_topic("inbound", 4, retention_ms=2000)]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=10))
def test_a_committed_offset_never_moves_back(tmp_path_factory: pytest.TempPathFactory, commits: list[int]) -> None:
    with Store.open(tmp_path_factory.mktemp("offsets") / "broker.db", synchronous="NORMAL") as store:
        store.create_topic("inbound", 1)
        assert store.committed("app", ("inbound", 0)) is None
        for number, offset in enumerate(commits):
            if number % 2:
                store.commit("app", {("inbound", 0): offset})
            else:
                store.append_and_commit([], "app", {("inbound", 0): offset})
            assert store.committed("app", ("inbound", 0)) == max(commits[: number + 1])
        assert store.committed("other", ("inbound", 0)) is None, "each group has its own"


def test_lag_is_what_a_group_has_still_to_read(store: Store) -> None:
    store.create_topic("inbound", 2)
    store.append_many([Record("inbound", b"k", b"v", partition=0)] * 5)
    assert store.lag("app", "inbound") == {0: 5, 1: 0}
    store.commit("app", {("inbound", 0): 3})
    assert store.lag("app", "inbound") == {0: 2, 1: 0}


def test_records_and_offsets_are_one_transaction(store: Store) -> None:
    store.create_topic("claims", 1)
    with pytest.raises(TypeError):
        store.append_and_commit([Record("claims", b"k", b"v")], "app", {("inbound", 0): object()})  # type: ignore[dict-item]
    assert store.highwater("claims", 0) == 0


# -- failures


def test_after_a_full_disk_nothing_is_committed_by_that_store_and_a_new_one_goes_on(tmp_path: Path) -> None:
    with Store.open(tmp_path / "broker.db") as store:
        store.create_topic("inbound", 1)
        store.append("inbound", b"k", b"first")
        pages = store.total_pages()
        store.connection.pragma("max_page_count", pages + 2)
        with pytest.raises(StoreFailed, match=r"broker\.db cannot be written \(FullError.*start again") as first:
            store.append_and_commit([Record("inbound", b"k", bytes(100_000))], "app", {("inbound", 0): 1})
        store.connection.pragma("max_page_count", pages + 1000)  # there is room again, and still:
        with pytest.raises(StoreFailed) as second:
            store.append("inbound", b"k", b"later")
        assert second.value is first.value
        with pytest.raises(StoreFailed):
            store.commit("app", {("inbound", 0): 1})
        with pytest.raises(StoreFailed):
            store.create_topic("outbound", 1)
        assert [one.value for one in store.read("inbound", 0, 0)] == [b"first"], "reading goes on"
        assert store.committed("app", ("inbound", 0)) is None
    with Store.open(tmp_path / "broker.db") as store:
        assert store.append("inbound", b"k", b"mended") == (0, 1)


def test_a_lock_that_is_never_granted_is_a_failure(store: Store) -> None:
    store.create_topic("inbound", 1)
    with Store.open(store.path, busy_seconds=0.1) as patient:
        store.connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFailed, match="BusyError"):
            patient.append("inbound", b"k", b"v")
        store.connection.execute("ROLLBACK")


def test_a_file_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    with apsw.Connection(str(foreign)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    connection.close()
    before = foreign.read_bytes()
    with pytest.raises(NotABrokerFile, match="another program"):
        Store.open(foreign)
    assert foreign.read_bytes() == before
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to look like something " * 50)
    with pytest.raises(NotABrokerFile, match="not an SQLite file"):
        Store.open(text)


def test_a_file_of_a_later_version_is_refused(store: Store) -> None:
    store.connection.pragma("user_version", 2)
    with pytest.raises(NotABrokerFile, match="has format 2, this version reads up to 1"):
        Store.open(store.path)


def test_an_sqlite_that_can_corrupt_the_log_is_refused() -> None:
    require_sqlite("3.51.3")
    require_sqlite("4.0.0")
    for old in ("3.40.1", "3.51.2"):
        with pytest.raises(SqliteTooOld, match=rf"{old} can corrupt.*3\.51\.3 or later"):
            require_sqlite(old)


def test_only_the_owner_can_read_the_file(store: Store) -> None:
    store.create_topic("inbound", 1)
    store.append("inbound", b"k", b"v")
    for path in store.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_data_version_tells_of_other_connections_only(store: Store) -> None:
    store.create_topic("inbound", 1)
    with Store.open(store.path) as other:
        before = store.data_version()
        store.append("inbound", b"k", b"v")
        assert store.data_version() == before
        other.append("inbound", b"k", b"v")
        assert store.data_version() != before


def test_the_write_ahead_log_stays_small_while_two_connections_write(store: Store) -> None:
    store.create_topic("inbound", 1)
    with Store.open(store.path, synchronous="NORMAL") as worker:
        worker.create_topic("copies", 1)
        for offset in range(300):
            store.append_many([Record("inbound", b"k", bytes(2000))] * 10)
            worker.append_and_commit([Record("copies", b"k", bytes(2000))] * 10, "app", {("inbound", 0): offset})
    log = store.path.with_name(store.path.name + "-wal")
    assert log.stat().st_size < 16 * 1024 * 1024, "12 MB of records were written twice"
