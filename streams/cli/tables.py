"""`dripcode tables`: which published tables the coding rests on here."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from streams.cli.options import config_option, settings_from
from streams.published.catalogue import KINDS
from streams.published.store import Store, Stored, StoreError, store_path

# A table is issued each quarter; one day more than the longest is one issue missed.
QUARTER_DAYS = 92


@click.command()
@config_option
def command(config: Path | None) -> None:
    """List the imported tables: kind, edition, dates, rows, digest, files."""
    path = store_path(settings_from(config).data_dir)
    stored: list[Stored] = []
    if path.exists():
        try:
            store = Store(path, read_only=True)
            with store.reading():
                stored = store.editions()
            store.close()
        except StoreError as wrong:
            raise click.ClickException(str(wrong)) from None
    click.echo(f"store: {path}{'' if path.exists() else ' (none yet)'}")
    for kind in KINDS.values():
        of_kind = [one for one in stored if one.edition.kind == kind.name]
        click.echo(f"{kind.name}: {kind.label}{'' if of_kind else ': none imported'}")
        for one in of_kind:
            click.echo(f"  {_line(one, of_kind)}")


def _line(one: Stored, of_kind: list[Stored]) -> str:
    edition = one.edition
    until = f" to {edition.until}" if edition.until else ""
    name = f"{edition.setting} {edition.name}".strip()
    standing = f"replaced by {one.replaced_by}" if one.replaced_by else f"{one.rows:,} rows{_age(one, of_kind)}"
    return f"{name}, effective {edition.effective}{until}, {standing}, digest {one.digest}, from {one.files}"


def _age(one: Stored, of_kind: list[Stored]) -> str:
    """A word when the newest edition of a table should have a successor by now."""
    newer = [
        x for x in of_kind if x.edition.setting == one.edition.setting and x.edition.effective > one.edition.effective
    ]
    today = datetime.now(UTC).date()
    return " (a newer one should be out)" if not newer and (today - one.edition.effective).days > QUARTER_DAYS else ""
