"""`dripcode settings`: every setting, its value, where it came from, what it means."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import click

from streams.cli.options import config_option
from streams.settings import Settings, load_settings


@click.command()
@config_option
def command(config: Path | None) -> None:
    """Print every setting as a line of TOML with its source and meaning."""
    settings, sources = load_settings(config)
    for setting in fields(Settings):
        value = _toml(getattr(settings, setting.name))
        source = sources.get(setting.name, "default")
        click.echo(f"{setting.name} = {value}  # {setting.metadata['meaning']} [{source}]")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, timedelta):
        return f'"{_duration(value)}"'
    return f'"{value}"'


def _duration(value: timedelta) -> str:
    seconds = value.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds * 1000)}ms"
