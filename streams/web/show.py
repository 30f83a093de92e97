"""Putting values before a person: templates, and how times, ages and numbers are written."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from streams.web.keys import PEOPLE, PERSON, TEMPLATES


def page(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """A page, or only its changing part when the page itself asks for that (`?part=1`)."""
    environment = request.app[TEMPLATES]
    values |= {
        "person": request.get(PERSON),
        "has_login": request.app[PEOPLE] is not None,
        "path": request.path,
        "now": time.time(),
        "is_part": "part" in request.query,
    }
    return web.Response(
        text=environment.get_template(template).render(**values), content_type="text/html", status=status
    )


def age(seconds: float) -> str:
    """A stretch of time in its two largest units."""
    seconds = max(0, int(seconds))
    for size, name, smaller, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size} {name} {rest} {small}" if rest else f"{seconds // size} {name}"
    return f"{seconds} s"


def since(at: float | str) -> str:
    """How long ago."""
    moment = datetime.fromisoformat(at).timestamp() if isinstance(at, str) else at
    return age(time.time() - moment)


def clock(at: float | str | None) -> str:
    """Date and time, as written in the record, else by this machine's zone."""
    if at is None or at == "":
        return "\u2013"
    moment = datetime.fromisoformat(at) if isinstance(at, str) else datetime.fromtimestamp(at).astimezone()
    return f"{moment:%Y-%m-%d %H:%M}"


def number(value: float) -> str:
    """With thin spaces between thousands; one decimal below ten when there is one."""
    if value and abs(value) < 10 and value != int(value):
        return f"{value:.1f}"
    return f"{value:,.0f}".replace(",", "\u202f")


def milliseconds(seconds: float) -> str:
    """Of a latency."""
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def words(text: str) -> str:
    """An id such as NO_STOP or in_three_parts as words."""
    return text.replace("_", " ").lower()


FILTERS: Mapping[str, Callable[..., str]] = {
    "age": age,
    "since": since,
    "clock": clock,
    "number": number,
    "milliseconds": milliseconds,
    "words": words,
}
