"""Faults of our own processes: killed, frozen, joined by others."""

from __future__ import annotations

import signal
import subprocess
from random import Random

from streams.demo.stage import Stage
from tests.faults.fault import Fault


class KillWorker(Fault):
    """The worker killed (SIGKILL) and started again at once, recovered or not."""

    name = "worker-kill"
    pause = (0.4, 4.0)

    def strike(self, stage: Stage) -> None:
        stage.kill("worker")
        stage.start_worker()


class KillListener(Fault):
    """The listener killed and started again; the sender sends again what was not acknowledged."""

    name = "listener-kill"
    pause = (0.4, 4.0)

    def strike(self, stage: Stage) -> None:
        stage.kill("listener")
        stage.start_listener()


class FreezeWorker(Fault):
    """The worker stopped (SIGSTOP) past its session on Kafka (6 s here), then woken."""

    name = "worker-freeze"
    lasts = (7.0, 10.0)
    _frozen: subprocess.Popen[bytes] | None = None

    def strike(self, stage: Stage) -> None:
        self._frozen = stage.processes["worker"]
        self._frozen.send_signal(signal.SIGSTOP)

    def mend(self, stage: Stage) -> None:
        assert self._frozen is not None
        self._frozen.send_signal(signal.SIGCONT)  # nothing when it was killed meanwhile


class MoreWorkers(Fault):
    """Another worker joins in the middle, and leaves a while later: in order (SIGTERM) or killed."""

    name = "more-workers"
    lasts = (4.0, 7.0)

    def __init__(self, chance: Random, number: int = 2, times: int = 1) -> None:
        super().__init__(chance, times)
        self.guest = f"worker-{number}"
        self.kills = self.leaves_in_order = 0

    def strike(self, stage: Stage) -> None:
        stage.start(self.guest, "run", {"DRIPCODE_INSTANCE": self.guest, "DRIPCODE_METRICS_LISTEN": ""})

    def mend(self, stage: Stage) -> None:
        if self.chance.random() < 0.5:
            self.kills += 1
            stage.kill(self.guest)
            return
        self.leaves_in_order += 1
        process = stage.processes.pop(self.guest)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
