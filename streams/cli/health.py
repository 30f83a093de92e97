"""`dripcode health`: whether processes on this machine are ready, for whatever starts them again."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

import click

from streams.cli.options import config_option, settings_from
from streams.settings import Settings, split_address

# Each command that serves, and the setting that says where it answers /readyz.
_ANSWERS_ON = {
    "listen": "listener_metrics_listen",
    "run": "metrics_listen",
    "project": "projector_metrics_listen",
    "web": "web_metrics_listen",
}
_EVERY_INTERFACE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what a process was told; we ask this machine
_NOT_RUNNING = "does not answer"
_STRANGER = "something else answers there"


@click.command()
@config_option
@click.argument("processes", nargs=-1, type=click.Choice(list(_ANSWERS_ON)))
@click.option("--timeout", default=3.0, show_default=True, help="Seconds to wait for each answer.")
def command(config: Path | None, processes: tuple[str, ...], timeout: float) -> None:
    """Say of each of PROCESSES whether it is ready; without a name, of those that run here, at least one.

    Exit 1 when one is not ready, or none runs.
    """
    settings = settings_from(config)
    found = {name: _state(settings, name, timeout) for name in processes or _ANSWERS_ON}
    told = found if processes else {name: state for name, state in found.items() if state != _NOT_RUNNING}
    for name, state in told.items():
        click.echo(f"{name}: {state}")
    if not told:
        click.echo("no process of dripcode answers here", err=True)
    sys.exit(0 if told and set(told.values()) == {"ok"} else 1)


def _state(settings: Settings, name: str, timeout: float) -> str:
    """What /readyz says: "ok", or what is wrong."""
    setting = _ANSWERS_ON[name]
    address = getattr(settings, setting)
    if not address:
        return _NOT_RUNNING
    host, port = split_address(address, setting)
    host = _EVERY_INTERFACE.get(host, host)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/readyz"
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=timeout) as answer:
            return _status(answer.read())
    except urllib.error.HTTPError as wrong:
        with wrong:
            return _status(wrong.read())
    except OSError:
        return _NOT_RUNNING
    except HTTPException:
        return _STRANGER


def _status(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["status"])
    except (ValueError, KeyError, TypeError):
        return _STRANGER
