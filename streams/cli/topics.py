"""`dripcode topics`: what lies on the broker, and its records, one a line; `topics apply` makes the topics."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import click

from streams.cli.options import config_option, settings_from
from streams.formats.asyncapi import asyncapi
from streams.provision import broker_path, differences, open_store, provision_kafka
from streams.reading import reader_of
from streams.settings import Settings
from streams.topic_list import wanted_topics
from streams.topics import topics_of

# Named without the site's prefix, as in the contract.
_NAMES = {
    "hl7.inbound": "inbound",
    "encounter.commands": "commands",
    "medication.events": "events",
    "encounters.closed": "closed",
    "encounters.open": "open",
    "claim.lines": "claim_lines",
    "coding.worklist": "worklist",
    "hl7.dead-letter": "dead_letter",
}
_WORKED = ("inbound", "commands", "closed")


@click.command()
@config_option
@click.option("--broker", metavar="URL", help="sqlite:///PATH or kafka://HOST:PORT.")
@click.option("--follow", is_flag=True, help="Go on with what comes; Ctrl-C ends it.")
@click.option("--asyncapi", "as_document", is_flag=True, help="Print the AsyncAPI 3 description of every topic.")
@click.argument("topic", required=False, type=click.Choice([*_NAMES, "apply"]))
def command(config: Path | None, broker: str | None, follow: bool, as_document: bool, topic: str | None) -> None:
    """List the topics; or print the values of TOPIC, one a line (HL7 messages with line feeds). Patient data!

    `topics apply` makes those that are not there, as streams/topics.toml says, and names what is set otherwise on
    those that are (exit 1): for a user who may make topics, where the processes may not.
    """
    settings = settings_from(config, broker=broker)
    if as_document:
        click.echo(json.dumps(asyncapi(settings), indent=2))
        return
    if topic == "apply":
        sys.exit(asyncio.run(_apply(settings)))
    try:
        asyncio.run(_print(settings, topic, follow=follow) if topic else _list(settings))
    except KeyboardInterrupt:
        sys.exit(0)


async def _apply(settings: Settings) -> int:
    if settings.is_embedded:
        open_store(settings).close()
        click.echo(f"{len(wanted_topics(settings))} topics in {broker_path(settings)}")
        return 0
    made = await provision_kafka(settings)
    for name in made:
        click.echo(f"made {name}")
    click.echo(f"{len(made)} made, {len(wanted_topics(settings)) - len(made)} were there")
    odd = await differences(settings)
    for difference in odd:
        click.echo(difference, err=True)
    return 1 if odd else 0


async def _list(settings: Settings) -> None:
    topics = topics_of(settings)
    async with reader_of(settings) as reader:
        for name, field in _NAMES.items():
            records, waiting = await reader.sizes(getattr(topics, field))
            lag = f"{waiting} waiting" if field in _WORKED else ""
            click.echo(f"{name:<20} {records:>9} records  {lag}".rstrip())


async def _print(settings: Settings, topic: str, *, follow: bool) -> None:
    name = getattr(topics_of(settings), _NAMES[topic])
    async with reader_of(settings) as reader:
        while True:
            for record in await reader.new(name):
                value = (record.value or b"").replace(b"\r", b"\n")
                sys.stdout.buffer.write(value if value.endswith(b"\n") else value + b"\n")
            sys.stdout.flush()
            if not follow:
                return
            await asyncio.sleep(0.2)
