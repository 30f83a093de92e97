"""An encounter as bars: one row per administration, grouped by access site, on one axis of time. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

_OPEN_MINUTES = 15  # how wide a run is drawn whose stop is not documented
_LABELS_MOST = 12
_STEPS = (1, 2, 3, 4, 6, 12, 24, 48, 168, 24 * 28, 24 * 365)  # hours between labels
_NARROWEST = 0.4  # percent: what is shorter must be seen all the same
_Times = tuple[datetime | None, datetime | None]
_AT_A_MOMENT = ("push", "injection")  # a stop is not asked for


@dataclass(frozen=True, slots=True)
class Bar:
    """One run. `left` and `width` in percent of the axis.

    `kind` is run, open (no stop), moment (no stop needed), or unbegun: no start, and `start` is the stop.
    """

    left: float
    width: float
    start: datetime
    stop: datetime | None
    kind: str
    with_dates: bool
    lane: int = 0  # runs of one administration that overlap are drawn below each other

    @property
    def text(self) -> str:
        written = "%b %-d %H:%M" if self.with_dates else "%H:%M"
        if self.kind == "moment":
            return f"{self.start:{written}}"
        if self.kind == "unbegun":
            return f"no start\u2013{self.start:{written}}"
        until = f"{self.stop:{written}}" if self.stop else "no stop"
        return f"{self.start:{written}}\u2013{until}"

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
    codes: Sequence[str]

    @property
    def lanes(self) -> int:
        return 1 + max((bar.lane for bar in self.bars), default=0)

    @property
    def lacks_stop(self) -> bool:
        return any(bar.kind == "open" for bar in self.bars)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows by access site, and the labels of the axis with their places in percent."""

    sites: Mapping[str, Sequence[Row]]
    labels: Sequence[tuple[float, str]]
    rows: Mapping[str, Row] = field(default_factory=dict)  # by administration id


@dataclass(frozen=True, slots=True)
class _Axis:
    """From a whole hour to a whole hour."""

    first: datetime
    last: datetime

    @classmethod
    def over(cls, times: Sequence[datetime]) -> _Axis:
        first, last = min(times), max(times) + timedelta(minutes=_OPEN_MINUTES)
        start = first.replace(minute=0, second=0, microsecond=0)
        end = last.replace(minute=0, second=0, microsecond=0)
        return cls(start, end if end == last else end + timedelta(hours=1))

    def place(self, moment: datetime) -> float:
        return 100 * (moment - self.first).total_seconds() / (self.last - self.first).total_seconds()

    def bar(self, start: datetime, stop: datetime | None, kind: str) -> Bar:
        end = stop or (start + timedelta(minutes=_OPEN_MINUTES) if kind == "open" else start)
        left = round(min(self.place(start), 100 - _NARROWEST), 3)
        width = round(min(100 - left, max(_NARROWEST, self.place(end) - left)), 3)
        return Bar(left, width, start, stop, kind, self.first.date() != self.last.date())

    def labels(self) -> list[tuple[float, str]]:
        hours = round((self.last - self.first).total_seconds() / 3600)
        step = next((step for step in _STEPS if hours / step <= _LABELS_MOST), -(-hours // _LABELS_MOST))
        found = []
        for hour in range(0, hours + 1, step):
            at = self.first + timedelta(hours=hour)
            is_new_day = hour == 0 or at.date() != (at - timedelta(hours=step)).date()
            text = f"{at:%b %-d}" if step >= 24 else f"{at:%b %-d %H:%M}" if is_new_day else f"{at:%H:%M}"
            found.append((round(100 * hour / hours, 3), text))
        return found


def timeline_of(
    encounter: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], without_stop: Collection[str] = ()
) -> Timeline:
    """The bars of a closed encounter (its JSON) and, on each row, the codes that pay for it.

    Args:
        without_stop: administration ids that findings call without a stop.
    """
    drawn = [(given, _times(given)) for given in encounter["administrations"]]
    ends = [end for _, runs in drawn for start, stop in runs for end in (start, stop) if end]
    axis = _Axis.over(ends) if ends else None
    sites: dict[str, list[Row]] = {}
    for given, runs in sorted(drawn, key=lambda pair: _order(pair[1])):
        kind = _kind_without_stop(given, without_stop)
        bars = _in_lanes([_bar(axis, run, kind) for run in runs]) if axis else []
        sites.setdefault(given.get("access_site") or "", []).append(_row(given, bars, lines))
    rows = {row.administration_id: row for of_site in sites.values() for row in of_site}
    return Timeline(sites, axis.labels() if axis else [], rows)


def _order(runs: Sequence[_Times]) -> tuple[bool, float]:
    """By where the first bar begins; what has none comes last."""
    begins = [at.timestamp() for start, stop in runs if (at := start or stop)]
    return not begins, min(begins, default=0.0)


def _bar(axis: _Axis, run: _Times, kind: str) -> Bar:
    start, stop = run
    if start is None:
        assert stop is not None
        return axis.bar(stop, None, "unbegun")
    return axis.bar(start, stop, "run" if stop else kind)


def _in_lanes(bars: Sequence[Bar]) -> list[Bar]:
    """From left to right, each in the first lane where it covers no other."""
    ends: list[float] = []
    placed = []
    for bar in sorted(bars, key=lambda bar: (bar.left, bar.width)):
        lane = next((lane for lane, end in enumerate(ends) if end <= bar.left), len(ends))
        ends[lane : lane + 1] = [bar.left + bar.width]
        placed.append(replace(bar, lane=lane))
    return placed


def _kind_without_stop(given: Mapping[str, Any], without_stop: Collection[str]) -> str:
    is_open = given["administration_id"] in without_stop or given.get("method") == "infusion"
    return "open" if is_open and given.get("method") not in _AT_A_MOMENT else "moment"


def _times(given: Mapping[str, Any]) -> list[_Times]:
    """Its runs that have a time."""
    runs = [
        [datetime.fromisoformat(run[name]) if run[name] else None for name in ("start", "stop")]
        for run in given["runs"]
    ]
    return [(start, stop) for start, stop in runs if start or stop]


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
        codes=codes,
    )
