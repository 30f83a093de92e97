"""The worker process: the Faust app with /metrics beside it, and an exit that tells a supervisor the truth."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

import faust
from aiohttp import web
from mode import Service

from streams.app import Worker, make_worker
from streams.log import logging_config
from streams.ops import serve_ops
from streams.read_model.notices import keep_noticed, process_name
from streams.read_model.opening import open_shelf
from streams.settings import Settings
from streams.site import coder_of

log = logging.getLogger("dripcode.worker")

# A worker that is ending may hang on a broker or a disk; its supervisor is waiting to start the next.
SHUTDOWN_SECONDS = 20.0


class Ops(Service):
    """/metrics, the health pages and the notice on the read model, for as long as the app runs."""

    def __init__(self, worker: Worker, settings: Settings, **options: Any) -> None:
        self.worker = worker
        self.settings = settings
        self.runner: web.AppRunner | None = None
        super().__init__(**options)

    async def on_start(self) -> None:
        registry, settings = self.worker.metrics.registry, self.settings
        self.runner = await serve_ops(settings.metrics_listen, registry, self.problem)
        shelf, name = open_shelf(settings), process_name(settings.instance)
        self.add_future(keep_noticed(shelf, "worker", name, registry, self.problem))
        self.add_future(self._time_recovery())

    async def on_stop(self) -> None:
        if self.runner is not None:
            await self.runner.cleanup()

    async def _time_recovery(self) -> None:
        """How long recoveries take and what they still have to read."""
        metrics, began = self.worker.metrics, time.monotonic()
        tables: Any = self.worker.app.tables
        is_recovering = True
        while not self.should_stop:
            was, is_recovering = is_recovering, self.problem() == "recovering"
            if is_recovering and not was:
                began = time.monotonic()
            if is_recovering or was:
                metrics.recovery_seconds.set(time.monotonic() - began)
                metrics.recovery_remaining.set(tables.recovery.active_remaining_total() if is_recovering else 0)
            await self.sleep(0.5)

    def problem(self) -> str:
        """What keeps the worker from working; "" when nothing does."""
        app = self.worker.app
        if app.should_stop:
            return "stopping"
        return "" if app.tables.actives_ready and not app.rebalancing else "recovering"


def run_worker(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT (exit 0) or a crash (exit 1)."""
    worker = make_worker(settings, coder_of(settings))
    app = worker.app
    ops = Ops(worker, settings, loop=app.loop, beacon=app.beacon)
    faust_worker = faust.Worker(
        app,
        ops,
        loglevel=settings.log_level,
        logging_config=logging_config(settings.log_format, settings.log_level),
        quiet=True,
        override_logging=True,
        redirect_stdouts=False,
    )
    threading.Thread(target=_bound_the_end, args=(app, faust_worker), daemon=True).start()
    faust_worker.execute_from_commandline()


def _bound_the_end(*services: Service) -> None:
    """Exit with 1 when the process is still there so long after it began to end. What it has not acknowledged is read
    again, as after a kill."""
    while not any(service.should_stop for service in services):
        time.sleep(0.5)
    time.sleep(SHUTDOWN_SECONDS)
    log.critical("the worker has not ended in %.0f s; it exits as it is", SHUTDOWN_SECONDS)
    os._exit(1)
