"""The watchdog: lag that does not move ends the worker; anything else does not."""

import asyncio

import pytest
from aiokafka.errors import KafkaTimeoutError
from faust.types import TP

from streams import watchdog
from streams.watchdog import Stuck, Watchdog
from streams.worker_metrics import WorkerMetrics

INBOUND = TP("hl7.inbound", 0)


class Message:
    def __init__(self, offset: int) -> None:
        self.tp, self.offset = INBOUND, offset


class Consumer:
    def __init__(self) -> None:
        self.end, self.first, self.is_fetched = 0, 0, True
        self.is_away = False
        self._committed_offset: dict[TP, int | None] = {}

    def assignment(self) -> set[TP]:
        return {INBOUND}

    def highwater(self, tp: TP) -> int | None:
        return self.end if self.is_fetched else None

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        if self.is_away:
            raise KafkaTimeoutError
        return dict.fromkeys(partitions, self.end)

    async def earliest_offsets(self, *partitions: TP) -> dict[TP, int]:
        if self.is_away:
            raise KafkaTimeoutError
        return dict.fromkeys(partitions, self.first)


class Recovery:
    def __init__(self) -> None:
        self.active_offsets: dict[TP, int] = {}
        self.standby_offsets: dict[TP, int] = {}


class Tables:
    changelog_topics: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.actives_ready, self.recovery = True, Recovery()


class App:
    def __init__(self) -> None:
        self.consumer, self.tables, self.rebalancing, self.rebalancing_count = Consumer(), Tables(), False, 0
        self.crashes: list[BaseException] = []

    async def crash(self, reason: BaseException) -> None:
        self.crashes.append(reason)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: now[0])
    return now


def check(dog: Watchdog) -> None:
    asyncio.run(dog.check())


def test_lag_that_does_not_move_ends_the_worker(clock: list[float]) -> None:
    app = App()
    dog = Watchdog(app, WorkerMetrics(), 60, lambda _: 0)  # type: ignore[arg-type]
    dog.progressed([Message(9)])  # type: ignore[list-item]
    app.consumer.end = 15
    check(dog)
    clock[0] += 61
    check(dog)
    (crash,) = app.crashes
    assert isinstance(crash, Stuck)
    assert str(crash) == "hl7.inbound[0]: 5 waiting, none done for 61 s"


def test_lag_that_moves_does_not(clock: list[float]) -> None:
    app = App()
    dog = Watchdog(app, WorkerMetrics(), 60, lambda _: 0)  # type: ignore[arg-type]
    app.consumer.end = 1000
    for offset in range(100):
        dog.progressed([Message(offset)])  # type: ignore[list-item]
        clock[0] += 50
        check(dog)
    assert app.crashes == []


def test_silence_without_lag_does_not(clock: list[float]) -> None:
    app = App()
    dog = Watchdog(app, WorkerMetrics(), 60, lambda _: 0)  # type: ignore[arg-type]
    dog.progressed([Message(9)])  # type: ignore[list-item]
    app.consumer.end = 10
    for _ in range(10):
        clock[0] += 1000
        check(dog)
    assert app.crashes == []


def test_a_rebalance_starts_the_wait_anew(clock: list[float]) -> None:
    app = App()
    dog = Watchdog(app, WorkerMetrics(), 60, lambda _: 0)  # type: ignore[arg-type]
    dog.progressed([Message(9)])  # type: ignore[list-item]
    app.consumer.end = 15
    check(dog)
    clock[0] += 59
    app.rebalancing = True
    check(dog)
    app.rebalancing = False
    clock[0] += 59
    check(dog)
    assert app.crashes == []


def test_a_partition_that_never_moves_after_a_restart_ends_the_worker_too(clock: list[float]) -> None:
    app = App()
    dog = Watchdog(app, WorkerMetrics(), 60, lambda _: 10)  # type: ignore[arg-type]
    app.consumer.end = 15
    check(dog)
    clock[0] += 61
    check(dog)
    assert [str(crash) for crash in app.crashes] == ["hl7.inbound[0]: 5 waiting, none done for 61 s"]


def test_a_partition_that_is_never_fetched_ends_the_worker_too(clock: list[float]) -> None:
    app = App()
    dog = Watchdog(app, WorkerMetrics(), 60, lambda _: 10)  # type: ignore[arg-type]
    app.consumer.end, app.consumer.is_fetched = 15, False
    check(dog)
    clock[0] += 61
    check(dog)
    assert [str(crash) for crash in app.crashes] == ["hl7.inbound[0]: 5 waiting, none done for 61 s"]


@pytest.mark.parametrize("is_read", [False, True])
def test_tables_that_are_not_read_back_end_the_worker(clock: list[float], is_read: bool) -> None:
    app = App()
    dog = Watchdog(app, WorkerMetrics(), 60, lambda _: 0)  # type: ignore[arg-type]
    app.tables.actives_ready = False
    for place in range(14):
        app.tables.recovery.active_offsets[INBOUND] = place if is_read else 1
        check(dog)
        clock[0] += 5
    said = "the tables are not there, and nothing of them was read for 65 s"
    assert [str(crash) for crash in app.crashes] == ([] if is_read else [said])


def test_what_another_worker_did_in_between_is_no_lag(clock: list[float]) -> None:
    app, recovered = App(), [10]
    dog = Watchdog(app, WorkerMetrics(), 60, lambda _: recovered[0])  # type: ignore[arg-type]
    dog.progressed([Message(9)])  # type: ignore[list-item]
    app.rebalancing_count, app.consumer.end, recovered[0] = 1, 200, 200
    for _ in range(3):
        check(dog)
        clock[0] += 61
    assert app.crashes == []


@pytest.mark.parametrize("is_away", [False, True])
def test_a_partition_of_which_nothing_was_ever_done_ends_the_worker_too(clock: list[float], is_away: bool) -> None:
    app = App()
    dog = Watchdog(app, WorkerMetrics(), 60, lambda _: 0)  # type: ignore[arg-type]
    app.consumer.end, app.consumer.first, app.consumer.is_away = 15, 5, is_away
    check(dog)
    clock[0] += 61
    check(dog)
    waiting = 15 if is_away else 10
    assert [str(crash) for crash in app.crashes] == [f"hl7.inbound[0]: {waiting} waiting, none done for 61 s"]


@pytest.mark.parametrize(("committed", "first"), [(15, 0), (None, 15), (3, 15)])
def test_what_is_committed_or_no_longer_there_is_no_lag(clock: list[float], committed: int | None, first: int) -> None:
    app = App()
    dog = Watchdog(app, WorkerMetrics(), 60, lambda _: 0)  # type: ignore[arg-type]
    app.consumer.end, app.consumer.first = 15, first
    app.consumer._committed_offset[INBOUND] = committed
    for _ in range(3):
        check(dog)
        clock[0] += 61
    assert app.crashes == []
