"""`dripcode dead-letters`: what could not be used, why and where, and sending it again."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

import hl7_parsers
from hl7_parsers import HL7Error, Message
from streams.appenders import appender_of
from streams.cli.options import config_option, settings_from
from streams.provision import broker_path, open_store, provision_kafka
from streams.reading import reader_of
from streams.replay import FAILED, OPEN, STATES, CannotReplay, Letter, Shelf, read_shelf, replay, replayed_record
from streams.senders import parser_of
from streams.settings import Settings, read_duration
from streams.topics import Topics, topics_of

_COLUMNS = ("letter", "died", "reason", "where", "from", "type", "control id", "sender", "tries", "state")
_SEGMENT = re.compile(r"([A-Z][A-Z0-9]{2})(?:\[(\d+)\])?")
_NAMED_MAX = 20  # letters that a replay names one by one

_broker_option = click.option("--broker", metavar="URL", help="sqlite:///PATH or kafka://HOST:PORT.")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which letters: every condition that is given must hold."""

    reason: str | None
    since: float
    topic: str | None
    partition: int | None
    offset: int | None
    states: tuple[str, ...]

    @classmethod
    def of(cls, conditions: dict[str, Any], states: tuple[str, ...] = ()) -> Chosen:
        """From the options that choose letters."""
        return cls(**{**conditions, "since": _moment(conditions["since"])}, states=states)

    def has(self, letter: Letter, state: str, prefix: str) -> bool:
        origin = letter.origin
        wanted = (
            (self.reason, letter.why.reason),
            (self.topic, origin.topic.removeprefix(prefix)),
            (self.partition, origin.partition),
            (self.offset, origin.offset),
        )
        if any(value is not None and value != found for value, found in wanted):
            return False
        return letter.at >= self.since and (not self.states or state in self.states)


def _choosing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose letters."""
    for option in reversed(
        (
            click.option("--reason", metavar="ID", help="Of this reason, such as NO_PATIENT."),
            click.option("--since", metavar="TIME", help="Put aside since: 2h, 3d, or 2026-03-02T08:00."),
            click.option("--topic", metavar="NAME", help="From this topic, such as hl7.inbound."),
            click.option("--partition", type=int, help="From this partition of it."),
            click.option("--offset", type=int, help="From this offset of it."),
        )
    ):
        function = option(function)
    return function


@click.group(name="dead-letters")
def command() -> None:
    """Messages that could not be used: list them, show where the fault is, send them again."""


@command.command(name="list")
@config_option
@_broker_option
@_choosing
@click.option(
    "--state", "states", multiple=True, type=click.Choice(STATES), help="Standing like this; may be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_command(
    config: Path | None, broker: str | None, states: tuple[str, ...], as_json: bool, **conditions: Any
) -> None:
    """List dead letters: why and where, never what they hold."""
    settings = settings_from(config, broker=broker)
    chosen = Chosen.of(conditions, states)
    shelf = asyncio.run(_read(settings))
    rows = [_row(letter, shelf, settings) for letter in _chosen(shelf, chosen, settings)]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    _print_table(rows)
    open_ = sum(row["state"] == OPEN for row in rows)
    click.echo(f"{len(rows)} dead letters, {open_} open", err=True)


@command.command(name="show")
@config_option
@_broker_option
@click.argument("letter", metavar="LETTER")
@click.option("--with-content", is_flag=True, help="Print the message too. Patient data!")
def show_command(config: Path | None, broker: str | None, letter: str, with_content: bool) -> None:
    """Say where the fault of LETTER (its id in the list, such as 3@17) is, and what reading it gives now."""
    settings = settings_from(config, broker=broker)
    shelf = asyncio.run(_read(settings))
    found = _named(shelf, [letter])[0]
    for name, value in _row(found, shelf, settings).items():
        click.echo(f"{name:<12} {value}")
    click.echo(f"{'now':<12} {_now(found, found.value, settings, parser_of(settings))}")
    if with_content:
        click.echo("What follows is patient data: do not paste it into a ticket or a mail.", err=True)
        _print_content(found)


@command.command(name="replay")
@config_option
@_broker_option
@_choosing
@click.argument("letters", metavar="[LETTER…]", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every open letter.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, send nothing.")
@click.option(
    "--replace", type=click.Path(path_type=Path), help="Send this file's message in place of the one LETTER's."
)
@click.option("--again", is_flag=True, help="Also those that were sent again before.")
def replay_command(
    config: Path | None,
    broker: str | None,
    letters: tuple[str, ...],
    every: bool,
    dry_run: bool,
    replace: Path | None,
    again: bool,
    **conditions: Any,
) -> None:
    """Send dead letters again to the topic that they came from: those named, or those chosen.

    One that was sent again before is left out unless --again is given. Exit 1 when the broker took some not.
    """
    settings = settings_from(config, broker=broker)
    chosen = Chosen.of(conditions)
    is_choosing = every or any(value is not None for value in conditions.values())
    if bool(letters) == is_choosing:
        raise click.UsageError("name letters, or choose them with --reason, --since, --topic, … or --all")
    if replace is not None and len(letters) != 1:
        raise click.UsageError("--replace takes the place of one letter: name it")
    content = _replacement(replace) if replace else None
    shelf = asyncio.run(_read(settings))
    wanted = _named(shelf, letters) if letters else _chosen(shelf, chosen, settings)
    ready = [letter for letter in wanted if again or shelf.standing(letter).state == OPEN]
    _tell_left_out([letter for letter in wanted if letter not in ready], shelf, named=bool(letters))
    _check(ready, topics_of(settings), content)
    if dry_run:
        _tell_what_would_be(ready, settings, content)
        return
    _send(ready, settings, content)


def _send(letters: Sequence[Letter], settings: Settings, content: bytes | None) -> None:
    async def send() -> tuple[int, list[str]]:
        appender = appender_of(settings)
        await appender.start()
        try:
            notes, problems = await replay(letters, topics_of(settings), appender, content)
        finally:
            await appender.stop()
        for note in notes[:_NAMED_MAX]:
            click.echo(f"{note.letter} sent again: {note.place}")
        if len(notes) > _NAMED_MAX:
            click.echo(f"… and {len(notes) - _NAMED_MAX} more")
        return len(notes), problems

    sent, problems = asyncio.run(send())
    for problem in problems:
        click.echo(problem, err=True)
    click.echo(f"{sent} of {len(letters)} sent again")
    sys.exit(1 if problems else 0)


def _tell_left_out(letters: Sequence[Letter], shelf: Shelf, *, named: bool) -> None:
    """Say of each that was named, and of the rest how many, why they are not sent."""
    if not named and letters:
        click.echo(f"{len(letters)} were sent again before and are left out (--again)", err=True)
    for letter in letters if named else ():
        standing = shelf.standing(letter)
        assert standing.replay is not None
        after = f"; it died again as {standing.successor.id}" if standing.successor else ""
        told = f"{letter.id} was sent again at {_time(standing.replay.at)} ({standing.state}){after}"
        click.echo(f"{told}; --again sends it once more", err=True)


def _tell_what_would_be(letters: Sequence[Letter], settings: Settings, content: bytes | None) -> None:
    parse = parser_of(settings)
    for letter in letters:
        now = _now(letter, letter.value if content is None else content, settings, parse)
        click.echo(f"{letter.id} would be sent to {letter.origin.topic}; {now}")
    click.echo(f"{len(letters)} would be sent again")


def _check(letters: Sequence[Letter], topics: Topics, content: bytes | None) -> None:
    for letter in letters:
        try:
            replayed_record(letter, topics, content)
        except CannotReplay as wrong:
            raise click.UsageError(str(wrong)) from None


async def _read(settings: Settings) -> Shelf:
    # The topic of notes is younger than some brokers.
    if not settings.is_embedded:
        await provision_kafka(settings, patience=0.0)  # who looks on does not wait for a broker
    elif broker_path(settings).exists():
        open_store(settings).close()
    async with reader_of(settings) as reader:
        return await read_shelf(reader, topics_of(settings))


def _chosen(shelf: Shelf, chosen: Chosen, settings: Settings) -> list[Letter]:
    return [
        letter for letter in shelf.letters if chosen.has(letter, shelf.standing(letter).state, settings.topic_prefix)
    ]


def _named(shelf: Shelf, names: Sequence[str]) -> list[Letter]:
    by_id = {letter.id: letter for letter in shelf.letters}
    for name in names:
        if name not in by_id:
            raise click.UsageError(
                f"there is no dead letter {name!r}; `dripcode dead-letters list` names those there are"
            )
    return [by_id[name] for name in dict.fromkeys(names)]


def _moment(since: str | None) -> float:
    """Seconds since 1970 of a duration ago or an ISO time; 0 for none."""
    if since is None:
        return 0.0
    try:
        return time.time() - read_duration(since).total_seconds()
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(since).astimezone().timestamp()
    except ValueError:
        raise click.BadParameter(
            "give 90s, 30m, 2h, 3d, or a time such as 2026-03-02T08:00", param_hint="--since"
        ) from None


def _replacement(path: Path) -> bytes:
    try:
        found = list(hl7_parsers.split_messages(path.read_bytes()))
    except OSError as wrong:
        raise click.UsageError(f"{path}: cannot be read: {wrong.strerror}") from None
    if len(found) != 1:
        raise click.UsageError(f"{path}: holds {len(found)} messages, not one")
    return found[0].text


def _row(letter: Letter, shelf: Shelf, settings: Settings) -> dict[str, Any]:
    """What may be told of a letter: where and why, names of systems, never a patient's data."""
    is_message = letter.origin.topic == topics_of(settings).inbound
    seen = hl7_parsers.peek(letter.value) if is_message else hl7_parsers.Peek()
    standing = shelf.standing(letter)
    state = standing.state
    if state == FAILED and standing.successor is not None:
        state = f"{FAILED}, see {standing.successor.id}"
    return {
        "letter": letter.id,
        "died": _time(letter.at),
        "reason": letter.why.reason,
        "where": letter.why.place,
        "from": str(letter.origin),
        "type": _plain(seen.kind),
        "control id": _plain(seen.control_id),
        "sender": _plain("|".join((seen.application, seen.facility)).strip("|")),
        "tries": letter.tries.replays,
        "state": state,
    }


def _now(letter: Letter, value: bytes, settings: Settings, parse: Callable[[bytes], Message]) -> str:
    """What reading it with today's settings gives."""
    if letter.origin.topic != topics_of(settings).inbound:
        return "it is no message of a sender: only the worker can tell"
    try:
        message = parse(value)
    except HL7Error as wrong:
        return f"reading it gives {wrong.reason} at {wrong.place}: {wrong.advice}"
    return f"it can be read: {len(message.events)} events"


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    cells = [_COLUMNS, *(tuple(str(row[name]) for name in _COLUMNS) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_COLUMNS))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_content(letter: Letter) -> None:
    """The segments by number, an arrow at the one that is at fault."""
    fault = _SEGMENT.match(letter.why.place)
    name, which = (fault[1], int(fault[2] or 1)) if fault else ("", 0)
    seen = 0
    lines = re.split(rb"\r\n?|\n", letter.value.rstrip(b"\r\n"))
    for number, line in enumerate(lines, 1):
        text = line.decode("utf-8", "backslashreplace")
        seen += text.startswith(name)
        mark = ">" if name and text.startswith(name) and seen == which else " "
        click.echo(f"{mark}{number:>4}  {text}")


def _plain(text: str) -> str:
    """A stranger's text, short and harmless to a terminal."""
    return "".join(c for c in text if c.isprintable())[:40]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
