"""`dripcode encounter`: what a person orders or says of an encounter, as a command to the partition that owns it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from streams.appenders import appender_of
from streams.cli.options import config_option, settings_from
from streams.embedded.records import Record
from streams.identity import patient_key
from streams.reading import Reader, reader_of
from streams.records import Command, encode
from streams.settings import Settings, read_duration
from streams.topics import topics_of

_REASONS = {
    "UNKNOWN_ENCOUNTER": "no message of this patient and encounter has come; look at the patient id and its authority",
    "ENCOUNTER_NOT_CLOSED": "the encounter is open: it will be coded when it closes",
    "ENCOUNTER_PAST": "it closed so long ago that its facts are deleted (`facts_kept`): correct the claim by hand",
    "UNKNOWN_ADMINISTRATION": "the encounter has no administration of this id; claim lines and findings name them",
    "STOP_BEFORE_START": "the stop is not after the start",
    "STOP_IS_CHARTED": "a stop is charted already: a correction of the chart is sent by the charting system",
    "NO_START": "the administration has no start: a stop alone makes no minutes",
    "WHICH_DATE_OF_THE_SERIES": "name the date: ACCOUNT@2026-03-02",
}


@click.group(name="encounter")
def command() -> None:
    """Close, open or code an encounter again, or document what is missing.

    What is said becomes a fact of the encounter like any message, with who said it and why.
    """


def _common(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(
        (
            click.argument("encounter_id", metavar="ENCOUNTER"),
            click.option("--patient", required=True, metavar="ID", help="The patient's id, as in claim lines."),
            click.option("--authority", default="", metavar="NAME", help="The authority that gave the id."),
            click.option("--wait", default="10s", metavar="TIME", help="How long to wait for the worker's answer."),
            click.option("--broker", metavar="URL", help="sqlite:///PATH or kafka://HOST:PORT."),
            config_option,
        )
    ):
        function = option(function)
    return function


def _by(*, required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        optional: dict[str, Any] = {"required": True} if required else {"default": ""}
        who = click.option("--who", metavar="NAME", help="Who says so.", **optional)
        why = click.option("--why", metavar="TEXT", help="Why.", **optional)
        return who(why(function))

    return add


@command.command()
@_common
@_by(required=False)
def close(**given: Any) -> None:
    """Close ENCOUNTER now, whatever is still running. ACCOUNT@DATE is one date of a series account."""
    _send("close", **given)


@command.command()
@_common
@_by(required=True)
def reopen(**given: Any) -> None:
    """Take the closing of ENCOUNTER back: it closes again when its time comes. Its claim set stands meanwhile."""
    _send("reopen", **given)


@command.command()
@_common
@_by(required=True)
def recode(**given: Any) -> None:
    """Code ENCOUNTER again by the rules, the policy and the formulary that the worker has now."""
    _send("recode", **given)


@command.command()
@_common
@_by(required=True)
@click.option("--administration", metavar="ID", help="The administration whose stop is supplied.")
@click.option("--stop", metavar="TIME", help="When it stopped, such as 2026-03-02T10:15-05:00.")
@click.option("--finding", metavar="ID", help="The finding that is resolved.")
def document(administration: str | None, stop: str | None, finding: str | None, **given: Any) -> None:
    """Supply the stop of an administration of ENCOUNTER, or say what became of a finding."""
    if bool(finding) == bool(administration and stop) or bool(administration) != bool(stop):
        raise click.UsageError("give --administration with --stop, or --finding")
    settings = settings_from(given["config"], broker=given["broker"])
    what = {"administration_id": administration or "", "finding_id": finding or "", "stop": _moment(stop, settings)}
    _send("document", what=what, **given)


def _moment(text: str | None, settings: Settings) -> datetime | None:
    """An aware time; one without an offset is of the site's zone."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("a time is 2026-03-02T10:15, with an offset or without", param_hint="--stop") from None
    if moment.tzinfo is not None:
        return moment
    if not settings.time_zone:
        raise click.BadParameter("needs an offset such as -05:00, or the setting time_zone", param_hint="--stop")
    return moment.replace(tzinfo=ZoneInfo(settings.time_zone))


def _send(word: str, *, what: dict[str, Any] | None = None, **given: Any) -> None:
    settings = settings_from(given["config"], broker=given["broker"])
    patient = patient_key(given["authority"], given["patient"])
    said = {"who": given["who"], "why": given["why"], **(what or {})}
    order = Command(word, patient, given["encounter_id"], at=time.time(), **said)
    reason = asyncio.run(_deliver(settings, order, _seconds(given["wait"])))
    if reason:
        click.echo(f"refused: {_REASONS.get(reason, reason)}", err=True)
        sys.exit(1)


def _seconds(text: str) -> float:
    try:
        return read_duration(text).total_seconds()
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="--wait") from None


async def _deliver(settings: Settings, order: Command, patience: float) -> str:
    """Append the command and wait until the worker has taken it; why it refused, "" when it did not."""
    topics = topics_of(settings)
    value = encode(order)
    appender = appender_of(settings)
    await appender.start()
    try:
        async with reader_of(settings) as reader:
            await reader.new(topics.dead_letter)
            await appender.append([Record(topics.commands, order.patient.encode(), value)])
            return await _answer(reader, topics.commands, topics.dead_letter, value, patience)
    finally:
        await appender.stop()


async def _answer(reader: Reader, commands: str, dead_letter: str, value: bytes, patience: float) -> str:
    until = time.monotonic() + patience
    while True:
        _, waiting = await reader.sizes(commands)
        for letter in await reader.new(dead_letter):
            if letter.value == value:
                return dict(letter.headers).get("reason", b"").decode()
        if not waiting:
            click.echo("done", err=True)
            return ""
        if time.monotonic() > until:
            click.echo("stored; no worker has taken it yet", err=True)
            return ""
        await asyncio.sleep(0.1)
