"""`dripcode web`: the pages."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

import click

from streams.appenders import appender_of
from streams.cli.options import config_option, settings_from
from streams.log import configure
from streams.ops import serve_ops
from streams.read_model.opening import open_shelf
from streams.read_model.shelf import ReadModelAway, Shelf
from streams.settings import Settings
from streams.web.app import serve_pages
from streams.web.metrics import WebMetrics
from streams.web.people import hashed

log = logging.getLogger("dripcode.web")


@click.command()
@config_option
@click.option("--web-listen", metavar="HOST:PORT", help="Where to serve.")
@click.option("--broker", metavar="URL", help="sqlite:///PATH or kafka://HOST:PORT: what people decide goes there.")
@click.option("--hash", "is_hash", is_flag=True, help="Ask for a password, print what the file of people keeps of it.")
def command(config: Path | None, web_listen: str | None, broker: str | None, is_hash: bool) -> None:
    """Serve the pages over the read model that `dripcode project` keeps."""
    if is_hash:
        click.echo(hashed(click.prompt("Password", hide_input=True, confirmation_prompt=True)))
        return
    settings = settings_from(config, web_listen=web_listen, broker=broker)
    configure(settings.log_format, settings.log_level)
    asyncio.run(serve(settings))


class Looked:
    """Whether the read model answers, asked once a second."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.trouble = "starting"

    async def look(self) -> None:
        while True:
            try:
                await self.shelf.positions()
                self.trouble = ""
            except ReadModelAway:
                self.trouble = "read model away"
            await asyncio.sleep(1)


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    shelf = open_shelf(settings)
    appender = appender_of(settings)
    await appender.start()
    try:
        metrics, looked = WebMetrics(), Looked(shelf)
        runner = await serve_pages(settings, shelf, appender, metrics)
        ops = await serve_ops(
            settings.web_metrics_listen, metrics.registry, lambda: looked.trouble, "web_metrics_listen"
        )
        looking = asyncio.create_task(looked.look())
        scheme = "https" if settings.web_tls_certificate else "http"
        log.info("pages on %s://%s/", scheme, settings.web_listen)
        await stopped.wait()
        looking.cancel()
        await runner.cleanup()
        if ops is not None:
            await ops.cleanup()
    finally:
        await appender.stop()
        await shelf.close()
