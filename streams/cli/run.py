"""`dripcode run`: the worker."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from streams.cli.options import config_option, settings_from
from streams.log import configure
from streams.settings import Settings


@click.command()
@config_option
@click.option("--metrics-listen", metavar="HOST:PORT", help="Where to answer /metrics, /healthz and /readyz.")
@click.option("--broker", metavar="URL", help="sqlite:///PATH or kafka://HOST:PORT.")
def command(config: Path | None, metrics_listen: str | None, broker: str | None) -> None:
    """Apply messages, close encounters, code them, publish claim lines."""
    settings = settings_from(config, metrics_listen=metrics_listen, broker=broker)
    configure(settings.log_format, settings.log_level)
    run(settings)


def run(settings: Settings) -> None:
    """Run the worker until it is told to stop. Exit 0 then, 1 after a crash."""
    # Faust takes a second to import; commands without a broker do without it.
    from streams.provision import open_store, provision_kafka  # noqa: PLC0415
    from streams.worker import run_worker  # noqa: PLC0415

    if settings.is_embedded:
        open_store(settings).close()
    else:
        asyncio.run(provision_kafka(settings))
    run_worker(settings)
