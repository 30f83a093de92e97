"""`dripcode parse`: the events of HL7 files, one JSON object a line; what makes none stands in its place."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import msgspec

from hl7_parsers import SenderProfile, parse_message
from hl7_parsers.events import Message
from streams.batch import Read, read_all
from streams.cli.options import config_option, files_argument, read_sources, sender_profile, settings_from
from streams.records import why_ignored
from streams.site import rules_of


@click.command()
@click.option("--time-zone", metavar="ZONE", help="IANA zone of times that carry no offset.")
@click.option("--sender", metavar="NAME", help="Read all as this profile says, or one in FILE.toml.")
@config_option
@files_argument
def command(files: tuple[str, ...], config: Path | None, time_zone: str | None, sender: str | None) -> None:
    """Read FILES into events.

    A message that cannot be read becomes {"error": …} in its place, one that says nothing to code {"ignored": …}.
    """
    settings = settings_from(config, time_zone=time_zone)
    rules = rules_of(settings)
    if sender:
        rules = replace(rules, parse=_reader(sender_profile(sender), settings.time_zone))
    for read in read_all(read_sources(files), rules):
        for line in _lines(read):
            sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.flush()


def _reader(profile: SenderProfile, time_zone: str) -> Callable[[bytes], Message]:
    """Reads every message by one profile, in the profile's own zone if it has one."""
    if time_zone and not profile.time_zone:
        profile = profile.in_zone(time_zone)
    return lambda raw: parse_message(raw, profile)


def _lines(read: Read) -> list[dict[str, object]]:
    where: dict[str, object] = {"file": read.source, "position": read.position}
    if read.error is not None:
        error = {"reason": read.error.reason, "place": read.error.place, "advice": read.error.advice}
        return [{"error": error, "control_id": read.error.control_id, **where}]
    if read.message is None:
        return []
    about = msgspec.to_builtins(read.message)
    events = about.pop("events", ())
    if not events:
        return [{"ignored": {"reason": why_ignored(read.message)}, **about, **where}]
    return [{**event, **about, **where} for event in events]
