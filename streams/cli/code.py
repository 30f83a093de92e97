"""`dripcode code`: claim lines of HL7 files, one JSON object a line."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

import coding
import hl7_parsers
from streams.batch import Folded, Read, code_all, read_all
from streams.claims import issue_version
from streams.cli.options import config_option, files_argument, read_sources, settings_from, terminal_columns
from streams.site import coder_of, rules_of


@click.command()
@click.option("--setting", type=click.Choice(["facility", "professional"]), help="Whose claim it is.")
@click.option("--place-of-service", metavar="NN", help="Two digits, on professional claims.")
@click.option("--payer", metavar="NAME", help="The payer, for the coding policy.")
@click.option("--policy", metavar="FILE.toml", help="The site's policy switches.")
@click.option("--formulary", metavar="FILE.csv", help="The site's drugs.")
@click.option("--findings", type=click.File("wb", lazy=False), help="Write findings here, one JSON object a line.")
@click.option("--explain", is_flag=True, help="Print a person's view instead: timeline, lines, arithmetic.")
@config_option
@files_argument
def command(
    files: tuple[str, ...],
    config: Path | None,
    setting: str | None,
    place_of_service: str | None,
    payer: str | None,
    policy: str | None,
    formulary: str | None,
    findings: BinaryIO | None,
    explain: bool,
) -> None:
    """Code FILES: every encounter in them is closed at the end of the input."""
    settings = settings_from(
        config,
        setting=setting,
        place_of_service=place_of_service,
        payer=payer,
        policy=policy,
        formulary=formulary,
    )
    rules, coder = rules_of(settings), coder_of(settings)
    folded = Folded()
    for read in read_all(read_sources(files), rules):
        folded.take(read)
        _complain(read)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    kinds: Counter[str] = Counter()
    write = sys.stdout.buffer.write
    for closed, coded in code_all(folded, rules, coder):
        issued = issue_version(closed, coded, None, now)
        kinds.update(finding["kind"] for finding in issued.findings)
        if explain:
            write(coding.explain(closed.encounter, coded, terminal_columns()).encode() + b"\n")
        else:
            for line in issued.lines:
                write(msgspec.json.encode(line) + b"\n")
        if findings:
            for finding in issued.findings:
                findings.write(msgspec.json.encode(finding) + b"\n")
    sys.stdout.flush()
    _summary(folded, kinds, has_file=findings is not None)


def _complain(read: Read) -> None:
    """An unreadable message, by where it stands; one of a type that is not ours is only counted."""
    if read.error is not None and not isinstance(read.error, hl7_parsers.UnsupportedMessage):
        click.echo(f"{read.source}, message {read.position}: {read.error}", err=True)


def _summary(folded: Folded, kinds: Counter[str], *, has_file: bool) -> None:
    tally = folded.tally
    ignored = ", ".join(f"{reason} {number}" for reason, number in sorted(tally.ignored.items()))
    click.echo(
        f"{tally.received} messages: {tally.applied} applied, {tally.duplicate} duplicate, "
        f"{sum(tally.dead.values())} unreadable, {sum(tally.ignored.values())} ignored"
        + (f" ({ignored})" if ignored else "")
        + f"; {len(folded.accounts())} encounters",
        err=True,
    )
    if kinds and not has_file:
        listed = ", ".join(f"{kind} {number}" for kind, number in sorted(kinds.items()))
        click.echo(f"findings: {listed} (--findings FILE writes them)", err=True)
