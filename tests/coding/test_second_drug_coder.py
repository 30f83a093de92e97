"""The lines of drugs against a second coder that shares no code with the engine."""

from collections import Counter
from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from coding import Measure, Setting, Status, code_encounter, default_formulary, load_policy
from tests.coding import build, second_drug_coder
from tests.coding.second_drug_coder import Dose, Product

COLUMNS = "code,coding_system,name,drug_class,hcpcs,hcpcs_unit,package,single_dose,packaged,discounted_340b"
DAYS = [date(2023, 6, 30), date(2023, 7, 1), date(2023, 12, 31), date(2024, 1, 1), date(2024, 12, 31), date(2025, 1, 1)]
MILLIGRAMS = {"mcg": Fraction(1, 1000), "mg": Fraction(1), "g": Fraction(1000)}
AMOUNTS = st.sampled_from([5, 12, 25, 50, 75, 99, 100, 101, 150, 250, 305, 400, 750]).map(Fraction)
PRODUCTS = st.builds(
    Product,
    st.sampled_from([Fraction(1, 2), *map(Fraction, (1, 10, 25, 100, 250))]),
    st.sampled_from([(), (100,), (100, 400), (50, 75), (1000,), (40, 60, 100)]).map(lambda c: tuple(map(Fraction, c))),
    st.sampled_from([True, True, False]),
    st.sampled_from([False, False, True]),
    st.booleans(),
)
DOSES = st.lists(
    st.tuples(
        st.builds(Dose, st.none() | AMOUNTS, st.one_of(st.none(), st.just(Fraction(0)), AMOUNTS, st.just("rest"))),
        st.sampled_from(sorted(MILLIGRAMS)),
    ),
    min_size=1,
    max_size=5,
)
SWITCHES = st.fixed_dictionaries(
    {
        "waste_modifiers": st.sampled_from(["medicare", "always", "never"]),
        "zero_waste_unit_mod": st.sampled_from(["JZ", "none"]),
        "mod_340b": st.sampled_from(["TB", "by_entity", "JG", "none"]),
    }
)


def measure(milligrams: Fraction, unit: str) -> Measure:
    """An amount in another unit."""
    amount = milligrams / MILLIGRAMS[unit]
    return Measure(Decimal(amount.numerator) / Decimal(amount.denominator), unit)


def with_rest(dose: Dose, drug: Product) -> Dose:
    """A dose whose containers' rest was charted, where that was asked for and they are known."""
    if dose.discarded != "rest":
        return dose
    if dose.given is None or not drug.containers:
        return Dose(dose.given, None)
    return Dose(dose.given, second_drug_coder.least(dose.given, drug.containers) - dose.given)


@settings(max_examples=300)
@given(
    drug=PRODUCTS,
    charted=DOSES,
    day=st.sampled_from(DAYS),
    switches=SWITCHES,
    payer=st.sampled_from(["medicare", "", "Big Plan"]),
)
def test_both_coders_come_to_the_same_units_and_modifiers(drug, charted, day, switches, payer):
    package = "|".join(f"{size} mg" for size in drug.containers)
    flags = ",".join("yes" if flag else "no" for flag in (drug.is_single_dose, drug.is_packaged, drug.is_discounted))
    row = f"X,L,infliximab,therapeutic,J1745,{float(drug.unit)} mg,{package},{flags}"
    formulary = default_formulary().with_site_rows(f"{COLUMNS}\n{row}", "f.csv")
    doses = [(with_rest(dose, drug), unit) for dose, unit in charted]
    ones = []
    for place, (dose, unit) in enumerate(doses):
        one = build.administration(f"a{place}", "infliximab", "push", "L-AC", f"{8 + place}:00", day=day)
        if dose.given is not None:
            amount = measure(dose.given, unit)
            one = replace(one, dose_amount=amount.amount, dose_unit=amount.unit)
        ones.append(replace(one, waste=None if dose.discarded is None else measure(dose.discarded, unit)))
    policy = load_policy(Setting.FACILITY, payer, switches)
    coded = code_encounter(build.encounter(ones, day=day, payer=payer), policy, formulary)
    told = Counter()
    for line in coded.lines:
        if line.billed:
            told[line.modifiers, line.status is Status.HOLD] += line.units
    alone = [dose for dose, _ in doses]
    assert told == second_drug_coder.lines(alone, drug, day, switches, is_medicare=payer in {"", "medicare"})
