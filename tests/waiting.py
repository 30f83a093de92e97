"""Waiting for what must come: as long as a busy machine may need for what is there in a second on a quiet one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE = 120.0  # seconds


def wait_for(look: Callable[[], Found], what: str, between: float = 0.1) -> Found:
    """Return what is found, once it is true; fail the test when it does not come."""
    until = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < until, f"not within {PATIENCE:.0f} s: {what}"
        time.sleep(between)
    return found


async def wait_beside(look: Callable[[], Found], what: str) -> Found:
    """The same where others are to go on meanwhile."""
    until = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < until, f"not within {PATIENCE:.0f} s: {what}"
        await asyncio.sleep(0.01)
    return found
