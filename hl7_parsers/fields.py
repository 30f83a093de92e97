"""Values of fields: coded elements, numbers with units, rates, durations, and the names of places."""

from __future__ import annotations

import functools
import re
from decimal import Decimal

from hl7_parsers.er7 import Delimiters, Segment, value_in
from hl7_parsers.events import Code, Quantity
from hl7_parsers.keeping import kept
from hl7_parsers.tables import plain

NO_CODE = Code()

_NUMBER = re.compile(r"\+?([0-9]{1,15}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})")
_NUMBER_AND_UNIT = re.compile(r"\+?([0-9]{1,15}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})\s*([^\W\d_].*)")
_TIME_UNITS = {
    **dict.fromkeys(["s", "sec", "secs", "second", "seconds"], Decimal(1) / 60),
    **dict.fromkeys(["m", "min", "mins", "minute", "minutes"], Decimal(1)),
    **dict.fromkeys(["h", "hr", "hrs", "hour", "hours"], Decimal(60)),
    **dict.fromkeys(["d", "day", "days"], Decimal(24 * 60)),
}
# IEEE 11073-10101 to UCUM, for pumps that name a unit in the former alone.
_DEVICE_UNITS = {
    "MDC_DIM_MILLI_L": "mL",
    "MDC_DIM_MILLI_L_PER_HR": "mL/h",
    "MDC_DIM_MILLI_G": "mg",
    "MDC_DIM_MILLI_G_PER_HR": "mg/h",
    "MDC_DIM_MILLI_G_PER_ML": "mg/mL",
    "MDC_DIM_MICRO_G_PER_KG_PER_MIN": "ug/kg/min",
}
_INTERVAL = re.compile(r"([SMHD])([0-9]{1,6}(?:\.[0-9]{1,9})?)", re.IGNORECASE)
_LONGEST = 64  # characters of a number, rate or duration; longer ones are text


@functools.lru_cache(maxsize=1024)
def places(segment: str, number: int, count: int) -> tuple[str, ...]:
    """The names of a segment's fields by their numbers, below `count`."""
    return tuple(f"{segment}[{number}]-{field}" for field in range(count))


def at(segment: Segment, field: int) -> str:
    """The name of a field of this segment, as "RXA[2]-3"."""
    return f"{segment.name}[{segment.number}]-{field}"


def codes(segment: Segment, field: int) -> tuple[Code, Code]:
    """A coded element and its alternate (CWE.1-3 and 4-6) of the first repetition."""
    raw = segment.raw(field)
    return codes_in(raw, segment.delimiters) if raw else (NO_CODE, NO_CODE)


@kept(8192)
def codes_in(raw: str, marks: Delimiters) -> tuple[Code, Code]:
    """A coded element and its alternate, of the first repetition. Kept: a site's drugs, routes and units come again."""
    parts = raw.partition(marks.repetition)[0].split(marks.component, 6)[:6]
    values = [value_in(part, 1, 1, marks) for part in parts] + [""] * (6 - len(parts))
    first, alternate = Code(*values[:3]), Code(*values[3:])
    if not first.id and not first.text and (alternate.id or alternate.text):
        return alternate, NO_CODE
    return first, alternate if alternate.id or alternate.text else NO_CODE


def code(segment: Segment, field: int) -> Code:
    """A coded element without its alternate."""
    return codes(segment, field)[0]


def words(segment: Segment, field: int) -> str:
    """The identifier of a coded element, else its text."""
    found = codes(segment, field)[0]
    return found.id or found.text


def unit(segment: Segment, field: int) -> str:
    """A unit: the identifier, or the text where the identifier is a number or missing."""
    found = codes(segment, field)[0]
    return found.text if found.text and (not found.id or found.id.isdigit()) else found.id


def ucum(segment: Segment, field: int) -> str:
    """A unit that a device gives in its own nomenclature and in UCUM: the latter, before or after the other."""
    units = codes(segment, field)
    found = next((each for each in units if each.system.upper() == "UCUM"), units[0])
    name = found.text if found.text and (not found.id or found.id.isdigit()) else found.id
    return _DEVICE_UNITS.get(name, name)


@kept(4096)
def number(text: str) -> Decimal | None:
    """A plain number; None for ranges, decimal commas, signs, words and everything else."""
    found = _NUMBER.fullmatch(text)
    return Decimal(found[1]) if found else None


def number_with_unit(text: str) -> Quantity | None:
    """A number and its unit in one text, as "20 mEq"."""
    found = _NUMBER_AND_UNIT.fullmatch(text) if len(text) <= _LONGEST else None
    return Quantity(Decimal(found[1]), found[2]) if found else None


def is_time_unit(text: str) -> bool:
    """Whether it is a unit of time alone, as RXA-12 should hold."""
    return plain(text) in _TIME_UNITS


def is_per_time(text: str) -> bool:
    """Whether a unit ends in "/hr", "/min" and the like."""
    above, slash, below = text.rpartition("/")
    return bool(slash and above.strip()) and plain(below) in _TIME_UNITS


@kept(4096)
def rate(text: str) -> Quantity | None:
    """A rate in one text, as "100 mL/hr" or "102ml/h"; None for anything else."""
    found = number_with_unit(text)
    return found if found and is_per_time(found.unit) else None


def per_minute(found: Quantity) -> Decimal | None:
    """How much of its unit a rate gives in a minute; None when it is no rate."""
    above, _, below = found.unit.rpartition("/")
    period = _TIME_UNITS.get(plain(below)) if above.strip() else None
    return found.amount / period if period else None


def minutes(amount: str, unit_text: str = "") -> int | None:
    """Whole minutes of a duration: "H1.5", "M30", or a number with a unit of time."""
    if not amount:
        return None
    found = _INTERVAL.fullmatch(amount)
    if found:
        size, factor = Decimal(found[2]), _TIME_UNITS[found[1].lower()]
    else:
        plain_number, given = number(amount), _TIME_UNITS.get(plain(unit_text))
        if plain_number is None or given is None:
            return None
        size, factor = plain_number, given
    whole = round(size * factor)
    return whole if whole > 0 else None
