"""`python -m tests.streams.sabotaged_worker`: the worker, but at a word in a message it raises, hangs or never ends."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import streams.app
from hl7_parsers.events import Message as Parsed
from streams import worker
from streams.agents import Desk
from streams.apply import Rules
from streams.cli.run import command
from streams.intake import Message
from streams.settings import Settings
from streams.site import rules_of

POISON, HANGS, CLINGS = b"SYNTHETIC-POISON", b"SYNTHETIC-HANGS", b"SYNTHETIC-CLINGS"

_apply = Desk.apply


def _poisoned(settings: Settings) -> Rules:
    rules = rules_of(settings)

    def parse(value: bytes) -> Parsed:
        if POISON in value:
            raise ZeroDivisionError
        return rules.parse(value)

    return replace(rules, parse=parse)


async def _for_ever(*_: object) -> None:
    await asyncio.Event().wait()


async def _hanging(self: Desk, messages: Sequence[Message]) -> None:
    if any(HANGS in (message.value or b"") for message in messages):
        await _for_ever()
    if any(CLINGS in (message.value or b"") for message in messages):
        worker.Ops.on_stop = _for_ever  # type: ignore[method-assign]
        raise OSError("broken")
    await _apply(self, messages)


if __name__ == "__main__":
    worker.SHUTDOWN_SECONDS = 3.0
    streams.app.rules_of = _poisoned  # type: ignore[attr-defined]
    Desk.apply = _hanging  # type: ignore[method-assign]
    command()
