"""`dripcode recode`: what past encounters would come to under other rules or switches; orders to code them again."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
import tomllib
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

import coding
from streams.appenders import appender_of
from streams.cli.options import config_option, settings_from
from streams.embedded.records import Record
from streams.outbound.accounts import Account, account_key
from streams.read_model.following import each_record
from streams.read_model.shown import decode_json
from streams.recoding import Change, Difference, Past, Seen, changed_switches, compare, newest
from streams.records import Command, decode_closed, encode
from streams.settings import Settings
from streams.site import Coder, coder_of
from streams.topics import topics_of

ISSUED, SETTINGS = "issued", "settings"
_STATUSES = ("ready", "review", "hold")
_AT_ONCE = 500  # commands


@click.command(name="recode")
@click.option("--from", "first", required=True, type=click.DateTime(["%Y-%m-%d"]), help="First day.")
@click.option("--to", "last", required=True, type=click.DateTime(["%Y-%m-%d"]), help="Last day, included.")
@click.option(
    "--by", type=click.Choice(["service", "closing"]), default="service", show_default=True,
    help="Days of service, or days on which the encounter closed last (UTC).",
)  # fmt: skip
@click.option("--policy", metavar="NEW.toml", help="Switches in place of the setting `policy`.")
@click.option("--switch", "switches", multiple=True, metavar="NAME=VALUE", help="One switch on top; may be repeated.")
@click.option("--formulary", metavar="NEW.csv", help="Drugs in place of the setting `formulary`.")
@click.option(
    "--tables", type=click.Path(path_type=Path, file_okay=False), help="Folder with another tables.db, of `import`."
)
@click.option(
    "--against", type=click.Choice([ISSUED, SETTINGS]),
    help="Compare with the lines issued, or with coding by the settings (the default when other rules are given).",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--emit", is_flag=True, help="Order the encounters that differ to be coded again. Needs --who and --why.")
@click.option("--who", default="", metavar="NAME", help="Who orders it.")
@click.option("--why", default="", metavar="TEXT", help="Why.")
@click.option("--broker", metavar="URL", help="sqlite:///PATH or kafka://HOST:PORT.")
@config_option
def command(
    first: datetime,
    last: datetime,
    by: str,
    policy: str | None,
    switches: tuple[str, ...],
    formulary: str | None,
    tables: Path | None,
    against: str | None,
    as_json: bool,
    emit: bool,
    who: str,
    why: str,
    broker: str | None,
    config: Path | None,
) -> None:
    """Code closed encounters again and say what differs: by code, by switch, by encounter.

    Nothing is sent unless --emit says so. A command to code again carries no rules: the worker codes by its own
    settings. So --emit goes with the settings as they are, changed and the worker started again first.
    """
    if first > last:
        raise click.UsageError(f"--from {first:%Y-%m-%d} is after --to {last:%Y-%m-%d}")
    settings = settings_from(config, broker=broker)
    before = coder_of(settings)
    has_others = bool(policy or switches or formulary or tables)
    after = _other(settings, before, policy, switches, formulary, tables) if has_others else before
    if emit:
        _check_emit(who, why, has_others)
    days = first.date(), last.date()
    is_issued = (against or (SETTINGS if has_others else ISSUED)) == ISSUED
    pasts = asyncio.run(_pasts(settings, days, by))
    issued = asyncio.run(_issued(settings)) if is_issued else None
    difference = compare(pasts, before, after, issued)
    payers = {past.closed.encounter.payer for past in pasts}
    changed = changed_switches(before, after, payers)
    if emit:  # before anything is told, which a closed pipe would end
        sent = asyncio.run(_emit(settings, difference.changes, who, why))
        click.echo(f"{sent} encounters ordered to be coded again, by the settings that the worker has", err=True)
    if as_json:
        click.echo(json.dumps(_as_json(difference, changed)))
    else:
        _tell(difference, changed)


def _check_emit(who: str, why: str, has_others: bool) -> None:
    if not (who and why):
        raise click.UsageError("--emit needs --who and --why: both are told on the encounter")
    if has_others:
        raise click.UsageError(
            "--emit cannot send other rules: the worker codes by its own settings. Put them there (policy, formulary, "
            "`dripcode import`), start the worker again, then run this with --emit and without --policy, --switch, "
            "--formulary and --tables; it compares with what was issued"
        )


def _other(
    settings: Settings,
    before: Coder,
    policy: str | None,
    switches: tuple[str, ...],
    formulary: str | None,
    tables: Path | None,
) -> Coder:
    """The coder of the rules given, the settings' where none are. Raises SettingsError."""
    if tables and not (tables / "tables.db").exists():
        advice = f"no tables.db in {tables}; `dripcode import` makes one in its data_dir"
        raise click.BadParameter(advice, param_hint="--tables")
    other = coder_of(
        dataclasses.replace(
            settings,
            policy=policy or settings.policy,
            formulary=formulary or settings.formulary,
            data_dir=tables or settings.data_dir,
        )
    )
    if tables is None:
        other = dataclasses.replace(other, tables=before.tables)
    if formulary is None:
        other = dataclasses.replace(other, formulary=before.formulary)
    if not switches:
        return other
    overrides = {**(other.overrides or {}), **dict(_switch(one) for one in switches)}
    try:
        loaded = coding.load_policy(other.policy.setting, other.policy.payer, overrides)
    except coding.PolicyError as wrong:
        raise click.BadParameter(str(wrong), param_hint="--switch") from None
    return Coder(loaded, other.formulary, other.tables, overrides)


def _switch(text: str) -> tuple[str, object]:
    """A switch as TOML would say it: a number, true and false as such, all else a text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--switch")
    try:
        return name, tomllib.loads(f"v = {value}")["v"]
    except tomllib.TOMLDecodeError:
        return name, value


async def _pasts(settings: Settings, days: tuple[date, date], by: str) -> list[Past]:
    """The newest version of each encounter of these days."""
    found = [
        Past(decode_closed(record.value or b""), record.timestamp_ms / 1000)
        async for record in each_record(settings, topics_of(settings).closed)
    ]
    return [past for past in newest(found) if past.is_within(*days, by)]


async def _issued(settings: Settings) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The lines that stand, by patient and encounter."""
    accounts: dict[str, Account] = {}
    async for record in each_record(settings, topics_of(settings).claim_lines):
        line = decode_json(record.value or b"{}")
        accounts.setdefault(account_key(line), Account()).take(line, _STATUSES)
    standing = {}
    for key, account in accounts.items():
        authority, patient, encounter = key.split("\x1f")
        standing[f"{authority}|{patient}", encounter] = [held.line for held in account.standing.values()]
    return standing


# -- telling


def _as_json(difference: Difference, changed: dict[str, set[tuple[str, str]]]) -> dict[str, Any]:
    return {
        "encounters": difference.looked_at,
        "changed": len(difference.changes),
        "codes": [{"code": code, "before": old, "after": new} for code, old, new in difference.codes()],
        "switches": [
            {
                "switch": name,
                "values": [{"before": old, "after": new} for old, new in sorted(values)],
                "encounters": difference.by_switch[name],
            }
            for name, values in sorted(changed.items())
        ],
        "differences": [
            {
                "patient": one.patient,
                "encounter_id": one.encounter_id,
                "gone": _lines(one.gone),
                "added": _lines(one.added),
                "switches": list(one.switches),
            }
            for one in difference.changes
        ],
        "not_coded": [{"encounter_id": one, "error": wrong} for one, wrong in difference.not_coded],
    }


def _lines(lines: Counter[Seen]) -> list[dict[str, Any]]:
    return [
        {"service_date": one.service_date, "code": one.code, "modifiers": list(one.modifiers), "units": one.units,
         "status": one.status}
        for one in sorted(lines.elements())
    ]  # fmt: skip


def _tell(difference: Difference, changed: dict[str, set[tuple[str, str]]]) -> None:
    click.echo(f"{difference.looked_at} encounters coded again, {len(difference.changes)} differ")
    codes = list(difference.codes())
    if codes:
        click.echo("\nunits by code     before   after      by")
        for code, old, new in codes:
            click.echo(f"  {code:<12} {old:>10} {new:>7} {new - old:>+7}")
    if changed:
        click.echo("\nswitches that differ, and how many encounters each changes by itself")
        for name, values in sorted(changed.items()):
            told = ", ".join(f"{old} -> {new}" for old, new in sorted(values))
            click.echo(f"  {name} ({told}): {difference.by_switch[name]}")
    for one in difference.changes:
        by = f"  ({', '.join(one.switches)})" if one.switches else ""
        click.echo(f"\n{one.encounter_id}{by}")
        _tell_lines("-", one.gone.elements())
        _tell_lines("+", one.added.elements())
    for encounter, wrong in difference.not_coded:
        click.echo(f"\n{encounter} cannot be coded by one of them: {wrong}")


def _tell_lines(mark: str, lines: Iterable[Seen]) -> None:
    for line in sorted(lines):
        click.echo(f"  {mark} {line}")


# -- ordering


async def _emit(settings: Settings, changes: list[Change], who: str, why: str) -> int:
    """Send a command for each encounter that differs; how many."""
    topic = topics_of(settings).commands
    orders = [Command("recode", one.patient, one.encounter_id, at=time.time(), who=who, why=why) for one in changes]
    records = [Record(topic, order.patient.encode(), encode(order)) for order in orders]
    appender = appender_of(settings)
    await appender.start()
    try:
        for place in range(0, len(records), _AT_ONCE):
            for outcome in await appender.append(records[place : place + _AT_ONCE]):
                if isinstance(outcome, Exception):
                    raise click.ClickException(f"the broker did not take a command: {outcome}")
    finally:
        await appender.stop()
    return len(records)
