"""Builds encounters out of words, for scenarios and properties alike."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from coding import (
    Administration,
    Completion,
    Device,
    Drug,
    Encounter,
    Measure,
    Method,
    PatientStatus,
    Route,
    Run,
    StatusChange,
)  # fmt: skip

DAY = date(2025, 1, 6)
WAYS = {  # a way: its route, what was recorded as the method, the device
    "infusion": (Route.INTRAVENOUS, Method.INFUSION, Device.NONE),
    "push": (Route.INTRAVENOUS, Method.PUSH, Device.NONE),
    "iv": (Route.INTRAVENOUS, Method.UNKNOWN, Device.NONE),
    "portable_pump": (Route.INTRAVENOUS, Method.INFUSION, Device.PORTABLE_PUMP),
    "implanted_pump": (Route.INTRAVENOUS, Method.UNKNOWN, Device.IMPLANTED_PUMP),
    "im": (Route.INTRAMUSCULAR, Method.INJECTION, Device.NONE),
    "im_infusion": (Route.INTRAMUSCULAR, Method.INFUSION, Device.NONE),
    "sc": (Route.SUBCUTANEOUS, Method.INJECTION, Device.NONE),
    "sc_infusion": (Route.SUBCUTANEOUS, Method.INFUSION, Device.NONE),
    "sc_pump": (Route.SUBCUTANEOUS, Method.UNKNOWN, Device.PUMP),
    "on_body": (Route.SUBCUTANEOUS, Method.INJECTION, Device.ON_BODY_INJECTOR),
    "ia_push": (Route.INTRA_ARTERIAL, Method.PUSH, Device.NONE),
    "ia_infusion": (Route.INTRA_ARTERIAL, Method.INFUSION, Device.NONE),
    "ia_pump": (Route.INTRA_ARTERIAL, Method.INFUSION, Device.PORTABLE_PUMP),
    "unknown": (Route.UNKNOWN, Method.UNKNOWN, Device.NONE),
} | {
    route.value: (route, Method.UNKNOWN, Device.NONE)
    for route in (
        Route.SUBCUTANEOUS, Route.INTRA_ARTERIAL, Route.INTRATHECAL, Route.INTRAVENTRICULAR, Route.INTRAPLEURAL,
        Route.INTRAPERITONEAL, Route.INTRALESIONAL, Route.INTRADERMAL, Route.EPIDURAL, Route.ORAL, Route.OTHER,
    )
}  # fmt: skip
TEXTS = {"order_text", "indication", "second_site_reason"}


def at(clock: str, day: date = DAY) -> datetime | None:
    """The moment of hh:mm or hh:mm:ss; hours past 24 are the next day's, "-" is not documented."""
    if clock == "-":
        return None
    hours, minutes, *seconds = map(int, clock.split(":"))
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return midnight + timedelta(hours=hours, minutes=minutes, seconds=sum(seconds))


def administration(name: str, drug: str, way: str, site: str, *rest: str, day: date = DAY) -> Administration:
    """One administration out of words: drugs of one bag joined by "+", pairs of times, fields as name=value."""
    clocks = [word for word in rest if "=" not in word]
    clocks += ["-"] * (len(clocks) % 2)
    runs = tuple(Run(at(a, day), at(b, day)) for a, b in zip(clocks[::2], clocks[1::2], strict=True))
    route, method, device = WAYS[way]
    drugs = tuple(Drug("", "", part.replace("_", " ")) for part in drug.split("+"))
    one = Administration(
        administration_id=name,
        drug=drugs[0],
        components=drugs if len(drugs) > 1 else (),
        route=route,
        method=method,
        device=device,
        access_site=site.replace("_", " ").strip("-"),
        runs=runs,
        indication="charted",
        message_control_ids=(f"M-{name}",),
    )
    words = [word for word in rest if "=" in word]
    doses = [measure(word.removeprefix("dose=")) for word in words if word.startswith("dose=")]
    fields = dict(_field(word, day) for word in words if not word.startswith("dose="))
    fields |= {key: value for dose in doses for key, value in (("dose_amount", dose.amount), ("dose_unit", dose.unit))}
    return replace(one, **fields)


def _field(word: str, day: date) -> tuple[str, object]:
    name, value = word.split("=", 1)
    if name == "waste":
        return name, measure(value)
    if name == "component_doses":
        return name, tuple(None if text == "-" else measure(text) for text in value.split(","))
    if name in TEXTS:
        return name, value.replace("_", " ")
    return name, {
        "drug": lambda text: Drug("", "", text.replace("_", " ")),
        "dose_amount": Decimal,
        "volume_ml": Decimal,
        "rate_ml_per_hour": Decimal,
        "ordered_minutes": int,
        "pump_minutes": int,
        "has_order": "yes".__eq__,
        "remarks": lambda text: tuple(text.split(",")),
        "charted_at": lambda text: at(text, day),
        "completion": Completion,
    }.get(name, str)(value)


def measure(text: str) -> Measure:
    """An amount and its unit: "95_mg"."""
    amount, _, unit = text.partition("_")
    return Measure(Decimal(amount), unit.replace("_", " "))


def encounter(
    given: Iterable[Administration], words: Iterable[str] = (), day: date = DAY, **fields: object
) -> Encounter:
    """An encounter of administrations; words are arrived=, departed=, inpatient=, outpatient= and fields by name."""
    changes = []
    for name, value in (word.split("=", 1) for word in words):
        if name in {"inpatient", "outpatient"}:
            changes.append(StatusChange(at(value, day), PatientStatus(name)))
        else:
            special = {"arrived_at": lambda v: at(v, day), "departed_at": lambda v: at(v, day), "is_cancelled": bool,
                       "remarks": lambda v: tuple(v.split(","))}  # fmt: skip
            fields[name] = special.get(name, str)(value)
    return Encounter(
        encounter_id="E-SYN", patient_id="P-SYN", administrations=tuple(given), status_changes=tuple(changes), **fields
    )
