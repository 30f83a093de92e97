"""The MLLP sender against receivers that misbehave."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from streams.mllp_client import (
    Patience,
)

SHORT = Patience(connect=1.0, answer=0.15, message=3.0)


def run[T](coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)
