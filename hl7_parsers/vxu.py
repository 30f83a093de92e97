"""VXU: vaccines. The rows of an immunisation record that say what was given here; what was only told is not ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import msgspec

from hl7_parsers.er7 import Er7, Segment, value_in
from hl7_parsers.events import AdministrationEvent, Remark
from hl7_parsers.fields import at
from hl7_parsers.header import Times
from hl7_parsers.profile import SenderProfile
from hl7_parsers.ras import read_administrations

_HISTORY = frozenset({"01", "02", "03", "04", "05", "06", "07", "08"})  # NIP001, RXA-9: told by somebody else
_NO_VACCINE = frozenset({"998", "999"})  # CVX: none was given, unknown
_NOT_KNOWN = "999"  # RXA-6: the amount is not known, which is no fault


def read_vaccines(message: Er7, times: Times, profile: SenderProfile) -> list[AdministrationEvent]:
    """The vaccines that were given or refused here; what was given elsewhere or not at all is remarked on.

    Rows of one moment are two vaccines, never a mixture.
    """
    by_place = {f"RXA[{rxa.number}]": rxa for rxa in message.all("RXA")}
    return list(_ours(read_administrations(message, times, _each_alone(profile)), by_place, times))


def _each_alone(profile: SenderProfile) -> SenderProfile:
    return profile if profile.ingredients == "rows" else replace(profile, ingredients="rows")


def _ours(
    found: list[AdministrationEvent], by_place: dict[str, Segment], times: Times
) -> Iterator[AdministrationEvent]:
    for event in found:
        place = event.places.get("drug", "") or event.places.get("at", "")
        rxa = by_place.get(place.partition("-")[0])
        if rxa is None:
            yield event
        elif reason := _why_not_ours(rxa):
            times.remarks.append(Remark(reason, at(rxa, 9 if reason == "VACCINE_HISTORY" else 5)))
        else:
            yield _as_vaccine(event, rxa)


def _as_vaccine(event: AdministrationEvent, rxa: Segment) -> AdministrationEvent:
    """The drug by its CVX code where it has one, which says that it is a vaccine; an amount not known is no fault."""
    if event.alternate.system == "CVX" and event.drug.system != "CVX":
        event = msgspec.structs.replace(event, drug=event.alternate, alternate=event.drug)
    if rxa.text(6) == _NOT_KNOWN:
        remarks = tuple(remark for remark in event.remarks if remark.id != "AMOUNT_UNREADABLE")
        event = msgspec.structs.replace(event, remarks=remarks)
    return event


def _why_not_ours(rxa: Segment) -> str:
    """Why a row is no administration of ours; "" when it is."""
    sources = {value_in(raw, 1, 1, rxa.delimiters) for raw in rxa.repetitions(9)}
    if sources & _HISTORY:
        return "VACCINE_HISTORY"
    return "NO_VACCINE" if rxa.text(5) in _NO_VACCINE and rxa.text(5, 3) == "CVX" else ""
