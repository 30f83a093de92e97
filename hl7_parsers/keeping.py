"""Keeping results: a site's words, drugs, routes and times come again and again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

_Rest = TypeVarTuple("_Rest")
_Result = TypeVar("_Result")

_LONGEST = 400  # characters; a longer text is worked out each time, so that what is kept stays small


def kept(count: int) -> Callable[[Callable[[str, *_Rest], _Result]], Callable[[str, *_Rest], _Result]]:
    """Keep the last `count` results of a pure function whose first argument is a short text."""

    def decorate(function: Callable[[str, *_Rest], _Result]) -> Callable[[str, *_Rest], _Result]:
        keeping = functools.lru_cache(maxsize=count)(function)

        @functools.wraps(function)
        def call(text: str, *rest: *_Rest) -> _Result:
            return keeping(text, *rest) if len(text) <= _LONGEST else function(text, *rest)

        return call

    return decorate
