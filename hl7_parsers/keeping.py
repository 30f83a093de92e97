"""Keeping results: a site's words, drugs, routes and times come again and again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

_Key = TypeVar("_Key", bound=str | tuple[object, ...])
_Rest = TypeVarTuple("_Rest")
_Result = TypeVar("_Result")

_LONGEST = 400  # characters; a longer text is worked out each time, so that what is kept stays small


class Kept(dict[_Key, _Result]):
    """Results of a pure function by its argument: a text, or a tuple with texts in it.

    When there are `count` of them it begins anew, and of those it had it takes over what is asked for again: so what
    comes all the time stays, however much comes but once, and there are never more than twice `count`.

    The quickest there is, for what is asked for several times a message; `kept.get(key) or kept[key]` is quicker still
    than `kept[key]`, which Python looks up in a class of ours by a longer way.
    """

    def __init__(self, function: Callable[[_Key], _Result], count: int) -> None:
        super().__init__()
        self.function: Callable[[_Key], _Result] = function
        self.count = count
        self.former: dict[_Key, _Result] = {}

    def __missing__(self, key: _Key) -> _Result:
        if key in self.former:
            found = self.former[key]
        else:
            found = self.function(key)
            length = len(key) if isinstance(key, str) else sum(len(part) for part in key if isinstance(part, str))
            if length > _LONGEST:
                return found
        if len(self) >= self.count:
            self.former = self.copy()
            self.clear()
        self[key] = found
        return found


def kept(count: int) -> Callable[[Callable[[str, *_Rest], _Result]], Callable[[str, *_Rest], _Result]]:
    """Keep the last `count` results of a pure function whose first argument is a short text."""

    def decorate(function: Callable[[str, *_Rest], _Result]) -> Callable[[str, *_Rest], _Result]:
        keeping = functools.lru_cache(maxsize=count)(function)

        @functools.wraps(function)
        def call(text: str, *rest: *_Rest) -> _Result:
            return keeping(text, *rest) if len(text) <= _LONGEST else function(text, *rest)

        return call

    return decorate
