"""Numbers, rates and durations: read as meant, or not at all."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7_parsers import er7, fields
from hl7_parsers.events import Code, Quantity
from tests.hl7_parsers.samples import MSH, message


@pytest.mark.parametrize(("text", "amount"), [("1", "1"), ("0.5", "0.5"), (".5", "0.5"), ("2.", "2"), ("+3", "3")])
def test_a_plain_number_is_read(text: str, amount: str) -> None:
    assert fields.number(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text", ["", "0-50", "1,5", "-1", "1e3", "1 g", "NaN", "Infinity", "one", "٣", "1" * 16, "1..2"]
)
def test_anything_else_is_no_number(text: str) -> None:
    assert fields.number(text) is None


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("100 mL/hr", "100", "mL/hr"),
        ("102ml/hr", "102", "ml/hr"),
        ("12.5mL/h", "12.5", "mL/h"),
        ("0.05 mcg/kg/min", "0.05", "mcg/kg/min"),
        ("1000 units/hr", "1000", "units/hr"),
        (" 5 mg / min ".strip(), "5", "mg / min"),
    ],
)
def test_a_rate_is_a_number_per_time(text: str, amount: str, unit: str) -> None:
    assert fields.rate(text) == Quantity(Decimal(amount), unit)


@pytest.mark.parametrize("text", ["", "H", "hr", "100", "100 mL", "100 mg/kg", "10-20 mL/hr", "mL/hr", "/hr", "5 /hr"])
def test_what_is_not_per_time_is_no_rate(text: str) -> None:
    assert fields.rate(text) is None


@pytest.mark.parametrize(
    ("amount", "unit", "minutes"),
    [
        ("M30", "", 30),
        ("M30.000000", "", 30),
        ("H1.500000", "", 90),
        ("h2", "", 120),
        ("S90", "", 2),
        ("D1", "", 1440),
        ("60", "min", 60),
        ("1.5", "hr", 90),
        ("2", "Hours", 120),
        ("H", "", None),
        ("", "min", None),
        ("60", "", None),
        ("60", "mL", None),
        ("M0", "", None),
        ("W1", "", None),
        ("-5", "min", None),
    ],
)
def test_a_duration_is_whole_minutes(amount: str, unit: str, minutes: int | None) -> None:
    assert fields.minutes(amount, unit) == minutes


def test_a_coded_element_has_an_alternate() -> None:
    segment = fields_of("A1^DRUG \\T\\ CO^L^00000000001^ALT^NDC~B2^OTHER")
    assert fields.codes(segment, 1) == (Code("A1", "DRUG & CO", "L"), Code("00000000001", "ALT", "NDC"))
    assert fields.codes(fields_of("^^^X1^ALONE^NDC"), 1) == (Code("X1", "ALONE", "NDC"), Code())
    assert fields.codes(fields_of('""^text'), 1) == (Code("", "text"), Code())


def test_a_unit_is_its_identifier_unless_that_is_a_number() -> None:
    assert fields.unit(fields_of("g^gram^UCUM"), 1) == "g"
    assert fields.unit(fields_of("^millilitre"), 1) == "millilitre"
    assert fields.unit(fields_of("1^dose"), 1) == "dose"


@given(st.text(max_size=20), st.text(max_size=10))
def test_no_text_is_too_odd(text: str, unit: str) -> None:
    assert (fields.number(text) or 0) >= 0
    for found in (fields.rate(text), fields.number_with_unit(text)):
        assert found is None or (found.amount >= 0 and found.unit)
    assert (fields.minutes(text, unit) or 1) > 0


def fields_of(field: str) -> er7.Segment:
    segment = er7.read(message(MSH, f"ZZZ|{field}")).first("ZZZ")
    assert segment is not None
    return segment
