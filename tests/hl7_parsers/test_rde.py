"""RDE: what pharmacy encoded, which is planned and never given."""

from decimal import Decimal

import pytest

from hl7_parsers import events, parse_message
from hl7_parsers.events import Event, Quantity
from tests.hl7_parsers.samples import MSH, PID, PV1, RXR, message

HEADER = MSH.replace("RAS^O17^RAS_O17", "RDE^O11^RDE_O11")


def read(*segments: str) -> tuple[Event, ...]:
    return parse_message(message(HEADER, PID, PV1, *segments)).events


def ordered(*segments: str) -> events.DrugOrdered:
    (event,) = read(*segments)
    assert isinstance(event, events.DrugOrdered)
    return event


def rxe(changes: dict[int, str] | None = None) -> str:
    fields = {2: "SYN1^DRUG ONE^99SYN", 3: "1", 5: "g^gram", 22: "M60", 23: "100", 24: "mL/hr"} | (changes or {})
    return "|".join(["RXE", *(fields.get(number, "") for number in range(1, max(fields) + 1))])


def test_an_encoded_order_carries_drug_dose_rate_route_and_minutes() -> None:
    event = ordered("ORC|NW|ORD1^EHR|FIL1^RX|GRP1", rxe({27: "^Infection"}), RXR, "RXC|A|SYN1|1|g", "RXC|B|SYN9|100|mL")
    assert (event.placer, event.filler, event.group, event.control) == ("ORD1", "FIL1", "GRP1", "NW")
    assert (event.drug.id, event.dose) == ("SYN1", Quantity(Decimal(1), "g"))
    assert (event.rate, event.route, event.method) == (Quantity(Decimal(100), "mL/hr"), "intravenous", "infusion")
    assert (event.ordered_minutes, event.indication) == (60, "Infection")
    assert [part.kind for part in event.components] == ["additive", "base"]
    assert event.places["rate"] == "RXE[1]-23"
    assert "device" not in event.places


@pytest.mark.parametrize("control", ["CA", "OC", "DC", "OD", "dc"])
def test_a_cancelled_or_discontinued_order_has_stopped(control: str) -> None:
    (event,) = read(f"ORC|{control}|ORD1|FIL1", rxe())
    assert isinstance(event, events.OrderStopped)
    assert (event.placer, event.filler, event.control) == ("ORD1", "FIL1", control.upper())


def test_a_range_is_no_dose() -> None:
    event = ordered("ORC|NW|ORD1", rxe({3: "1", 4: "2"}))
    assert event.dose is None
    assert [remark.id for remark in event.remarks] == ["AMOUNT_UNREADABLE"]
    assert ordered("ORC|NW|ORD1", rxe({4: "1.0"})).dose == Quantity(Decimal(1), "g")


def test_a_request_alone_is_an_order_too() -> None:
    assert ordered("ORC|NW|ORD1", "RXO|SYN7^DRUG SEVEN|5||mg").drug.id == "SYN7"


def test_encodings_without_an_order_segment_in_between_are_orders_of_their_own() -> None:
    found = read("ORC|NW|ORD1", rxe(), "RXR|IV", rxe({2: "SYN2"}), "RXR|PO")
    assert [event.drug.id for event in found if isinstance(event, events.DrugOrdered)] == ["SYN1", "SYN2"]


@pytest.mark.parametrize(("rate", "unit"), [("100 mL/hr", ""), ("100", "mL/hr")])
def test_a_rate_may_carry_its_unit(rate: str, unit: str) -> None:
    assert ordered("ORC|NW|ORD1", rxe({23: rate, 24: unit})).rate == Quantity(Decimal(100), "mL/hr")


def test_a_number_without_a_time_is_no_rate() -> None:
    assert ordered("ORC|NW|ORD1", rxe({24: "mL"})).rate is None


@pytest.mark.parametrize("kind", ["RDE^O01", "RDE^O25", "RDE", "RDE_O11"])
def test_every_kind_of_encoded_order_is_read(kind: str) -> None:
    header = MSH.replace("RAS^O17^RAS_O17", kind)
    assert parse_message(message(header, PID, "ORC|NW|ORD1", rxe())).events


@pytest.mark.parametrize("kind", ["ORM^O01", "OMP^O09"])
def test_an_order_as_prescribed_is_a_request(kind: str) -> None:
    raw = message(MSH.replace("RAS^O17^RAS_O17", kind), PID, PV1, "ORC|NW|ORD1", "RXO|SYN1^DRUG ONE|5||mg", "RXR|IV")
    (found,) = parse_message(raw).events
    assert isinstance(found, events.DrugOrdered)
    assert (found.is_request, found.drug.id, found.route) == (True, "SYN1", "intravenous")
    encoded = raw.replace(b"RXR|IV", b"RXE||SYN1^DRUG ONE|5||mg\rRXR|IV")
    (found,) = parse_message(encoded).events
    assert isinstance(found, events.DrugOrdered)
    assert not found.is_request
