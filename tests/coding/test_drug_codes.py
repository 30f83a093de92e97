"""Codes of drugs: the same code by another name of its system, other groups of digits, or beside another."""

import pytest

from coding import Drug, default_formulary
from coding.drug_codes import code_key

HEAD = "code,coding_system,name,drug_class"
ROWS = f"{HEAD}\n00409-4777-02,NDC,zzz one,chemotherapy\n4777,LOCAL,zzz two,hydration\n88,,zzz three,vaccine\n"
SITE = default_formulary().with_site_rows(ROWS, "f.csv")


@pytest.mark.parametrize("code", ["00409-4777-02", "00409477702", "0409-4777-02"])
def test_an_ndc_has_one_key_however_its_digits_are_grouped(code):
    assert code_key("NDC", code) == ("ndc", "00409477702")


@pytest.mark.parametrize(("code", "key"), [("11112-333-44", "11112033344"), ("11112-3333-4", "11112333304")])
def test_an_ndc_of_ten_digits_is_filled_where_a_digit_lacks(code, key):
    assert code_key("NDC", code) == ("ndc", key)


@pytest.mark.parametrize(
    ("drug", "name"),
    [
        (Drug("0409-4777-02", "NDC", ""), "zzz one"),
        (Drug("00409477702", "N", "something else"), "zzz one"),
        (Drug("7", "99X", "", "00409477702", "NDC"), "zzz one"),
        (Drug("7", "99X", "", "4777", "LOCAL"), "zzz two"),
        (Drug("4777", "", ""), "zzz two"),
        (Drug("88", "ANY", ""), "zzz three"),
        (Drug("88", "", ""), "zzz three"),
        (Drug("J0696", "HPC", ""), "ceftriaxone"),
        (Drug("Rocephin 1 g", "", ""), "ceftriaxone"),
    ],
)
def test_a_drug_is_found_by_its_code(drug, name):
    assert SITE.find(drug).name == name


@pytest.mark.parametrize(
    "drug", [Drug("4777", "99X", ""), Drug("04777", "LOCAL", ""), Drug("8", "99X", "", "9", "99Y")]
)
def test_a_code_of_another_system_is_not_taken(drug):
    assert SITE.find(drug) is None


def test_a_code_that_means_two_drugs_is_not_taken_without_its_system():
    rows = f"{HEAD}\n5,A,ceftriaxone,therapeutic\n5,B,cisplatin,chemotherapy\n"
    site = default_formulary().with_site_rows(rows, "f.csv")
    assert site.find(Drug("5", "", "")) is None
    assert site.find(Drug("5", "B", "")).ingredient == "cisplatin"
