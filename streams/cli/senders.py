"""`dripcode senders`: the profiles that there are, what each changes, and which one fits a sender's messages."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import takewhile
from typing import Any

import click
import msgspec

from hl7_parsers import (
    STANDARD,
    SenderProfile,
    SenderReport,
    load_profile,
    profile_names,
    profile_text,
    report_senders,
    split_messages,
)
from streams.cli.options import read_sources, sender_profile

_SHOWN_FITS = 3
_GOOD_SCORE = 50  # at least some sign of the sender, or every row read without a doubt
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON instead.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Profiles of sending systems: how each is read, and which one fits."""


@command.command("list")
@json_option
def list_profiles(as_json: bool) -> None:
    """The profiles that ship with dripcode."""
    rows = {name: _description(name) for name in profile_names()}
    if as_json:
        _write([{"profile": name, "description": text} for name, text in rows.items()])
        return
    width = max(map(len, rows))
    for name, text in rows.items():
        click.echo(f"{name:{width}}  {text}")
    click.echo("\nShow one: dripcode senders show NAME. Find yours: dripcode senders check FILE.hl7")


@command.command("show")
@click.argument("name", metavar="NAME or FILE.toml")
@json_option
def show(name: str, as_json: bool) -> None:
    """What a profile says, and what of it is not the plain standard."""
    profile = sender_profile(name)
    values = _values(profile)
    if as_json:
        _write({"profile": profile.name, **values, "signs": dict(profile.signs), "actions": _by_meaning(profile)})
        return
    if name in profile_names():
        click.echo(_comment(name) + "\n")
    standard = _values(STANDARD)
    for key, value in values.items():
        mark = "" if value == standard[key] else f"   (standard: {_shown(standard[key])})"
        click.echo(f"{key:17} {_shown(value)}{mark}")
    click.echo("\naction words (* not in the standard, or another meaning there)")
    for meaning, words in _by_meaning(profile).items():
        marked = [word if STANDARD.actions.get(word) == meaning else f"{word}*" for word in words]
        click.echo(f"  {meaning:13} {', '.join(marked)}")
    for place, pattern in profile.signs.items():
        click.echo(f"sign  {place:10} {pattern}")


@command.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILES… or -")
@click.option("--sender", "names", multiple=True, metavar="NAME", help="Try this profile alone, or these.")
@json_option
def check(files: tuple[str, ...], names: tuple[str, ...], as_json: bool) -> None:
    """Which profile fits each sender in FILES, what could not be read, and what to put in the sender map."""
    raws = [raw.text for _, data in read_sources(files) for raw in split_messages(data)]
    reports = report_senders(raws, [sender_profile(name) for name in names])
    if as_json:
        _write([{**asdict(report), "sender_map": _row(report)} for report in reports])
        return
    for report in reports:
        click.echo("\n".join(_lines(report)) + "\n")
    if not reports:
        click.echo("no messages")


def _lines(report: SenderReport) -> list[str]:
    """One sender, for a person."""
    best = report.best
    lines = [
        f"MSH-3 {report.application or '(empty)'}, MSH-4 {report.facility or '(empty)'}: {report.messages} messages",
        f"  types     {_counts(report.kinds)}",
        f"  events    {_counts(report.events)}",
    ]
    lines += [f"  not read  {_counts(report.unread)}"] if report.unread else []
    lines += [f"  remarks   {_counts(report.remarks)}"] if report.remarks else []
    if report.unknown_words:
        lines.append(f"  words     not in this profile: {_counts(report.unknown_words)}")
    for fit in report.fits[:_SHOWN_FITS]:
        lines.append(f"  {'fits' if fit is best else 'else':9} {fit.profile} {fit.score}/100: {'; '.join(fit.reasons)}")
    if best.score < _GOOD_SCORE:
        lines.append("  advice    no profile fits well: write one of your own, based_on the first, and check again")
    lines.append("  in the sender map:")
    lines += [f"    {line}" for line in _toml(_row(report))]
    return lines


def _row(report: SenderReport) -> dict[str, str]:
    """The row of the sender map; a zone that is needed and not known is left for a person to fill in."""
    row = {"application": report.application, "facility": report.facility, "profile": report.best.profile}
    needs_zone = report.times_without_offset and not _zone(report.best.profile)
    return {**row, "time_zone": ""} if needs_zone else row


def _zone(profile: str) -> str:
    return load_profile(profile).time_zone if profile in profile_names() else ""


def _toml(row: dict[str, str]) -> list[str]:
    lines = ["[[sender]]"]
    for key, value in row.items():
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        note = "   # its times have no offset: give an IANA zone" if key == "time_zone" else ""
        lines.append(f'{key} = "{quoted}"{note}')
    return lines


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items()) or "none"


def _values(profile: SenderProfile) -> dict[str, Any]:
    return {key: value for key, value in asdict(profile).items() if key not in ("name", "actions", "signs")}


def _by_meaning(profile: SenderProfile) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word, meaning in profile.actions.items():
        found.setdefault(meaning, []).append(word)
    return {meaning: sorted(found[meaning]) for meaning in sorted(found)}


def _shown(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value) if value != "" else '""'


def _comment(name: str) -> str:
    """The comment that a profile begins with."""
    lines = takewhile(lambda line: line.startswith("#"), profile_text(name).splitlines())
    return " ".join(line.lstrip("# ") for line in lines)


def _description(name: str) -> str:
    """Its first sentence."""
    return _comment(name).partition(". ")[0].rstrip(".") + "."


def _write(value: object) -> None:
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    sys.stdout.flush()
