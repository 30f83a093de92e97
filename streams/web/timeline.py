"""An encounter as bars: one row per administration, grouped by access site, on one axis of time. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

_OPEN_MINUTES = 15  # how wide a run is drawn whose stop is not documented
_LABELS_MOST = 12


@dataclass(frozen=True, slots=True)
class Bar:
    """One run. `left` and `width` in percent of the axis; without a stop it is drawn open."""

    left: float
    width: float
    start: datetime
    stop: datetime | None

    @property
    def text(self) -> str:
        until = f"{self.stop:%H:%M}" if self.stop else "no stop"
        return f"{self.start:%H:%M}\u2013{until}"

    @property
    def minutes(self) -> int | None:
        return int((self.stop - self.start).total_seconds() // 60) if self.stop else None


@dataclass(frozen=True, slots=True)
class Row:
    """One administration: what it was, how it went in, and its bars."""

    administration_id: str
    drug: str
    how: str
    bars: Sequence[Bar]
    message_control_ids: Sequence[str]
    lacks_stop: bool
    codes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows by access site, and the labels of the axis with their places in percent."""

    sites: Mapping[str, Sequence[Row]]
    labels: Sequence[tuple[float, str]]


def timeline_of(encounter: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> Timeline:
    """The bars of a closed encounter (its JSON) and, on each row, the codes that pay for it."""
    drawn = [(given, _times(given)) for given in encounter["administrations"]]
    ends = [end for _, runs in drawn for start, stop in runs for end in (start, stop or start)]
    if not ends:
        return Timeline({"": [_row(given, [], lines) for given, _ in drawn]} if drawn else {}, [])
    first, last = _whole_hours(min(ends), max(ends) + timedelta(minutes=_OPEN_MINUTES))
    span = (last - first).total_seconds()

    def bar(start: datetime, stop: datetime | None) -> Bar:
        end = stop or start + timedelta(minutes=_OPEN_MINUTES)
        left = 100 * (start - first).total_seconds() / span
        return Bar(round(left, 3), round(max(0.4, 100 * (end - start).total_seconds() / span), 3), start, stop)

    sites: dict[str, list[Row]] = {}
    for given, runs in sorted(drawn, key=lambda pair: min((start for start, _ in pair[1]), default=last)):
        row = _row(given, [bar(*run) for run in runs], lines)
        sites.setdefault(given.get("access_site") or "", []).append(row)
    return Timeline(sites, _labels(first, last))


def _times(given: Mapping[str, Any]) -> list[tuple[datetime, datetime | None]]:
    found = []
    for run in given["runs"]:
        start, stop = (datetime.fromisoformat(run[name]) if run[name] else None for name in ("start", "stop"))
        if start is not None or stop is not None:
            found.append((start or stop, stop if start is not None else None))
    return [(start, stop) for start, stop in found if start is not None]


def _row(given: Mapping[str, Any], bars: Sequence[Bar], lines: Sequence[Mapping[str, Any]]) -> Row:
    identity = given["administration_id"]
    codes = [f"{line['code']}\u00d7{line['units']}" for line in lines if identity in line["administration_ids"]]
    how = " ".join(word for word in (given.get("route", ""), given.get("method", "")) if word not in ("", "unknown"))
    return Row(
        administration_id=identity,
        drug=given["drug"]["name"] or given["drug"]["code"],
        how=how.replace("_", " "),
        bars=bars,
        message_control_ids=given.get("message_control_ids", ()),
        lacks_stop=any(bar.stop is None for bar in bars) and given.get("method") != "push",
        codes=codes,
    )


def _whole_hours(first: datetime, last: datetime) -> tuple[datetime, datetime]:
    start = first.replace(minute=0, second=0, microsecond=0)
    end = last.replace(minute=0, second=0, microsecond=0)
    return start, end if end == last else end + timedelta(hours=1)


def _labels(first: datetime, last: datetime) -> list[tuple[float, str]]:
    hours = round((last - first).total_seconds() / 3600)
    step = next(step for step in (1, 2, 3, 4, 6, 12, 24, 48, 168, 24 * 28, 24 * 365) if hours / step <= _LABELS_MOST)
    labels = []
    for hour in range(0, hours + 1, step):
        at = first + timedelta(hours=hour)
        is_new_day = hour == 0 or at.date() != (at - timedelta(hours=step)).date()
        labels.append((round(100 * hour / hours, 3), f"{at:%b %-d %H:%M}" if is_new_day else f"{at:%H:%M}"))
    return labels
