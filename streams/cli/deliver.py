"""`dripcode deliver`: charges to a billing system, over MLLP or into a folder; what changed is taken back."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from streams.cli.options import config_option, settings_from
from streams.formats import dft as hl7
from streams.formats.fhir import fhir_documents, require_models
from streams.formats.tabular import csv_documents
from streams.formats.x12 import FORMS, FRAGMENTS, REVENUE_CODES, Claims
from streams.log import Explained
from streams.mllp_client import MllpClient, Patience
from streams.outbound.courier import Away, Courier, Destination
from streams.outbound.engine import Engine
from streams.outbound.folder import Folder
from streams.outbound.journal import Journal
from streams.provision import broker_path, check_broker
from streams.read_model.following import follower_of
from streams.settings import Settings, SettingsError
from streams.tls import client_context
from streams.topics import topics_of

_STATUSES = ("ready", "review", "hold")
_FILE = click.Path(dir_okay=False)
_AWAY_SECONDS = 5.0  # between tries when the destination takes nothing
_NAMED_MAX = 20  # refused documents that are named one by one


@click.group(name="deliver")
def command() -> None:
    """Deliver charges from the topic claim.lines, and go on from there the next time.

    Each charge has an id that is the same whenever it is delivered; what changed is taken back under its id and made
    under another. Only whole versions of claim sets are delivered, and of them the lines that are ready. A delivery
    that is killed loses nothing: what was on its way is delivered again, under the same names and ids. Exit 0 when
    everything was delivered, 1 when not.
    """


@dataclass(frozen=True, slots=True)
class Job:
    """Where from, where to, and what is remembered where."""

    settings: Settings
    kind: str
    state: Path
    about: Mapping[str, str]  # what the memory is for, besides the topic
    destination: Destination
    statuses: tuple[str, ...]
    all_or_none: bool  # of the lines of an encounter


def _whole(*, default: bool) -> Callable[..., Any]:
    return click.option(
        "--whole/--partial", "all_or_none", default=default, show_default=True,
        help="Keep an encounter back while a line of it has another status; what was delivered of it stands meanwhile.",
    )  # fmt: skip


def _common(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(
        (
            click.option(
                "--status", "statuses", multiple=True, type=click.Choice(_STATUSES), default=("ready",),
                show_default=True, help="Deliver lines of this status; may be repeated.",
            ),
            click.option("--follow", is_flag=True, help="Go on with what comes; SIGTERM or Ctrl-C ends it."),
            click.option(
                "--state", type=click.Path(path_type=Path, dir_okay=False), help="File of what was delivered so far."
            ),
            click.option("--broker", metavar="URL", help="sqlite:///PATH or kafka://HOST:PORT."),
            config_option,
        )
    ):  # fmt: skip
        function = option(function)
    return function


_to_folder = click.option(
    "--to",
    "folder",
    required=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Made when it is not there. Files in it are patient data.",
)


@command.command(name="csv")
@_to_folder
@_whole(default=False)
@_common
def csv_command(folder: Path, **given: Any) -> None:
    """Write CSV files, each with a manifest: counts, sums of units, SHA-256."""
    _run(_folder_job("csv", folder, Folder(folder, csv_documents), {}, **given), follow=given["follow"])


@command.command(name="fhir")
@_to_folder
@_whole(default=False)
@_common
def fhir_command(folder: Path, **given: Any) -> None:
    """Write FHIR R4 ChargeItems as ndjson; a reversal is the same resource, entered-in-error."""
    require_models()
    _run(_folder_job("fhir", folder, Folder(folder, fhir_documents), {}, **given), follow=given["follow"])


@command.command(name="x12")
@_to_folder
@click.option(
    "--form", type=click.Choice(FORMS), default=FRAGMENTS, show_default=True,
    help="Claims from CLM on, or a whole interchange with made-up people, for tests.",
)  # fmt: skip
@click.option("--revenue-code", "revenue", multiple=True, metavar="FAMILY=NNNN", help="Of lines that name none.")
@_whole(default=True)
@_common
def x12_command(folder: Path, form: str, revenue: tuple[str, ...], **given: Any) -> None:
    """Write 837I and 837P service lines; an encounter that changed is written whole, as replacement or void."""
    settings = settings_from(given["config"], broker=given["broker"])
    claims = Claims(form, settings.place_of_service or "11", {**REVENUE_CODES, **_revenue_codes(revenue)})
    _run(_folder_job("x12", folder, Folder(folder, claims.documents), {"form": form}, **given), follow=given["follow"])


@command.command(name="dft")
@click.option("--to", required=True, metavar="HOST:PORT", help="The receiver.")
@click.option("--tls", is_flag=True, help="Speak TLS; the options below mean it too.")
@click.option("--ca", type=_FILE, help="PEM file of the CAs that may vouch for the receiver (else this machine's).")
@click.option("--cert", type=_FILE, help="PEM file with our certificate, for a receiver that asks for one.")
@click.option("--key", type=_FILE, help="PEM file with its key, where that is not in the certificate's file.")
@click.option("--application", default="", metavar="NAME", help="The receiver's name, MSH-5.")
@click.option("--facility", default="", metavar="NAME", help="The receiver's facility, MSH-6.")
@click.option("--processing-id", default="P", show_default=True, type=click.Choice(["P", "T", "D"]), help="MSH-11.")
@click.option("--hl7-version", default="2.5.1", show_default=True, type=click.Choice(hl7.VERSIONS), help="MSH-12.")
@click.option("--negative-reversals", is_flag=True, help="Units of a reversal below zero (FT1-10).")
@click.option("--patience", default=30.0, show_default=True, type=click.FloatRange(min=0.1), help="Seconds a message.")
@click.option("--give-up", metavar="CONTROL_ID", help="Take a message that was refused out, and end.")
@_whole(default=False)
@_common
def dft_command(to: str, give_up: str | None, patience: float, **given: Any) -> None:
    """Send HL7 DFT^P03 over MLLP: a message for each encounter that changed, FT1 for each charge (CG) or reversal (CD).

    A message without an answer is sent again. One that is refused stays, and with it what follows of its encounter,
    until it is accepted in a later run or given up.
    """
    settings = settings_from(given["config"], broker=given["broker"])
    host, port = _address(to)
    addressee = hl7.Addressee(
        given["application"], given["facility"], given["processing_id"], given["hl7_version"],
        is_negative=given["negative_reversals"],
    )  # fmt: skip
    tls = given["tls"] or given["ca"] or given["cert"] or given["key"]
    context = client_context(given["ca"] or "", given["cert"] or "", given["key"] or "") if tls else None
    client = MllpClient(host, port, Patience(answer=min(10.0, patience), message=patience), context)
    name = re.sub(r"[^A-Za-z0-9.-]", "-", f"{host}-{port}")
    state = given["state"] or settings.data_dir / "deliveries" / f"dft-{name}.db"
    engine = Engine(client, lambda news: hl7.dft(news, addressee))
    job = Job(settings, "dft", state, {}, engine, given["statuses"], given["all_or_none"])
    if give_up:
        _give_up(job, give_up)
        return
    _run(job, follow=given["follow"])


def _folder_job(kind: str, path: Path, folder: Folder, about: Mapping[str, str], **given: Any) -> Job:
    settings = settings_from(given["config"], broker=given["broker"])
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise click.UsageError(f"--to {path}: cannot be made: {wrong.strerror}") from None
    return Job(
        settings, kind, given["state"] or path / ".delivery.db", about, folder, given["statuses"], given["all_or_none"]
    )


def _open(job: Job) -> Journal:
    topic = topics_of(job.settings).claim_lines
    place = f"{broker_path(job.settings).resolve()} {topic}" if job.settings.is_embedded else f"Kafka {topic}"
    statuses = ",".join(sorted(job.statuses))
    encounters = "whole" if job.all_or_none else "in part"
    about = {"topic": place, "format": job.kind, "status": statuses, "encounters": encounters, **job.about}
    return Journal.open(job.state, about)


def _run(job: Job, *, follow: bool) -> None:
    check_broker(job.settings)
    try:
        with _open(job) as journal:
            problem, courier = asyncio.run(_deliver(job, journal, follow=follow))
            refused = journal.refused()
            left = len(journal.outgoing(limit=1_000_000))
            waiting = journal.waiting() if job.all_or_none else 0
    except Explained as wrong:
        if isinstance(wrong, SettingsError):
            raise
        click.echo(f"dripcode: {wrong}", err=True)
        sys.exit(1)
    click.echo(_told(job, courier, left), err=True)
    if waiting:
        click.echo(f"{_many(waiting, 'encounter')} kept back: not all lines are {' or '.join(job.statuses)}", err=True)
    for one in refused[:_NAMED_MAX]:
        click.echo(f"refused with {one.refusal}: {one.name} (--give-up {one.name} takes it out)", err=True)
    if len(refused) > _NAMED_MAX:
        click.echo(f"refused: {len(refused) - _NAMED_MAX} more", err=True)
    if problem:
        click.echo(f"{problem}; nothing is lost, run it again", err=True)
    sys.exit(1 if left else 0)


def _told(job: Job, courier: Courier, left: int) -> str:
    """What was new, and what became of it."""
    counted = ((courier.charges, "new charge"), (courier.reversals, "reversal"), (courier.encounters, "encounter"))
    charges, reversals, encounters = (_many(number, noun) for number, noun in counted)
    new = f"{charges} and {reversals} of {encounters}" if courier.encounters else "nothing new"
    delivered = _many(courier.delivered, "message" if job.kind == "dft" else "file")
    return f"{new}; {delivered} delivered" + (f", {left} still to come" if left else "")


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


async def _deliver(job: Job, journal: Journal, *, follow: bool) -> tuple[str, Courier]:
    """Deliver; what ended it early, and who carried it."""
    topics = topics_of(job.settings)
    try:
        async with follower_of(job.settings, (topics.claim_lines,)) as follower:
            courier = Courier(journal, follower, topics, job.destination, frozenset(job.statuses), job.all_or_none)
            problem = await (_follow(courier) if follow else _until_away(courier.deliver()))
            return problem, courier
    finally:
        await job.destination.close()


async def _follow(courier: Courier) -> str:
    """Deliver until SIGTERM or SIGINT, through times when the destination is away."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    while not stopped.is_set():
        problem = await _until_away(courier.follow(stopped))
        if problem:
            click.echo(f"{problem}; trying again", err=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), _AWAY_SECONDS)
    return ""


async def _until_away(delivering: Any) -> str:
    try:
        await delivering
    except Away as wrong:
        return str(wrong)
    return ""


def _give_up(job: Job, name: str) -> None:
    try:
        with _open(job) as journal:
            if not journal.give_up(name):
                raise click.UsageError(f"no message {name} was refused")
    except Explained as wrong:
        raise click.UsageError(str(wrong)) from None
    click.echo(f"{name} is taken out: its charges were never accepted, enter or correct them by hand", err=True)


def _address(to: str) -> tuple[str, int]:
    host, _, port = to.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise click.BadParameter("must be HOST:PORT, such as 127.0.0.1:2575", param_hint="--to")
    return host, int(port)


def _revenue_codes(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    for family, _, code in pairs:
        if family not in REVENUE_CODES or not re.fullmatch(r"\d{4}", code):
            names = ", ".join(REVENUE_CODES)
            raise click.BadParameter(
                f"FAMILY=NNNN, such as hydration=0260; families are {names}", param_hint="--revenue-code"
            )
    return {family: code for family, _, code in pairs}
