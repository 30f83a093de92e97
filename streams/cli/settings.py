"""`dripcode settings`: every setting, its value, where it came from, what it means."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import click

from streams.cli.options import config_option
from streams.settings import Settings, load_settings


@click.command()
@config_option
@click.option(
    "--example", is_flag=True, help="Print a file to begin with: every setting with its default, commented out."
)
def command(config: Path | None, example: bool) -> None:
    """Print every setting as a line of TOML with its source and meaning; secrets are none of them but lie in files."""
    if example:
        click.echo(example_file(), nl=False)
        return
    settings, sources = load_settings(config)
    for setting in fields(Settings):
        value = _toml(getattr(settings, setting.name))
        source = sources.get(setting.name, "default")
        click.echo(f"{setting.name} = {value}  # {setting.metadata['meaning']} [{source}]")


def example_file() -> str:
    """A file of settings that changes nothing."""
    head = (
        "# Every setting of dripcode with its default; take the # away from what you change. DRIPCODE_<NAME> in the\n"
        "# environment wins over this file. Passwords lie in files of their own, which settings *_file name.\n"
        "# Made by `dripcode settings --example`.\n"
    )
    default = Settings()
    told = ((s.name, s.metadata["meaning"], _toml(getattr(default, s.name))) for s in fields(Settings))
    return head + "".join(f"\n# {meaning}\n#{name} = {value}\n" for name, meaning, value in told)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, timedelta):
        return f'"{_duration(value)}"'
    return json.dumps(str(value), ensure_ascii=False)  # a string of JSON is one of TOML


def _duration(value: timedelta) -> str:
    seconds = value.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds * 1000)}ms"
