"""Measure the embedded broker: `python -m tests.streams.embedded.bench_broker [MESSAGES]`. Not a test.

Messages of 1.2 KB, 4 partitions. Everything runs on this machine's disk, so only ratios carry over to another one.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from streams.embedded import Record, Store, broker_url

from .processes import Worker, wait_for

VALUE = bytes(1200)
MODES = ("items, no effect", "items", "batch, no effect", "batch")


def say(what: str, count: int, seconds: float) -> None:
    sys.stdout.write(f"{what:58} {count / seconds:10,.0f} a second\n")
    sys.stdout.flush()


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def records(count: int) -> list[Record]:
    return [Record("source", b"patient-%d" % (number % 997), VALUE) for number in range(count)]


def measure_store(folder: Path, count: int) -> None:
    for synchronous in ("FULL", "NORMAL"):
        with Store.open(folder / f"{synchronous}.db", synchronous=synchronous) as store:
            store.create_topic("source", 4)
            single = records(min(count, 2000))
            spent = timed(partial(list, map(store.append_many, ([one] for one in single))))
            say(f"append, {synchronous}, one by one", len(single), spent)
            for group in (50, 500):
                batches = [records(group) for _ in range(count // group)]
                spent = timed(partial(list, map(store.append_many, batches)))
                say(f"append, {synchronous}, {group} at a time", count, spent)
    with Store.open(folder / "FULL.db") as store:

        def read_all() -> None:
            for partition in range(4):
                position = 0
                while found := store.read("source", partition, position):
                    position = found[-1].offset + 1

        say("read", sum(store.highwater("source", partition) for partition in range(4)), timed(read_all))


def cpu_seconds(worker: Worker) -> float:
    fields = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def memory_mb(worker: Worker) -> int:
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


def measure_worker(folder: Path, mode: str, count: int) -> None:
    folder.mkdir()
    with Store.open(folder / "broker.db", synchronous="NORMAL") as store:
        store.create_topic("source", 4)
        for _ in range(count // 500):
            store.append_many(records(500))
        worker = Worker("bench_app", broker_url(store.path), folder, MODE=mode)
        worker.start()
        start = time.perf_counter()

        def finished() -> bool:
            if mode == "items":  # Faust commits every few seconds only; what it sends on is seen sooner
                known = store.topic("copies")
                return known is not None and sum(store.highwater("copies", p) for p in range(4)) == count
            return sum(store.lag("bench", "source").values()) == 0

        wait_for(finished, mode, 300)
        say(f"worker: {mode}", count, time.perf_counter() - start)
        if mode == "batch":
            measure_latency(store)
            before = cpu_seconds(worker)
            time.sleep(3)
            idle = (cpu_seconds(worker) - before) / 3
            sys.stdout.write(f"worker idle: {idle:.1%} of a core, {memory_mb(worker)} MB\n")
            worker.stop()
            start = time.perf_counter()
            worker.start()
            sys.stdout.write(f"start with {count:,} changelog records: {time.perf_counter() - start:.1f} s\n")
        worker.stop()


def measure_latency(store: Store) -> None:
    """From the append in this process to the copy in the worker's."""
    waits = []
    with Store.open(store.path) as listener:
        for _ in range(200):
            before = sum(store.highwater("copies", partition) for partition in range(4))
            start = time.perf_counter()
            listener.append("source", b"patient-1", VALUE)
            while sum(store.highwater("copies", partition) for partition in range(4)) == before:
                time.sleep(0.0002)
            waits.append((time.perf_counter() - start) * 1000)
            time.sleep(0.003)
    waits.sort()
    sys.stdout.write(
        f"append to copy: median {waits[100]:.1f} ms, 99 % {waits[197]:.1f} ms (batches wait up to 20 ms)\n"
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as folder:
        measure_store(Path(folder), count)
        for mode in MODES:
            measure_worker(Path(folder) / mode.replace(" ", "-"), mode, count)


if __name__ == "__main__":
    main()
