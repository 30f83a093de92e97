"""`dripcode project`: keeps the read model of the pages up to date with the topics."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from pathlib import Path

import click
from prometheus_client import CollectorRegistry

from streams.cli.options import config_option, settings_from
from streams.log import configure
from streams.read_model.following import follower_of
from streams.read_model.notices import keep_noticed, process_name
from streams.read_model.opening import open_shelf
from streams.read_model.projector import Projector, followed
from streams.read_model.shelf import ReadModelAway
from streams.settings import Settings
from streams.topics import topics_of

log = logging.getLogger("dripcode.project")

_IDLE_SECONDS = 0.1  # between looks when nothing was new
_AWAY_SECONDS = 1.0  # between tries when the store does not answer


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
    shelf = open_shelf(settings)
    notice = asyncio.create_task(keep_noticed(shelf, "projector", process_name(), CollectorRegistry(), lambda: ""))
    topics = topics_of(settings)
    async with follower_of(settings, followed(topics)) as follower:
        projecting = asyncio.create_task(_project(Projector(shelf, follower, topics), rebuild=rebuild, once=once))
        waiting = asyncio.create_task(stopped.wait())
        await asyncio.wait({projecting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in (projecting, waiting, notice):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await projecting  # an error of its own ends the command
    await shelf.close()


async def _project(projector: Projector, *, rebuild: bool, once: bool) -> None:
    is_started = is_away = False
    projected = 0
    while True:
        try:
            if not is_started:
                await (projector.rebuild() if rebuild else projector.start())
                is_started, rebuild = True, False
                log.info("read model: %s", "back" if is_away else "following the topics")
                is_away = False
            found = await projector.look()
        except ReadModelAway as wrong:
            if not is_away:
                log.warning("read model: %s; the topics keep what it misses", wrong)
            is_started, is_away = False, True
            await asyncio.sleep(_AWAY_SECONDS)
            continue
        projected += found
        if once and not await projector.follower.behind():
            log.info("read model: %d records projected", projected)
            return
        await asyncio.sleep(0 if found else _IDLE_SECONDS)
