"""Messages a second over the last minutes: the totals looked at once a second, kept by this process alone."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web

from streams.read_model.shelf import ReadModelAway, Shelf
from streams.read_model.views import balance
from streams.topics import Topics

SECONDS = 120


@dataclass
class Pulse:
    """(time, received, done) once a second; done is applied + duplicate + dead + ignored."""

    shelf: Shelf
    topics: Topics
    beats: deque[tuple[float, int, int]] = field(default_factory=lambda: deque(maxlen=SECONDS + 1))

    async def beating(self, _: web.Application) -> AsyncIterator[None]:
        """For as long as the pages are served."""
        task = asyncio.create_task(self._beat())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _beat(self) -> None:
        while True:
            with contextlib.suppress(ReadModelAway):
                now = await balance(self.shelf, self.topics)
                self.beats.append((time.time(), now.received, now.received - now.waiting))
            await asyncio.sleep(1)

    def rates(self) -> dict[str, list[tuple[float, float]]]:
        """(seconds since 1970, messages a second) received and done, oldest first."""
        pairs = list(zip(self.beats, list(self.beats)[1:], strict=False))
        made: dict[str, list[tuple[float, float]]] = {"received": [], "done": []}
        for (before, *old), (at, *new) in pairs:
            for name, was, is_now in zip(made, old, new, strict=True):
                made[name].append((at, max(0.0, (is_now - was) / (at - before))))
        return made
