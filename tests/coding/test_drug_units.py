"""Billing units of drug lines: edge case 25 and its neighbours."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from coding import Measure, Setting, code_encounter, default_formulary, load_policy
from coding.drug_units import billing_units, discount_modifiers, given_modifiers, smallest_opened, wasted_units
from tests.coding import build

TODAY = date(2025, 1, 6)
MEDICARE = load_policy(Setting.FACILITY, "medicare")


def units(dose, unit, opened, day=TODAY, policy=MEDICARE):
    """Units given, their modifiers, units wasted."""
    (wasted,) = wasted_units([(Decimal(dose), Decimal(opened))], Decimal(unit))
    modifiers = given_modifiers(wasted, day, policy, is_emptied=Decimal(opened) == Decimal(dose))
    return billing_units([Decimal(dose)], Decimal(unit)), modifiers, wasted


def test_305_mg_out_of_four_vials_of_100_mg():
    assert units("305", "10", "400") == (31, (), 9)


def test_what_rounding_up_the_dose_has_used_is_not_billed_as_waste():
    assert wasted_units([(Decimal("95.5"), Decimal("105.5"))], Decimal(10)) == [0]


def test_nothing_discarded_says_so():
    assert units("400", "10", "400") == (40, ("JZ",), 0)


def test_before_the_modifier_it_did_not():
    assert units("400", "10", "400", date(2023, 6, 30)) == (40, (), 0)


def test_small_doses_units_and_containers_are_counted_too():
    assert units("0.5", "0.5", "1") == (1, (), 1)
    assert smallest_opened(Decimal("0.5"), [Decimal("0.4")]) == Decimal("0.8")


def test_nothing_wasted_says_so_also_where_one_unit_that_covers_waste_is_silent():
    silent = load_policy(Setting.FACILITY, "medicare", {"zero_waste_unit_mod": "none"})
    assert units("400", "10", "400", policy=silent) == (40, ("JZ",), 0)


def test_one_unit_that_covers_dose_and_waste_is_one_line():
    silent = load_policy(Setting.FACILITY, "medicare", {"zero_waste_unit_mod": "none"})
    assert units("75", "100", "100") == (1, ("JZ",), 0)
    assert units("75", "100", "100", policy=silent) == (1, (), 0)


@pytest.mark.parametrize(("doses", "expected"), [(["305"], 31), (["300"], 30), (["155", "150"], 31), (["0.5"], 1)])
def test_doses_of_a_date_are_added_then_rounded_up_once(doses, expected):
    assert billing_units(map(Decimal, doses), Decimal(10)) == expected


@pytest.mark.parametrize(
    ("dose", "sizes", "opened"),
    [
        ("300", ["100", "400"], "300"),
        ("240", ["100", "250"], "250"),
        ("305", ["100", "400"], "400"),
        ("450", ["400"], "800"),
    ],
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


AMOUNTS = st.decimals(Decimal("0.01"), Decimal(2000), places=2)
UNITS = st.sampled_from([Decimal(text) for text in ("0.1", "1", "10", "50", "250", "1000")])
SIZES = st.lists(st.sampled_from([Decimal(text) for text in ("10", "100", "250", "400")]), min_size=1, max_size=3)


@given(doses=st.lists(AMOUNTS, min_size=1, max_size=6), unit=UNITS)
def test_units_of_a_date_cover_what_was_given_and_less_than_one_unit_more(doses, unit):
    total = billing_units(doses, unit)
    assert total * unit >= sum(doses) > (total - 1) * unit
    assert total <= sum(billing_units([dose], unit) for dose in doses)  # rounded once, never more than rounded each


@given(dose=AMOUNTS, unit=UNITS, sizes=SIZES)
def test_given_and_discarded_are_what_was_opened_within_a_unit(dose, unit, sizes):
    opened = smallest_opened(dose, sizes)
    (wasted,) = wasted_units([(dose, opened)], unit)
    billed = (billing_units([dose], unit) + wasted) * unit
    assert wasted >= 0
    assert opened - unit < billed < max(opened, dose + unit) + unit
    assert wasted == 0 or billed <= opened  # never more than the containers held
    assert bool(given_modifiers(wasted, TODAY, MEDICARE, is_emptied=opened == dose)) == (wasted == 0)


@given(amounts=st.lists(st.tuples(AMOUNTS, st.just(Decimal(0)) | AMOUNTS), min_size=1, max_size=4), unit=UNITS)
def test_units_wasted_of_several_kinds_of_containers_are_those_of_all_together(amounts, unit):
    opened = [(dose, dose + waste) for dose, waste in amounts]
    found = wasted_units(opened, unit)
    assert [sum(found)] == wasted_units([tuple(map(sum, zip(*opened, strict=True)))], unit)
    assert min(found) >= 0
    assert not any(units for units, (_, waste) in zip(found, amounts, strict=True) if not waste)


@given(dose=AMOUNTS, sizes=SIZES)
def test_the_containers_cover_the_dose_and_one_less_would_not(dose, sizes):
    opened = smallest_opened(dose, sizes)
    assert dose <= opened < dose + min(sizes)


COLUMNS = "code,coding_system,name,drug_class,hcpcs,hcpcs_unit,package,single_dose"


@given(
    doses=st.lists(st.tuples(AMOUNTS, st.booleans()), min_size=1, max_size=4),
    unit=st.sampled_from(["1 mg", "10 mg", "100 mg"]),
    package=st.sampled_from(["100 mg", "50 mg|100 mg"]),
    order=st.randoms(use_true_random=False),
)
def test_the_lines_of_a_drug_and_date_add_up(doses, unit, package, order):
    formulary = default_formulary().with_site_rows(
        f"{COLUMNS}\nX,L,infliximab,therapeutic,J1745,{unit},{package},yes", "f.csv"
    )
    sizes, size = [Decimal(text.removesuffix(" mg")) for text in package.split("|")], Decimal(unit.removesuffix(" mg"))
    opened = [smallest_opened(dose, sizes) for dose, _ in doses]
    ones = []
    for place, (dose, is_charted) in enumerate(doses):
        words = (f"a{place}", "infliximab", "push", "L-AC", f"{8 + place}:00", f"dose={dose}_mg")
        waste = Measure(opened[place] - dose, "mg") if is_charted else None
        ones.append(replace(build.administration(*words), waste=waste))
    coded = code_encounter(build.encounter(ones), MEDICARE, formulary)
    order.shuffle(ones)
    assert code_encounter(build.encounter(ones), MEDICARE, formulary) == coded
    drug = [line for line in coded.lines if line.billed]
    units = {bool(line.billed.waste.amount): line.units for line in drug}
    assert len(units) == len(drug)
    given_amount = sum(dose for dose, _ in doses)
    assert units[False] == billing_units([given_amount], size)
    assert units.get(True, 0) * size <= sum(opened) - given_amount
    undocumented = any(dose != held and not is_charted for (dose, is_charted), held in zip(doses, opened, strict=True))
    assert {line.status.value == "hold" for line in drug} == {undocumented}
    links = tuple(line.claim_line_id for line in drug)
    assert all(line.drug_line_ids == links for line in coded.lines if not line.billed)
