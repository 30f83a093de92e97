"""Faults of what our processes stand on: the broker, the network, Redis, the disk, the clock."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Mapping
from pathlib import Path
from random import Random

from streams.demo.stage import Stage
from tests.faults.disk import SmallDisk
from tests.faults.fault import Fault
from tests.faults.proxy import Proxy
from tests.servers.kafka import KafkaServer
from tests.servers.redis import RedisServer

_CLOCK = Path(__file__).parent / "clock"


class KillBroker(Fault):
    """Kafka killed (SIGKILL) at any moment, away for a while, and started again on what it left."""

    name = "broker-kill"
    lasts = (0.0, 5.0)

    def __init__(self, chance: Random, server: KafkaServer, times: int = 1) -> None:
        super().__init__(chance, times)
        self.server = server

    def strike(self, stage: Stage) -> None:
        self.server.kill()

    def mend(self, stage: Stage) -> None:
        self.server.start()


class StopBroker(KillBroker):
    """Kafka stopped in order and started again."""

    name = "broker-stop"

    def strike(self, stage: Stage) -> None:
        self.server.stop()


class FreezeBroker(KillBroker):
    """Kafka hangs: it takes connections and answers nothing."""

    name = "broker-freeze"
    lasts = (3.0, 9.0)

    def strike(self, stage: Stage) -> None:
        self._send(signal.SIGSTOP)

    def mend(self, stage: Stage) -> None:
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        assert self.server.pid is not None
        os.kill(self.server.pid, number)


class CutNetwork(Fault):
    """The way to Kafka, through a proxy: nothing passes for a while, it is slow, or every connection is reset."""

    lasts = (2.0, 8.0)

    def __init__(self, chance: Random, proxy: Proxy, how: str, times: int = 2) -> None:
        super().__init__(chance, times)
        self.proxy = proxy
        self.how = how
        self.name = f"network-{how}"

    def strike(self, stage: Stage) -> None:
        self.proxy.disturb(self.how)

    def mend(self, stage: Stage) -> None:
        self.proxy.disturb("")


class CutSender(Fault):
    """The way between sender and listener, through a proxy: in turn stalled, slow and reset."""

    name = "sender-cut"
    lasts = (0.2, 3.0)
    pause = (0.3, 1.5)

    def __init__(self, chance: Random, proxy: Proxy, times: int = 4) -> None:
        super().__init__(chance, times)
        self.proxy = proxy
        self.route = proxy.port

    def begin(self, stage: Stage) -> None:
        self.proxy.target = stage.mllp_port

    def strike(self, stage: Stage) -> None:
        self.proxy.disturb(self.chance.choice(("stall", "slow", "reset", "reset")))

    def mend(self, stage: Stage) -> None:
        self.proxy.disturb("")


class RedisAway(Fault):
    """Redis killed, and empty when it is back; worker and listener put their notices there, a projector its views."""

    name = "redis-away"
    lasts = (1.0, 5.0)

    def __init__(self, chance: Random, server: RedisServer, times: int = 2) -> None:
        super().__init__(chance, times)
        self.server = server

    @property
    def environment(self) -> Mapping[str, str]:
        return {"DRIPCODE_REDIS": self.server.url}

    def begin(self, stage: Stage) -> None:
        stage.start("projector", "project")

    def strike(self, stage: Stage) -> None:
        self.server.kill()

    def mend(self, stage: Stage) -> None:
        self.server.start()
        stage.check("projector")


class FillDisk(Fault):
    """The disk of data_dir has no byte left, then room again."""

    name = "disk-full"
    lasts = (2.0, 5.0)

    def __init__(self, chance: Random, disk: SmallDisk, times: int = 2) -> None:
        super().__init__(chance, times)
        self.disk = disk

    def strike(self, stage: Stage) -> None:
        self.disk.fill()

    def mend(self, stage: Stage) -> None:
        self.disk.make_room()


class StepClock(Fault):
    """The wall clock of listener and worker jumps, hours ahead or days back, and back again."""

    name = "clock-step"
    lasts = (1.5, 4.0)
    _STEPS = (-3 * 86400, -7200, -90, 90, 1800, 6 * 3600, 3 * 86400)

    def __init__(self, chance: Random, folder: Path, times: int = 3) -> None:
        super().__init__(chance, times)
        self.file = folder / "clock"
        self.file.write_bytes(bytes(8))

    @property
    def environment(self) -> Mapping[str, str]:
        paths = [str(_CLOCK), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {"PYTHONPATH": os.pathsep.join(paths), "FAULTS_CLOCK": str(self.file)}

    def strike(self, stage: Stage) -> None:
        self._set(self.chance.choice(self._STEPS))

    def mend(self, stage: Stage) -> None:
        self._set(0)

    def _set(self, seconds: int) -> None:
        with self.file.open("r+b") as clock:
            clock.write(struct.pack("<q", seconds))
