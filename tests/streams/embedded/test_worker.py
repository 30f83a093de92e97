"""A real worker process on a broker file: unchanged Faust, batches under kill -9, a full disk, a second worker."""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.embedded import Record, Store, StoredRecord, broker_url
from tests.waiting import wait_for

from .processes import Worker, output_of, python

KEYS = [b"key-%d" % number for number in range(20)]


def everything(store: Store, topic: str) -> list[StoredRecord]:
    known = store.topic(topic)
    found = []
    for partition in range(known.partitions if known else 0):
        position = 0
        while records := store.read(topic, partition, position):
            found += records
            position = records[-1].offset + 1
    return found


def count(store: Store, topic: str) -> int:
    known = store.topic(topic)
    return sum(store.highwater(topic, partition) for partition in range(known.partitions if known else 0))


def last_json(store: Store, topic: str) -> object:
    newest = max(everything(store, topic), key=lambda record: (record.timestamp_ms, record.offset))
    return json.loads(json.loads(newest.value or b"null"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "broker.db") as store:
        yield store


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    started: list[Worker] = []
    yield started
    for worker in started:
        worker.kill()


def ask(store: Store, question: bytes, answers: str) -> None:
    before = len(everything(store, answers))
    store.append("questions", None, b'"%s"' % question)
    wait_for(lambda: len(everything(store, answers)) > before, f"an answer on {answers}")


@pytest.mark.parametrize("no_cython", ["", "1"], ids=["cython", "pure-python"])
def test_an_unchanged_faust_app_keeps_its_tables_over_a_restart(
    store: Store, tmp_path: Path, workers: list[Worker], no_cython: str
) -> None:
    worker = Worker("plain_app", broker_url(store.path), tmp_path, NO_CYTHON=no_cython)
    workers.append(worker)
    worker.start()
    expected: Counter[str] = Counter()
    for number in range(300):
        key = KEYS[number % len(KEYS)]
        store.append("amounts", key, b"%d" % number)
        expected[key.decode()] += number
    wait_for(lambda: len(everything(store, "doubled")) == 300, "every amount is sent on")
    wait_for(lambda: sum(store.lag("plain", "doubled").values()) == 0, "the second agent has committed")
    worker.stop()

    store.append("amounts", KEYS[0], b"-1")  # the table forgets this key
    worker.start()
    wait_for(lambda: sum(store.lag("plain", "amounts").values()) == 0, "the deletion is done")
    ticks = len(everything(store, "ticks"))
    ask(store, b"state", "snapshots")
    gone = KEYS[0].decode()
    state = last_json(store, "snapshots")
    assert state == {
        "totals": {key: total for key, total in expected.items() if key != gone},
        "doubled": {key: 2 * total for key, total in expected.items()},
    }
    wait_for(lambda: len(everything(store, "ticks")) > ticks, "the timer goes on")
    worker.stop()

    assert len(everything(store, "doubled")) == 300, "after a clean stop nothing is read again"
    assert "Traceback" not in worker.text()


WRITER = """
import sys, time
from streams.embedded import Record, Store
with Store.open(sys.argv[1]) as store:
    for batch in range(int(sys.argv[2])):
        store.append_many([Record("source", b"key-%d" % (n % 17), b"x") for n in range(10)])
        time.sleep(0.01)
"""


def test_batches_are_neither_lost_nor_doubled_when_the_worker_is_killed(
    store: Store, tmp_path: Path, workers: list[Worker]
) -> None:
    store.create_topic("source", 3)
    worker = Worker("batch_app", broker_url(store.path), tmp_path)
    workers.append(worker)
    writer = python(WRITER, store.path, 500)
    progress = random.Random(20240304)
    copied = [0]
    for _ in range(5):
        store.append_many([Record("source", b"key-%d" % (n % 17), b"x") for n in range(2000)])
        worker.start()
        until = copied[-1] + progress.randint(1, 1500)
        wait_for(lambda until=until: count(store, "copies") >= until, "the worker goes on")  # type: ignore[misc]
        worker.kill()
        copied.append(count(store, "copies"))
        assert copied[-1] < count(store, "source"), "the kill came in the middle"
    output_of(writer)
    worker.start()
    wait_for(lambda: sum(store.lag("batches", "source").values()) == 0, "all is read")
    worker.stop()

    sent = [f'"{record.partition}:{record.offset}"'.encode() for record in everything(store, "source")]
    assert len(sent) == 15_000
    assert [record.value for record in everything(store, "copies")] == sent, "each once, in order"
    assert count(store, "batches-seen-changelog") == 15_000
    recovered = [int(line.split()[-1]) for line in worker.text().splitlines() if "recovered" in line]
    assert recovered == copied, "each start recovered what was committed before it"


def test_two_apps_share_a_file_and_an_agent_answers_what_it_is_asked(
    store: Store, tmp_path: Path, workers: list[Worker]
) -> None:
    store.create_topic("source", 3)
    store.create_topic("amounts", 3)
    for app in ("plain_app", "batch_app"):
        (tmp_path / app).mkdir()
        workers.append(Worker(app, broker_url(store.path), tmp_path / app))
        workers[-1].start()
    for _ in range(40):
        store.append_many([Record("source", b"key-%d" % n, b"x") for n in range(50)])
        store.append_many([Record("amounts", KEYS[n], b"1") for n in range(20)])
        time.sleep(0.005)
    ask(store, b"12", "answers")
    assert [record.value for record in everything(store, "answers")] == [b"144"]
    wait_for(lambda: sum(store.lag("batches", "source").values()) == 0, "the batches are read")
    wait_for(lambda: sum(store.lag("plain", "amounts").values()) == 0, "the amounts are read")
    ask(store, b"state", "snapshots")
    assert last_json(store, "snapshots") == {
        "totals": {key.decode(): 40 for key in KEYS},
        "doubled": {key.decode(): 80 for key in KEYS},
    }
    assert count(store, "copies") == 2000


def test_a_second_worker_is_refused_with_the_process_id_of_the_first(
    store: Store, tmp_path: Path, workers: list[Worker]
) -> None:
    first = Worker("batch_app", broker_url(store.path), tmp_path)
    workers.append(first)
    first.start()
    (tmp_path / "second").mkdir()
    second = Worker("batch_app", broker_url(store.path), tmp_path / "second")
    workers.append(second)
    second.start(lambda: True)
    assert second.wait_for_end() != 0
    assert f"process {first.pid}" in second.text()
    assert first.pid is not None, "the first one works on"


def test_a_full_disk_ends_the_worker_and_nothing_later_is_committed(
    store: Store, tmp_path: Path, workers: list[Worker]
) -> None:
    store.create_topic("source", 3)
    for _ in range(30):
        store.append_many([Record("source", b"key-%d" % n, b"x") for n in range(100)])
    worker = Worker(
        "batch_app", broker_url(store.path), tmp_path, file_bytes_max=2_500_000, PADDING="4000"
    )  # the log is a file too, but a small one
    workers.append(worker)
    worker.start()
    assert worker.wait_for_end() != 0
    assert "cannot be written" in worker.text()
    copies = everything(store, "copies")
    committed = sum(store.committed("batches", ("source", partition)) or 0 for partition in range(3))
    assert 0 < len(copies) < 3000, "it failed in the middle"
    assert len(copies) == committed, "what was written is exactly what is committed"

    mended = Worker("batch_app", broker_url(store.path), tmp_path, PADDING="4000")
    workers.append(mended)
    mended.start()
    wait_for(lambda: sum(store.lag("batches", "source").values()) == 0, "the rest is done after the mend")
    assert len(everything(store, "copies")) == 3000


def test_a_full_disk_ends_an_unchanged_app_too(store: Store, tmp_path: Path, workers: list[Worker]) -> None:
    store.create_topic("amounts", 3)
    store.append_many([Record("amounts", KEYS[n % len(KEYS)], b"%d" % n) for n in range(5000)])
    worker = Worker("plain_app", broker_url(store.path), tmp_path, file_bytes_max=700_000)
    workers.append(worker)
    worker.start()
    assert worker.wait_for_end() != 0
    assert "cannot be written" in worker.text()
    committed = sum(store.committed("plain", ("amounts", partition)) or 0 for partition in range(3))
    assert committed <= count(store, "doubled") < 5000, "it failed in the middle, and acknowledged nothing unwritten"


def test_another_process_wakes_the_worker(store: Store, tmp_path: Path, workers: list[Worker]) -> None:
    store.create_topic("source", 3)
    worker = Worker("batch_app", broker_url(store.path), tmp_path)
    workers.append(worker)
    worker.start()
    time.sleep(0.3)  # let it fall idle
    output_of(python(WRITER, store.path, 20))
    wait_for(lambda: len(everything(store, "copies")) == 200, "all is copied")


def test_the_command_line_interface_of_faust_sends_without_a_worker(store: Store, tmp_path: Path) -> None:
    script = "from tests.streams.embedded.plain_app import app; app.main()"
    sender = python(
        f"import os; os.environ.update(BROKER={broker_url(store.path)!r}, APP_DATA={str(tmp_path)!r}); {script}",
        "send",
        "-k",
        "anna",
        "--key-serializer",
        "json",
        "amounts",
        "5",
    )
    output_of(sender)
    assert [(one.key, one.value) for one in everything(store, "amounts")] == [(b"anna", b"5")]
