"""Units of doses: what converts, what does not, and how a dictionary row is read."""

from decimal import Decimal

import pytest

from coding import Drug, FormularyError, Measure, default_formulary
from coding.billed_drugs import amount_in
from coding.billing import billing_of
from coding.drug_codes import standard_ndc
from coding.measures import in_unit, read_measure, units


def convert(amount, unit, other):
    found = in_unit(Measure(Decimal(amount), unit), other)
    return None if found is None else str(found.normalize())


@pytest.mark.parametrize(
    ("amount", "unit", "other", "found"),
    [
        ("1", "g", "mg", "1E+3"), ("2400", "mcg", "mg", "2.4"), ("0.5", "MG", "µg", "5E+2"), ("1", "L", "cc", "1E+3"),
        ("370", "MBq", "mCi", "1E+1"), ("3", "million units", "units", "3E+6"), ("5", "units", "iu", "5"),
        ("5", "[iU]", "units", "5"), ("2", "vials", "each", "2"),
        ("5", "iu", "usp units", None), ("5", "mg", "mL", None), ("5", "mmol", "meq", None), ("5", "mg/kg", "mg", None),
        ("5", "mL/hr", "mL", None), ("5", "", "mg", None), ("5", "vial", "mg", None),
    ],
)  # fmt: skip
def test_what_measures_the_same_converts_and_nothing_else(amount, unit, other, found):
    assert convert(amount, unit, other) == found


def test_every_word_is_in_small_letters_and_every_ratio_is_positive():
    assert all(word == word.casefold() for word in units())
    assert all(unit.factor > 0 for unit in units().values())


@pytest.mark.parametrize(
    ("text", "measure"),
    [("10 mg", ("10", "mg")), ("0.5mg", ("0.5", "mg")), ("1,000 units", ("1000", "units")), ("10", None), ("mg", None),
     ("0 mg", None), ("10 parsecs", None), ("10 mg/kg", None)],
)  # fmt: skip
def test_a_measure_is_a_number_and_a_known_unit(text, measure):
    found = read_measure(text)
    assert (found and (str(found.amount), found.unit)) == measure


@pytest.mark.parametrize(
    ("text", "eleven"),
    [
        ("50242006001", "50242006001"), ("50242-0060-01", "50242006001"), ("0409-7332-01", "00409733201"),
        ("50242-060-01", "50242006001"), ("50242-0060-1", "50242006001"), (" 50242006001 ", "50242006001"),
        ("0409733201", ""),  # ten digits without groups: where the zero goes is a guess
        ("409-7332-01", ""), ("50242-0060-001", ""), ("5024-2006-1", ""), ("", ""),
    ],
)  # fmt: skip
def test_an_ndc_has_eleven_digits_when_its_groups_tell_where_the_zero_goes(text, eleven):
    assert standard_ndc(text) == eleven


def row(**columns):
    return billing_of(columns, "f.csv: line 2")


def test_a_row_without_code_and_ndc_is_not_billed():
    assert row(hcpcs_unit="10 mg") is None


def test_a_package_with_its_volume_gives_the_concentration():
    billing = row(hcpcs="J9035", hcpcs_unit="10 mg", package="100 mg/4 mL|400 mg/16 mL")
    assert amount_in(Measure(Decimal(8), "mL"), "mg", billing) == 200
    assert amount_in(Measure(Decimal(300), "mg"), "mL", billing) == 12
    assert amount_in(Measure(Decimal(1), "vial"), "mg", billing) is None  # which of the two?


def test_packages_of_different_strength_give_none():
    assert row(hcpcs="J9035", package="100 mg/4 mL|100 mg/2 mL").concentration is None


@pytest.mark.parametrize(("said", "volume"), [("50 mg/2.5 mL", "2.5"), ("50 mg/mL", "1"), ("50 mg/.5 mL", "0.5")])
def test_a_concentration_is_in_a_volume_of_any_size(said, volume):
    _, found = row(hcpcs="J9035", concentration=said).concentration
    assert (str(found.amount), found.unit) == (volume, "mL")


def test_a_mere_vial_says_no_size():
    assert row(hcpcs="J9035", package="vial").packages == ()


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("hcpcs", "JJJ", "hcpcs 'JJJ' is no HCPCS code"), ("hcpcs_unit", "ten", "hcpcs_unit 'ten' must be a number"),
        ("ndc", "123", "ndc '123' must be eleven digits"), ("package", "x mg", "package 'x mg' must be a number"),
        ("concentration", "25 mg", "concentration '25 mg' must be a drug's amount in a volume"),
        ("concentration", "25 mg/", "concentration '25 mg/' must be a drug's amount in a volume"),
        ("concentration", "25 mg/5 mg", "concentration '25 mg/5 mg' must be a drug's amount in a volume"),
        ("single_dose", "maybe", "single_dose 'maybe' must be yes or no"),
        ("ndc_unit", "ML2", "ndc_unit 'ML2' must be one of F2, GR, ME, ML, UN"),
        ("revenue_code", "636", "revenue_code '636' must be four digits"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_used_is_named_with_its_line(column, value, said):
    with pytest.raises(FormularyError, match=r"f\.csv: line 2: ") as caught:
        row(**{"hcpcs": "J9035", column: value})
    assert said in str(caught.value)


def test_two_packages_of_one_name_that_are_billed_otherwise_are_none_by_name():
    text = (
        "code,coding_system,name,drug_class,hcpcs,hcpcs_unit\n"
        "A1,LOCAL,ceftriaxone 1 g,therapeutic,J0696,250 mg\n"
        "A2,LOCAL,ceftriaxone 2 g,therapeutic,J0697,250 mg\n"
    )
    formulary = default_formulary().with_site_rows(text, "f.csv")
    assert formulary.has_billing
    assert formulary.find(Drug("A2", "LOCAL", "")).billing.hcpcs == "J0697"
    assert formulary.find(Drug("", "", "ceftriaxone 2 g")).billing.hcpcs == "J0697"
    assert formulary.find(Drug("", "", "ceftriaxone 500 mg")).billing is None
