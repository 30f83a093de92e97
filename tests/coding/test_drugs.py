"""The drug dictionary: names as they come from pharmacies, and a site's own rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coding import Drug, DrugClass, FormularyError, default_formulary
from coding.drugs import ingredient_name, name_keys

BUILT_IN = default_formulary()
HEAD = "code,coding_system,name,drug_class"


def named(name: str) -> Drug:
    return Drug("", "", name)


@pytest.mark.parametrize(
    ("name", "ingredient"),
    [
        ("Rocephin", "ceftriaxone"),
        ("cefTRIAXone 1 g IVPB", "ceftriaxone"),
        ("ceftriaxone sodium 2 gm in sodium chloride 0.9% 50 mL", "ceftriaxone"),
        ("Vancomycin HCl 1,250 mg/250 mL NS premix", "vancomycin"),
        ("rituximab-abbs 679 mg", "rituximab"),
        ("infliximab-dyyb", "infliximab"),
        ("Ruxience (rituximab-pvvr) vial", "rituximab"),
        ("morphine sulfate injection 4 mg/mL", "morphine"),
        ("heparin sodium,porcine 25,000 units in D5W 250 mL", "heparin"),
        ("fluorouracil bolus", "fluorouracil"),
        ("5-FU", "fluorouracil"),
        ("leucovorin (folinic acid)", "leucovorin"),
        ("iron dextran 25 mg test dose", "iron dextran"),
        ("fulvestrant, first syringe", "fulvestrant"),
        ("Sodium Chloride 0.9 % 1000 mL", "sodium chloride 0.9%"),
        ("NS", "sodium chloride 0.9%"),
        ("sodium chloride 3%", "sodium chloride 3%"),
        ("D5W", "dextrose 5%"),
        ("dextrose 50% syringe", "dextrose 50%"),
        ("albumin human 25%", "albumin"),
        ("pegfilgrastim on-body injector", "pegfilgrastim"),
        ("potassium chloride 20 mEq/100 mL", "potassium chloride"),
        ("piperacillin sodium/tazobactam sodium 4.5 g", "piperacillin-tazobactam"),
        ("Lactated Ringer's 1 L bolus", "lactated ringer's"),
    ],
)
def test_a_pharmacy_name_is_known_by_its_ingredient(name, ingredient):
    product = BUILT_IN.find(named(name))
    assert product is not None
    assert product.ingredient == ingredient


@pytest.mark.parametrize(
    ("name", "drug_class"),
    [
        ("paclitaxel", "chemotherapy"),
        ("Taxol", "chemotherapy"),
        ("Lupron Depot", "hormonal_antineoplastic"),
        ("Remicade", "complex_biologic"),
        ("ondansetron", "therapeutic"),
        ("lactated ringers", "hydration"),
        ("Fluzone", "vaccine"),
        ("packed red blood cells", "blood_product"),
        ("heparin flush", "flush"),
        ("Omnipaque", "contrast"),
        ("propofol", "sedation"),
        ("TPN", "nutrition"),
        ("Ozempic", "self_administered"),
        ("pump disconnect", "other"),
    ],
)
def test_every_class_is_known_by_a_usual_name(name, drug_class):
    assert BUILT_IN.find(named(name)).drug_class == DrugClass(drug_class)


def test_the_dictionary_knows_four_hundred_products_and_more():
    products = {p.ingredient for p in BUILT_IN.shelves[0].by_name.values() if p}
    assert len(products) >= 400


def test_a_drug_is_known_by_its_hcpcs_code():
    assert BUILT_IN.find(Drug("J0696", "HCPCS", "")).ingredient == "ceftriaxone"


def test_a_drug_nobody_knows_is_not_guessed():
    assert BUILT_IN.find(named("zzz-unheard-of")) is None
    assert BUILT_IN.find(Drug("", "", "")) is None


def test_a_site_row_wins_by_code_then_by_name():
    rows = f"{HEAD}\n123,NDC,zzz-unheard-of,chemotherapy\n,,ceftriaxone,other\n456,NDC,ceftriaxone,hydration\n"
    site = BUILT_IN.with_site_rows(rows, "f.csv")
    assert site.find(Drug("123", "ndc", "something else")).drug_class is DrugClass.CHEMOTHERAPY
    assert site.find(named("zzz-unheard-of 5 mg")).drug_class is DrugClass.CHEMOTHERAPY
    assert site.find(Drug("456", "NDC", "ceftriaxone")).drug_class is DrugClass.HYDRATION
    assert site.find(named("vancomycin")).drug_class is DrugClass.THERAPEUTIC


def test_a_site_row_keeps_what_the_dictionary_knows_besides():
    site = BUILT_IN.with_site_rows(f"{HEAD}\n9,L,Rocephin 1 g,therapeutic\n", "f.csv")
    assert site.find(Drug("9", "L", "")).ingredient == "ceftriaxone"


def test_a_site_may_say_more_columns():
    rows = f"{HEAD},ingredient,hcpcs,resource_rank,tag,package\n9,L,Mix 7,therapeutic,cefazolin,J0690,3,x,vial\n"
    product = BUILT_IN.with_site_rows(rows, "f.csv").find(Drug("9", "L", ""))
    assert (product.ingredient, product.hcpcs, product.resource_rank, product.tag) == ("cefazolin", "J0690", 3, "x")


def test_a_shortened_name_of_two_classes_decides_nothing():
    rows = f"{HEAD}\n,,zzz 1 mg,therapeutic\n,,zzz 2 mg,chemotherapy\n"
    site = BUILT_IN.with_site_rows(rows, "f.csv")
    assert site.find(named("zzz 1 mg")).drug_class is DrugClass.THERAPEUTIC
    assert site.find(named("zzz 2 mg")).drug_class is DrugClass.CHEMOTHERAPY
    assert site.find(named("zzz 3 mg")) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("code,name\n", r"f\.csv: line 1: needs the columns .*lacks coding_system, drug_class"),
        ("", r"f\.csv: line 1: needs the columns"),
        (f"{HEAD}\n1,NDC,x,therapeutic\n2,NDC,y,antibiotic\n", r"f\.csv: line 3: no drug_class 'antibiotic'; one of"),
        (f"{HEAD}\n,NDC,,therapeutic\n", r"f\.csv: line 2: needs a code or a name"),
        (f"{HEAD}\n1,NDC,a,b,therapeutic\n", r"f\.csv: line 2: more fields than the header"),
        (f"{HEAD},resource_rank\n1,NDC,a,therapeutic,high\n", r"f\.csv: line 2: resource_rank must be"),
    ],
)
def test_a_dictionary_that_cannot_be_read_names_the_line(text, said):
    with pytest.raises(FormularyError, match=said):
        BUILT_IN.with_site_rows(text, "f.csv")


def test_blank_rows_and_a_byte_order_mark_do_not_matter():
    site = BUILT_IN.with_site_rows(f"\ufeff{HEAD}\n\n1,NDC,zzz,vaccine\n,,,\n", "f.csv")
    assert site.find(Drug("1", "NDC", "")).drug_class is DrugClass.VACCINE


@given(name=st.text(max_size=40))
def test_any_name_has_an_ingredient_and_keys(name):
    assert ingredient_name(name) or not name.strip()
    assert name_keys(name)
    BUILT_IN.find(named(name))


def test_drugs_that_differ_by_a_letter_are_different():
    assert ingredient_name("drug A 5 mg") != ingredient_name("drug B 5 mg")
