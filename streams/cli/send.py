"""`dripcode send`: HL7 files over MLLP, with progress, answers by code and latency."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import hl7_parsers
from streams.cli.options import files_argument, read_sources
from streams.mllp import frame
from streams.mllp_client import REFUSED, REJECTED, Feed, MllpClient, Patience, SendReport, Unframeable, why_not
from streams.tls import client_context

LINE_EVERY = 2.0  # seconds between lines of progress where there is no terminal
STOP_ON = {"never": frozenset[str](), "reject": REJECTED, "refuse": REFUSED}
_FILE = click.Path(dir_okay=False)
NAMED_MAX = 10  # refused messages that are named one by one


@dataclass(frozen=True, slots=True)
class Source:
    """Where a message stands: the file, and which message of it."""

    name: str
    position: int


@click.command(name="send")
@files_argument
@click.option("--to", required=True, metavar="HOST:PORT", help="The receiver.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Messages a second at most.")
@click.option("--connections", type=click.IntRange(1, 1000), default=1, show_default=True, help="Side by side.")
@click.option(
    "--patience",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds to go on sending a message that is not answered.",
)
@click.option(
    "--stop-on",
    type=click.Choice(list(STOP_ON)),
    default="never",
    show_default=True,
    help="Stop at the first answer that rejects (AR, CR), or refuses at all (AE, CE too).",
)
@click.option("--tls", is_flag=True, help="Speak TLS; the options below mean it too.")
@click.option("--ca", type=_FILE, help="PEM file of the CAs that may vouch for the receiver (else this machine's).")
@click.option("--cert", type=_FILE, help="PEM file with our certificate, for a receiver that asks for one.")
@click.option("--key", type=_FILE, help="PEM file with its key, where that is not in the certificate's file.")
@click.option("--unsent", type=click.Path(path_type=Path, dir_okay=False), help="Write what was not sent here.")
def command(
    files: tuple[str, ...],
    to: str,
    rate: float | None,
    connections: int,
    patience: float,
    stop_on: str,
    tls: bool,
    ca: str | None,
    cert: str | None,
    key: str | None,
    unsent: Path | None,
) -> None:
    """Send the messages of FILES over MLLP, each connection one at a time, those of one patient in order.

    A message without an answer is sent again; a refused one is not. Exit 0 when all were accepted, 1 when some were
    refused or not sent, 2 for arguments that cannot be used.
    """
    host, port = _address(to)
    sources, messages = _messages(files)
    context = client_context(ca or "", cert or "", key or "") if tls or ca or cert or key else None
    waits = Patience(answer=min(10.0, patience), message=patience)
    clients = [MllpClient(host, port, waits, context) for _ in range(connections)]
    with _progress(len(messages)) as progress:
        try:
            feed = Feed(messages, progress, STOP_ON[stop_on])
        except Unframeable as wrong:
            raise click.UsageError(str(wrong)) from None
        interrupted = _run(feed, clients, rate)
    report = feed.report()
    _tell(report, feed, sources, interrupted=interrupted)
    if unsent is not None and report.unsent:
        unsent.write_bytes(b"".join(frame(messages[position]) for position in report.unsent))
        click.echo(f"what was not sent is in {unsent}", err=True)
    sys.exit(0 if report.is_complete else 1)


def _address(to: str) -> tuple[str, int]:
    host, _, port = to.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise click.BadParameter(f"{to!r} is not HOST:PORT, such as 127.0.0.1:2575", param_hint="--to")
    return host, int(port)


def _messages(files: Sequence[str]) -> tuple[list[Source], list[bytes]]:
    sources, messages = [], []
    for name, data in read_sources(files):
        for raw in hl7_parsers.split_messages(data):
            sources.append(Source(name, raw.position))
            messages.append(raw.text)
    if not messages:
        raise click.UsageError("there is no message in these files")
    return sources, messages


def _run(feed: Feed, clients: Sequence[MllpClient], rate: float | None) -> bool:
    """Send; True when a person ended it. A receiver that is not there at the start is not waited for."""

    async def send() -> None:
        try:
            await clients[0].connect()
        except (OSError, UnicodeError) as wrong:
            reason = why_not(wrong) or f"no connection within {clients[0].patience.connect:.0f} s"
            feed.problems.append(f"{clients[0].host}:{clients[0].port} cannot be reached: {reason}")
            return
        if clients[0].tls is not None and not await clients[0].is_let_in():
            feed.problems.append(
                f"{clients[0].host}:{clients[0].port} closed the connection after the TLS handshake: most likely it "
                "does not accept our certificate (--cert), its log says why"
            )
            return
        await feed.through(clients, rate)

    try:
        asyncio.run(send())
    except KeyboardInterrupt:
        return True
    return False


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; elsewhere a line every other second. Both on standard error."""
    if not sys.stderr.isatty():
        yield _Lines(total)
        return
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("sending", total=total)
        yield lambda answered: bar.update(task, completed=answered)


class _Lines:
    def __init__(self, total: int) -> None:
        self.total = total
        self._next = time.monotonic() + LINE_EVERY

    def __call__(self, answered: int) -> None:
        if time.monotonic() >= self._next:
            self._next += LINE_EVERY
            click.echo(f"{answered} of {self.total} messages answered", err=True)


def _tell(report: SendReport, feed: Feed, sources: Sequence[Source], *, interrupted: bool) -> None:
    rate = report.answered / report.seconds if report.seconds else 0.0
    click.echo(f"{report.answered} of {report.total} messages in {report.seconds:.1f} s ({rate:.0f} a second): "
               f"{report.summary()}")  # fmt: skip
    for position in report.refused[:NAMED_MAX]:
        source = sources[position]
        click.echo(f"refused: message {source.position} of {source.name}", err=True)
    if len(report.refused) > NAMED_MAX:
        click.echo(f"refused: {len(report.refused) - NAMED_MAX} more", err=True)
    for problem in dict.fromkeys(feed.problems):
        click.echo(problem, err=True)
    if report.unsent:
        why = "interrupted" if interrupted else "not finished"
        click.echo(
            f"{why}: {len(report.unsent)} of {report.total} messages were not answered. Send the same files again: "
            f"a receiver that stored some of them takes the second copy for the duplicate it is",
            err=True,
        )
