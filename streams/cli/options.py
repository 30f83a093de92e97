"""What several commands share: reading files or standard input, settings from the command line."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from hl7_parsers import ProfileError, SenderProfile, load_profile, read_profile
from streams.settings import Settings, load_settings

config_option = click.option(
    "--config", type=click.Path(path_type=Path), help="TOML file of settings (else $DRIPCODE_CONFIG)."
)


def files_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """FILES… or -, each a path."""
    return click.argument("files", nargs=-1, required=True, metavar="FILES… or -")(function)


def read_sources(files: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file; "-" is standard input. A file that cannot be read is a usage error (exit 2)."""
    for name in files:
        if name == "-":
            yield "standard input", sys.stdin.buffer.read()
            continue
        try:
            yield name, Path(name).read_bytes()
        except OSError as wrong:
            raise click.UsageError(f"{name}: cannot be read: {wrong.strerror}") from None


def terminal_columns() -> int:
    """Columns of the terminal that is written to, or what COLUMNS says; 0 for a file or a pipe."""
    return shutil.get_terminal_size((0, 0)).columns


def settings_from(config: Path | None, **given: object) -> Settings:
    """Settings with this command's options on top."""
    return load_settings(config, given=given)[0]


def sender_profile(name: str) -> SenderProfile:
    """A profile that ships, or the one in a TOML file. One that cannot be used is a usage error (exit 2)."""
    try:
        if not name.endswith(".toml"):
            return load_profile(name)
        return read_profile(Path(name).read_text(encoding="utf-8"), name)
    except ProfileError as wrong:
        raise click.UsageError(str(wrong)) from None
    except (OSError, UnicodeDecodeError) as wrong:
        raise click.UsageError(f"{name}: cannot be read: {getattr(wrong, 'strerror', '') or 'not UTF-8'}") from None
