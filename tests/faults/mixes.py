"""Which broker a seed runs on and what goes wrong there: the first round one fault each, then mixes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random

from tests.faults.disk import may_mount
from tests.faults.fault import Fault
from tests.faults.field import Field
from tests.faults.processes import FreezeWorker, KillListener, KillWorker, MoreWorkers
from tests.faults.surroundings import (
    CutNetwork,
    CutSender,
    FillDisk,
    FreezeBroker,
    KillBroker,
    RedisAway,
    StepClock,
    StopBroker,
)
from tests.servers.kafka import missing_for_kafka
from tests.servers.redis import missing_for_redis

BROKERS = EMBEDDED, KAFKA, STOCK = "embedded", "kafka", "kafka-stock"
Made = Callable[[Field, Random], Iterable[Fault]]

ANYWHERE: dict[str, Made] = {
    "worker-kill": lambda _, chance: [KillWorker(chance, times=3)],
    "listener-kill": lambda _, chance: [KillListener(chance, times=3)],
    "worker-freeze": lambda _, chance: [FreezeWorker(chance)],
    "sender-cut": lambda field, chance: [CutSender(chance, field.proxy())],
    "redis-away": lambda field, chance: [RedisAway(chance, field.redis())],
    "disk-full": lambda field, chance: [FillDisk(chance, field.disk())],
    "clock-step": lambda field, chance: [StepClock(chance, field.folder)],
}
ON_KAFKA: dict[str, Made] = {
    "more-workers": lambda _, chance: [MoreWorkers(chance, 2, times=2), MoreWorkers(chance, 3)],
    "worker-freeze+": lambda _, chance: [FreezeWorker(chance), MoreWorkers(chance)],
    "broker-kill": lambda field, chance: [KillBroker(chance, field.kafka().server, times=2)],
    "broker-stop": lambda field, chance: [StopBroker(chance, field.kafka().server, times=2)],
    "broker-freeze": lambda field, chance: [FreezeBroker(chance, field.kafka().server)],
    "network-stall": lambda field, chance: [CutNetwork(chance, field.kafka().proxy, "stall")],
    "network-slow": lambda field, chance: [CutNetwork(chance, field.kafka().proxy, "slow")],
    "network-reset": lambda field, chance: [CutNetwork(chance, field.kafka().proxy, "reset", times=3)],
}
FAULTS = {**ANYWHERE, **ON_KAFKA}
# What each takes for itself: one broker cannot be two things at once. Those not named take themselves.
_OF_BROKER = frozenset(name for name in FAULTS if name.startswith(("broker-", "network-")))
_TAKES = {"worker-freeze+": {"worker-freeze", "more-workers"}, **{name: {"broker"} for name in _OF_BROKER}}
_ALONE = [(EMBEDDED, name) for name in ANYWHERE] + [(KAFKA, name) for name in FAULTS]
ROUND = len(_ALONE)


@dataclass(frozen=True)
class Mix:
    """What a seed is about."""

    seed: int
    broker: str
    faults: tuple[str, ...]

    def make(self, field: Field) -> Iterator[Fault]:
        """The faults, each with a chance of its own, so that leaving one out does not change the others."""
        for name in self.faults:
            yield from FAULTS[name](field, Random(f"{self.seed} {name}"))


def mix_of(seed: int) -> Mix:
    """The mix of a seed, from 1. The first `ROUND` seeds have one fault each; each later round adds one or two."""
    assert seed > 0
    chance = Random(f"mix {seed}")
    turn, place = divmod(seed - 1, ROUND)
    broker, first = _ALONE[place]
    faults = [first]
    for _ in range(0 if turn == 0 else chance.randint(1, 2)):
        faults.append(chance.choice([name for name in _known(broker) if _goes_with(name, faults)]))
    if broker == KAFKA and turn and chance.random() < 0.3:
        broker = STOCK
    return Mix(seed, broker, tuple(faults))


def alone(seed: int, fault: str, broker: str = "") -> Mix:
    """One fault with a seed's day, on this broker or else the seed's, or else one where the fault is possible."""
    broker = broker or mix_of(seed).broker
    return Mix(seed, KAFKA if broker == EMBEDDED and fault in ON_KAFKA else broker, (fault,))


def lacking(mix: Mix) -> str:
    """What this machine has not that the mix needs; "" when it has everything."""
    wants = [
        missing_for_kafka() if mix.broker != EMBEDDED else None,
        missing_for_redis() if "redis-away" in mix.faults else None,
        "no right to mount a small disk" if "disk-full" in mix.faults and not may_mount() else None,
    ]
    return ", ".join(each for each in wants if each)


def _known(broker: str) -> Iterable[str]:
    return ANYWHERE if broker == EMBEDDED else FAULTS


def _goes_with(name: str, chosen: Iterable[str]) -> bool:
    return all(_TAKES.get(name, {name}).isdisjoint(_TAKES.get(other, {other})) for other in chosen)
