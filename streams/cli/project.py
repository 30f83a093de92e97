"""`dripcode project`: keeps the read model of the pages up to date with the topics."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from pathlib import Path

import click

from streams.cli.options import config_option, settings_from
from streams.log import configure
from streams.ops import serve_ops
from streams.read_model.following import follower_of
from streams.read_model.metrics import EVERY_SECONDS, ProjectorMetrics
from streams.read_model.notices import keep_noticed, process_name
from streams.read_model.opening import open_shelf
from streams.read_model.projector import Projector, followed
from streams.read_model.shelf import ReadModelAway
from streams.settings import Settings
from streams.site import coder_of
from streams.topics import topics_of

log = logging.getLogger("dripcode.project")

_IDLE_SECONDS = 0.1  # between looks when nothing was new
_AWAY_SECONDS = 1.0  # between tries when the store does not answer
AWAY = "read model away"


@click.command()
@config_option
@click.option("--broker", metavar="URL", help="sqlite:///PATH or kafka://HOST:PORT.")
@click.option("--rebuild", is_flag=True, help="Forget the read model and make it anew from the first records.")
@click.option("--once", is_flag=True, help="End when everything that is there is projected.")
def command(config: Path | None, broker: str | None, rebuild: bool, once: bool) -> None:
    """Read the topics into the pages' read model: Redis where one is set, else a file in data_dir."""
    settings = settings_from(config, broker=broker)
    configure(settings.log_format, settings.log_level)
    asyncio.run(project(settings, rebuild=rebuild, once=once))


async def project(settings: Settings, *, rebuild: bool = False, once: bool = False) -> None:
    """Project until SIGTERM or SIGINT, or until there is nothing new with `once`."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    shelf, topics, metrics = open_shelf(settings), topics_of(settings), ProjectorMetrics()
    code = coder_of(settings).code
    async with follower_of(settings, followed(topics)) as follower:
        work = Projecting(Projector(shelf, follower, topics, code), metrics, rebuild=rebuild, once=once)
        ops = await serve_ops(
            settings.projector_metrics_listen, metrics.registry, lambda: work.trouble, "projector_metrics_listen"
        )
        notice = asyncio.create_task(
            keep_noticed(shelf, "projector", process_name(), metrics.registry, lambda: work.trouble)
        )
        projecting = asyncio.create_task(work.project())
        waiting = asyncio.create_task(stopped.wait())
        await asyncio.wait({projecting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in (projecting, waiting, notice):
            task.cancel()
        if ops is not None:
            await ops.cleanup()
        with contextlib.suppress(asyncio.CancelledError):
            await projecting  # an error of its own ends the command
    await shelf.close()


class Projecting:
    """Reads on for ever, over times in which the store is away."""

    def __init__(self, projector: Projector, metrics: ProjectorMetrics, *, rebuild: bool, once: bool) -> None:
        self.projector = projector
        self.metrics = metrics
        self.trouble = "starting"  # "" when it follows the topics
        self._rebuild, self._once = rebuild, once
        self._looked = 0.0

    async def project(self) -> None:
        """Project; with `once` until there is nothing new."""
        while True:
            try:
                if self.trouble:
                    await self._begin()
                found = await self.projector.look()
                self.metrics.projected += found
                await self._measure()
            except ReadModelAway as wrong:
                if self.trouble != AWAY:
                    log.warning("read model: %s; the topics keep what it misses", wrong)
                self.trouble = AWAY
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            if self._once and not await self.projector.follower.behind():
                log.info("read model: %d records projected", self.metrics.projected)
                return
            await asyncio.sleep(0 if found else _IDLE_SECONDS)

    async def _begin(self) -> None:
        await (self.projector.rebuild() if self._rebuild else self.projector.start())
        log.info("read model: %s", "back" if self.trouble == AWAY else "following the topics")
        self.trouble, self._rebuild = "", False

    async def _measure(self) -> None:
        if time.monotonic() - self._looked > EVERY_SECONDS:
            self._looked = time.monotonic()
            self.metrics.behind = await self.projector.follower.behind()
            await self.metrics.look(self.projector.shelf)
