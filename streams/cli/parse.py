"""`dripcode parse`: the events of HL7 files, one JSON object a line, unreadable messages in place."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from streams.batch import Read, read_all
from streams.cli.options import config_option, files_argument, read_sources, settings_from
from streams.site import rules_of


@click.command()
@click.option("--time-zone", metavar="ZONE", help="IANA zone of times that carry no offset.")
@config_option
@files_argument
def command(files: tuple[str, ...], config: Path | None, time_zone: str | None) -> None:
    """Read FILES into events; a message that cannot be read becomes {"error": …} in its place."""
    rules = rules_of(settings_from(config, time_zone=time_zone))
    for read in read_all(read_sources(files), rules):
        for line in _lines(read):
            sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.flush()


def _lines(read: Read) -> list[dict[str, object]]:
    where: dict[str, object] = {"file": read.source, "position": read.position}
    if read.error is not None:
        error = {"reason": read.error.reason, "place": read.error.place, "advice": read.error.advice}
        return [{"error": error, "control_id": read.error.control_id, **where}]
    if read.message is None:
        return []
    about = msgspec.to_builtins(read.message)
    events = about.pop("events", ())
    return [{**event, **about, **where} for event in events]
