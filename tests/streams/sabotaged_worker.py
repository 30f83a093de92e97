"""`python -m tests.streams.sabotaged_worker`: the worker, but at two words in a message it raises or hangs for ever."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import streams.app
from hl7_parsers.events import Message as Parsed
from streams.agents import Desk
from streams.apply import Rules
from streams.cli.run import command
from streams.intake import Message
from streams.settings import Settings
from streams.site import rules_of

POISON, HANGS = b"SYNTHETIC-POISON", b"SYNTHETIC-HANGS"

_apply = Desk.apply


def _poisoned(settings: Settings) -> Rules:
    rules = rules_of(settings)

    def parse(value: bytes) -> Parsed:
        if POISON in value:
            raise ZeroDivisionError
        return rules.parse(value)

    return replace(rules, parse=parse)


async def _hanging(self: Desk, messages: Sequence[Message]) -> None:
    if any(HANGS in (message.value or b"") for message in messages):
        await asyncio.Event().wait()
    await _apply(self, messages)


if __name__ == "__main__":
    streams.app.rules_of = _poisoned  # type: ignore[attr-defined]
    Desk.apply = _hanging  # type: ignore[method-assign]
    command()
