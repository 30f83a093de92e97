"""`dripcode import`: a quarterly CMS table into the site's store."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import click

from streams.cli.options import config_option, settings_from
from streams.published.catalogue import KINDS
from streams.published.changes import Changes
from streams.published.importing import Imported, import_files
from streams.published.refusals import Refused
from streams.published.store import Store, StoreError, store_path

SHOWN = 20


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@click.option("--effective", metavar="YYYY-MM-DD", help="First day of the table, where its file's name has no date.")
@config_option
def command(kind: str, files: tuple[Path, ...], effective: str | None, config: Path | None) -> None:
    """Import a table as CMS issues it: the zip, or a member of it. All four files of a set of PTP edits together.

    A file that is not as CMS lays it out is refused with its line, and then nothing is stored.
    """
    settings = settings_from(config)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        store = Store(store_path(settings.data_dir))
        try:
            done = import_files(KINDS[kind], files, store, _day(effective), now)
        finally:
            store.close()
    except Refused as refused:
        click.echo(str(refused), err=True)
        click.echo(f"{refused.count} {'refusal' if refused.count == 1 else 'refusals'}; nothing was stored", err=True)
        raise SystemExit(1) from None
    except StoreError as wrong:
        raise click.ClickException(str(wrong)) from None
    _tell(done, store.path)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise click.UsageError(f"--effective: {text!r} is not a date (YYYY-MM-DD)") from None


def _tell(done: Imported, path: Path) -> None:
    edition = done.edition
    if done.rows is None:
        click.echo(f"{edition.title}: is in {path} already")
        return
    until = f" to {edition.until}" if edition.until else ""
    click.echo(f"{edition.title}, effective {edition.effective}{until}: {done.rows:,} rows stored in {path}")
    for warning in done.warnings:
        click.echo(f"look at this: {warning}", err=True)
    if done.changes:
        _tell_changes(done.changes)
    click.echo("a worker that runs codes by it once it is started again; `dripcode recode` tells what it changes")


def _tell_changes(changes: Changes) -> None:
    if not changes.since:
        click.echo("the first edition of this table here")
        return
    counts = f"{len(changes.added)} new, {len(changes.ended)} ended, {len(changes.changed)} changed"
    click.echo(f"for our codes since {changes.since}: {counts}")
    for sign, told in (("+", changes.added), ("-", changes.ended), ("~", changes.changed)):
        for text in told[:SHOWN]:
            click.echo(f"  {sign} {text}")
        if len(told) > SHOWN:
            click.echo(f"  {sign} … and {len(told) - SHOWN} more")
