"""`dripcode …`: one module of streams/cli per command, imported when it is called."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import version

import click

from streams.log import withhold_texts
from streams.settings import SettingsError

# In the order a new user would meet them.
COMMANDS = {
    "demo": "a synthetic hospital day, from MLLP to claim lines",
    "code": "claim lines of HL7 files, without a broker",
    "parse": "the events of HL7 files",
    "senders": "profiles of sending systems, and which one fits",
    "run": "the worker: agents and timers",
    "listen": "the MLLP listener",
    "web": "the pages: throughput, work queue, encounters, claim lines",
    "project": "keeps the read model of the pages up to date",
    "send": "send HL7 files over MLLP",
    "encounter": "close, reopen, recode, document an encounter",
    "deliver": "charges to a billing system: DFT over MLLP, CSV, 837, FHIR",
    "explain": "what a claim or a line of it rests on, down to the messages",
    "recode": "what past encounters come to under other rules",
    "reconcile": "proof that everything is accounted for",
    "topics": "what lies on the broker: counts, lag, records",
    "dead-letters": "what could not be used, why and where; sending it again",
    "import": "a quarterly CMS table into the site's store",
    "tables": "which published tables were imported",
    "health": "whether the processes here are ready",
    "settings": "every setting, its value, source and meaning",
}
# `import` is a word of Python's.
MODULES = {"import": "imports", "dead-letters": "dead_letters"}


class Commands(click.Group):
    """Knows its commands by name and imports one only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"streams.cli.{MODULES.get(name, name)}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("dripcode"), prog_name="dripcode")
def dripcode() -> None:
    """Turns hospital HL7 v2 medication messages into billable drug-administration claim lines."""


def main() -> None:
    """The entry point. A setting that cannot be used is exit 2, as an argument that cannot be used is."""
    withhold_texts()
    try:
        dripcode()
    except SettingsError as wrong:
        click.echo(f"dripcode: {wrong}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
