"""DTM, HL7's time, to an aware time: how exact it is and where its offset came from. Never to a wrong instant.

HL7 v2 chapter 2A, DTM: YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]; without an offset that of MSH-7 holds for the
whole message, else the sender's zone.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hl7_parsers.er7 import USUAL, Delimiters, first_in
from hl7_parsers.events import Time
from hl7_parsers.keeping import Kept, kept

UNREADABLE = "TIME_UNREADABLE"
TOO_COARSE = "TIME_TOO_COARSE"
NONEXISTENT = "TIME_NONEXISTENT"
AMBIGUOUS = "TIME_AMBIGUOUS"

_DTM = re.compile(
    r"([0-9]{4})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(\.[0-9]{1,9})?)?)?)?)?)?"
    r"([+-][0-9]{3,4})?"
)
_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(\.[0-9]{1,9})?)?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_PRECISIONS = ("year", "month", "day", "hour", "minute", "second", "fraction")
TO_THE_MINUTE = frozenset(_PRECISIONS[4:])
_YEARS = range(1900, 2200)  # outside of it a year is a placeholder, and arithmetic on it may overflow
_OFFSET_MAX = timedelta(hours=14)


class Clock(NamedTuple):
    """What a time without an offset is read by: MSH-7's offset, else the sender's zone, else UTC, which is a guess."""

    message_offset: tzinfo | None = None
    zone: ZoneInfo | None = None


class ReadTime(NamedTuple):
    """A time, if there is one, and the id of what is wrong with it, if anything is."""

    time: Time | None = None
    remark: str = ""
    later: Time | None = None  # the second reading of an ambiguous time
    doubts: tuple[str, ...] = ()  # all that is wrong with it where minutes are to be counted from it


NO_TIME = ReadTime()


@functools.lru_cache(maxsize=32)
def times_by(clock: Clock, marks: Delimiters = USUAL) -> Kept[str, ReadTime]:
    """The times that raw fields hold, read by a clock when they are first asked for, and kept."""

    return Kept(lambda raw: read_time(first_in(raw, marks), clock), 4096)


def read_time(text: str, clock: Clock) -> ReadTime:
    """Read one time. An empty field is neither a time nor a remark."""
    text = text.strip()
    if not text:
        return NO_TIME
    found = _usual(text) or _read(text, clock)
    doubts = [found.remark] if found.remark else []
    if found.time is not None and found.time.precision not in TO_THE_MINUTE:
        doubts.append(TOO_COARSE)
    return found._replace(doubts=tuple(doubts)) if doubts else found


def _read(text: str, clock: Clock) -> ReadTime:
    found = _DTM.fullmatch(text) or _ISO.fullmatch(text)
    if not found:
        return ReadTime(remark=UNREADABLE)
    *numbers, fraction, offset = found.groups()
    try:
        wall = _wall_time([int(number) for number in numbers if number is not None], fraction)
        own = _offset(offset) if offset else None
    except ValueError:
        return ReadTime(remark=UNREADABLE)
    count = sum(number is not None for number in numbers) + (fraction is not None)
    return _placed(wall, _PRECISIONS[count - 1], own, clock)


def _usual(text: str) -> ReadTime | None:
    """The commonest form of all, YYYYMMDDHHMMSS+ZZZZ, by the standard library alone; None for every other."""
    if len(text) != 19 or text[14] not in "+-" or not (text.isascii() and text[:14].isdigit() and text[15:].isdigit()):
        return None
    try:
        wall = datetime.fromisoformat(f"{text[:8]}T{text[8:14]}")
        offset = _offset(text[14:])
    except ValueError:
        return None
    return ReadTime(Time(wall.replace(tzinfo=offset), "second", "field")) if wall.year in _YEARS else None


def _wall_time(numbers: list[int], fraction: str | None) -> datetime:
    """What the wall clock showed. Hour 24 is the next midnight, second 60 the next minute's first.

    Raises:
        ValueError: there is no such moment.
    """
    year, month, day, hour, minute, second = (*numbers, *(0, 1, 1, 0, 0, 0)[len(numbers) :])
    if year not in _YEARS or (hour == 24 and (minute or second or fraction)):
        raise ValueError("no such time")
    later = timedelta(days=hour == 24, seconds=second == 60)
    microsecond = int(float(fraction) * 1_000_000) if fraction else 0
    moment = datetime(  # noqa: DTZ001 - a wall clock; its zone comes after
        year, month, day, 0 if hour == 24 else hour, minute, 59 if second == 60 else second, microsecond
    )
    return moment + later


@kept(256)
def _offset(text: str) -> timezone:
    """`-500` is five hours, as HL7's own examples have it; `-0000` is UTC. Kept: times of one zone compare quickly.

    Raises:
        ValueError: no place on earth has that offset.
    """
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:-2]), int(digits[-2:])
    size = timedelta(hours=hours, minutes=minutes)
    if minutes >= 60 or size > _OFFSET_MAX:
        raise ValueError("no such offset")
    return timezone(-size if text[0] == "-" else size)


def _placed(wall: datetime, precision: str, own: timezone | None, clock: Clock) -> ReadTime:
    """Give the wall time its offset. The result has a fixed one, so that differences are true minutes."""
    if own is not None:
        return ReadTime(Time(wall.replace(tzinfo=own), precision, "field"))
    if clock.message_offset is not None:
        return ReadTime(Time(wall.replace(tzinfo=clock.message_offset), precision, "message"))
    if clock.zone is None:
        return ReadTime(Time(wall.replace(tzinfo=UTC), precision, "assumed"))
    earlier, later = (wall.replace(tzinfo=clock.zone, fold=fold) for fold in (0, 1))
    first, second = earlier.utcoffset() or timedelta(0), later.utcoffset() or timedelta(0)
    remark = ""
    if first != second and precision in TO_THE_MINUTE:
        # The clock went back: it showed this twice, and the greater offset is the earlier. Else it never showed it.
        remark = AMBIGUOUS if first > second else NONEXISTENT
    time, again = (Time(wall.replace(tzinfo=_fixed(offset)), precision, "sender") for offset in (first, second))
    return ReadTime(time, remark, again if remark == AMBIGUOUS else None)


def message_clock(header_time: str, zone: ZoneInfo | None, marks: Delimiters = USUAL) -> tuple[Clock, ReadTime]:
    """The clock of a message and its own time (MSH-7, raw)."""
    clock = _clock(None, zone)
    known = times_by(clock, marks)
    own = known.get(header_time) or known[header_time]
    if own.time is not None and own.time.offset_from == "field":
        clock = _clock(own.time.at.tzinfo, zone)
    return clock, own


_clock = functools.lru_cache(maxsize=64)(Clock)


_fixed = functools.lru_cache(maxsize=64)(timezone)
