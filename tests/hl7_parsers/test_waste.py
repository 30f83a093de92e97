"""Waste out of notes: the words that sites use, and what is no answer."""

from decimal import Decimal

import pytest

from hl7_parsers.events import Quantity
from hl7_parsers.waste import read_waste


@pytest.mark.parametrize(
    "text",
    [
        "waste 95 mg", "WASTE: 95 MG", "Wasted 95mg", "wasted amount: 95 mg",
        "waste amount of 95 mg", "wastage - 95 mg",
        "95 mg wasted", "95 mg was discarded", "discarded 95 mg with RN2", "95 mg of infliximab wasted",
        "given slowly; waste=95 mg witnessed", "waste 95 mg. Waste 95 mg",
    ],
)  # fmt: skip
def test_an_amount_beside_a_word_of_waste_is_read(text):
    waste = read_waste(text)
    assert waste is not None
    assert (waste.amount, waste.unit.casefold()) == (95, "mg")


@pytest.mark.parametrize(
    ("text", "waste"),
    [
        ("wasted 2.5 mL", Quantity(Decimal("2.5"), "mL")),
        ("waste 1,500 units", Quantity(Decimal(1500), "units")),
        ("waste: .5 mg", Quantity(Decimal("0.5"), "mg")),
        ("wasted 2 million units", Quantity(Decimal(2), "million units")),
        ("waste 0 mg", Quantity(Decimal(0), "mg")),
    ],
)
def test_the_amount_and_the_unit_as_written(text, waste):
    assert read_waste(text) == waste


@pytest.mark.parametrize("text", ["no waste", "No drug wasted", "waste: none", "waste: 0", "without wastage"])
def test_nothing_discarded_is_an_answer(text):
    assert read_waste(text) == Quantity(Decimal(0))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "95 mg given",
        "waste witnessed by RN2",
        "wasted 5 mg, wasted 7 mg",
        "do not waste time",
        "discard after 24 h",
    ],
)
def test_a_note_that_tells_no_amount_or_two_is_none(text):
    assert read_waste(text) is None


def test_a_long_note_takes_no_time():
    assert read_waste("waste " * 400 + "1" * 400 + " of " * 400) is None
