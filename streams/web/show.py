"""Putting values before a person: templates, and how times, ages, numbers and names are written."""

from __future__ import annotations

import math
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from aiohttp import web

from streams.web.keys import PEOPLE, PERSON, TEMPLATES


def page(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """A page, or only its changing part when the page itself asks for that (`?part=1`)."""
    environment = request.app[TEMPLATES]
    values |= {
        "person": request.get(PERSON),
        "may_see_patients": PERSON in request and request[PERSON].may_see_patients,
        "has_login": request.app[PEOPLE] is not None,
        "path": request.path,
        "now": time.time(),
        "is_part": is_part(request),
    }
    text = environment.get_template(template).render(**values)
    answer = web.Response(text=text, content_type="text/html", status=status)
    answer.enable_compression()  # a page that stands open is fetched every second
    return answer


def is_part(request: web.Request) -> bool:
    """Whether a page that stands open asks for its changing part."""
    return "part" in request.query


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
    tenths = round(value, 1)
    if abs(tenths) < 10 and tenths != int(tenths):
        return f"{tenths:.1f}"
    return f"{round(value):,}".replace(",", "\u202f")


def milliseconds(seconds: float) -> str:
    """Of a latency; in larger units from a minute on."""
    if math.isinf(seconds):
        return "longer"
    if seconds >= 60:
        return age(seconds)
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def quantile(seconds: float, longest: float) -> str:
    """Of a histogram whose highest edge is `longest`."""
    return f"over {age(longest)}" if math.isinf(seconds) else milliseconds(seconds)


def stage(name: str) -> str:
    """What a message goes through, by the metric's name."""
    return _STAGES.get(name, words(name))


_STAGES = {
    "given_to_charted": "given to charted",
    "charted_to_received": "charted to received",
    "received_to_acknowledged": "received to acknowledged",
    "received_to_applied": "received to applied",
    "last_message_to_closed": "last message to closed",
    "closed_to_emitted": "closed to claim lines",
}


def words(text: str) -> str:
    """An id such as additional_hour as words."""
    return text.replace("_", " ").lower()


def label(kind: str) -> str:
    """What a person calls a kind of finding."""
    return _labels()["label"].get(kind) or words(kind)


def missing(kind: str) -> str:
    """Which message is missing where there is a finding of this kind; "" when none is."""
    return _labels()["missing"].get(kind, "")


@cache
def _labels() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads((files("streams.web") / "labels.toml").read_text())


def sender(name: str) -> str:
    """A sender as its messages call it: MSH-3 and MSH-4, either of which may be empty."""
    application, bar, facility = name.partition("|")
    if not bar:
        return name
    return " | ".join(part or "\u2013" for part in (application, facility)) if name != "|" else "(names no sender)"


def severity(level: str) -> str:
    """How much a finding matters."""
    return {"hold": "holds a line", "review": "asks for a look", "notice": "informs"}.get(level, level)


def at_stake(stakes: list[dict[str, Any]]) -> str:
    """Codes and units that depend on a finding; the code alone where its units cannot be told."""
    return ", ".join(f"{one['code']}\u00d7{one['units']}" if one["units"] else one["code"] for one in stakes)


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers, those in a row as the first and the last."""
    found: list[list[int]] = []
    for one in sorted(numbers):
        if found and one == found[-1][-1] + 1:
            found[-1].append(one)
        else:
            found.append([one])
    return ", ".join(f"{run[0]}\u2013{run[-1]}" if len(run) > 1 else str(run[0]) for run in found)


FILTERS: Mapping[str, Callable[..., str]] = {
    "age": age,
    "since": since,
    "clock": clock,
    "number": number,
    "milliseconds": milliseconds,
    "quantile": quantile,
    "stage": stage,
    "words": words,
    "label": label,
    "missing": missing,
    "sender": sender,
    "severity": severity,
    "at_stake": at_stake,
    "ranges": ranges,
}
