"""`dripcode listen`: the MLLP listener alone."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

import click

from streams.appenders import appender_of
from streams.cli.options import config_option, settings_from
from streams.listener import listener_of
from streams.log import configure
from streams.metrics import ListenerMetrics
from streams.ops import serve_ops
from streams.read_model.notices import keep_noticed, process_name
from streams.read_model.opening import open_shelf
from streams.settings import Settings, cannot_listen, split_address
from streams.tls import ListenerTls

log = logging.getLogger("dripcode.listener")


@click.command()
@config_option
@click.option("--mllp-listen", metavar="HOST:PORT", help="Where to listen.")
@click.option("--metrics-listen", metavar="HOST:PORT", help="Where to answer /metrics, /healthz and /readyz.")
@click.option("--broker", metavar="URL", help="sqlite:///PATH or kafka://HOST:PORT.")
def command(config: Path | None, mllp_listen: str | None, metrics_listen: str | None, broker: str | None) -> None:
    """Take HL7 messages over MLLP; answer each once it is stored."""
    settings = settings_from(config, mllp_listen=mllp_listen, listener_metrics_listen=metrics_listen, broker=broker)
    configure(settings.log_format, settings.log_level)
    asyncio.run(listen(settings))


async def listen(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then answer what was read and stop. SIGHUP reads the TLS files again."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    tls = ListenerTls.of(settings)
    if tls is not None:
        loop.add_signal_handler(signal.SIGHUP, tls.reload)
    host, port = split_address(settings.mllp_listen, "mllp_listen")
    _warn_if_open(settings, host)
    appender = appender_of(settings)
    await appender.start()
    metrics = ListenerMetrics()
    if tls is not None:
        metrics.certificate_expires.set_function(lambda: tls.expires)
    listener = listener_of(settings, appender, metrics, tls)
    ops = await serve_ops(
        settings.listener_metrics_listen, metrics.registry, lambda: listener.trouble, "listener_metrics_listen"
    )
    noticed = asyncio.create_task(
        keep_noticed(open_shelf(settings), "listener", process_name(), metrics.registry, lambda: listener.trouble)
    )
    try:
        await listener.start(host, port)
        await stopped.wait()
    except OSError as wrong:
        raise cannot_listen("mllp_listen", settings.mllp_listen, wrong) from None
    finally:
        log.info("stopping: no new connections, answering what was read")
        noticed.cancel()
        await listener.stop()
        await appender.stop()
        if ops is not None:
            await ops.cleanup()


def _warn_if_open(settings: Settings, host: str) -> None:
    """Plain MLLP has neither authentication nor secrecy: say so where others can reach it."""
    if host in ("127.0.0.1", "::1", "localhost"):
        return
    if not settings.mllp_tls_certificate:
        log.warning("MLLP without TLS on %s: whoever reaches it can send; see mllp_tls_certificate", host)
    elif not settings.mllp_tls_client_ca:
        log.warning("MLLP on %s asks for no certificate: whoever reaches it can send; see mllp_tls_client_ca", host)
