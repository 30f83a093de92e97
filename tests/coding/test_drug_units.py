"""Billing units of drug lines: edge case 25 and its neighbours."""

from datetime import date
from decimal import Decimal

import pytest

from coding import Setting, load_policy
from coding.drug_units import billing_units, discount_modifiers, smallest_opened, units_given_and_wasted

TODAY = date(2025, 1, 6)
MEDICARE = load_policy(Setting.FACILITY, "medicare")


def units(dose, unit, opened, day=TODAY, policy=MEDICARE):
    found = units_given_and_wasted(Decimal(dose), Decimal(unit), Decimal(opened), day, policy)
    return found.units, found.modifiers, found.wasted_units, found.wasted_modifiers


def test_305_mg_out_of_four_vials_of_100_mg():
    assert units("305", "10", "400") == (31, (), 9, ("JW",))


def test_nothing_discarded_says_so():
    assert units("400", "10", "400") == (40, ("JZ",), 0, ())


def test_before_the_modifier_it_did_not():
    assert units("400", "10", "400", date(2023, 6, 30)) == (40, (), 0, ())


def test_one_unit_that_covers_dose_and_waste_is_one_line():
    silent = load_policy(Setting.FACILITY, "medicare", {"zero_waste_unit_mod": "none"})
    assert units("75", "100", "100") == (1, ("JZ",), 0, ())
    assert units("75", "100", "100", policy=silent) == (1, (), 0, ())


@pytest.mark.parametrize(("doses", "expected"), [(["305"], 31), (["300"], 30), (["155", "150"], 31), (["0.5"], 1)])
def test_doses_of_a_date_are_added_then_rounded_up_once(doses, expected):
    assert billing_units(map(Decimal, doses), Decimal(10)) == expected


@pytest.mark.parametrize(
    ("dose", "sizes", "opened"),
    [("300", ["100", "400"], "300"), ("305", ["100", "400"], "400"), ("450", ["400"], "800")],
)
def test_the_smallest_choice_of_containers_counts(dose, sizes, opened):
    assert smallest_opened(Decimal(dose), map(Decimal, sizes)) == Decimal(opened)


@pytest.mark.parametrize(
    ("policy", "before", "in_2024", "since_2025"),
    [
        ("TB", (), ("TB",), ("TB",)),
        ("by_entity", (), ("JG",), ("TB",)),
        ("JG", (), ("JG",), ("JG",)),
        ("none", (), (), ()),
    ],
)
def test_the_modifier_of_discounted_drugs_is_the_entitys_and_the_dates(policy, before, in_2024, since_2025):
    switches = load_policy(Setting.FACILITY, "medicare", {"mod_340b": policy})
    days = (date(2023, 12, 31), date(2024, 12, 31), date(2025, 1, 1))
    assert tuple(discount_modifiers(day, switches) for day in days) == (before, in_2024, since_2025)
