"""The drug dictionary: names as they come from pharmacies, and a site's own rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coding import Drug, DrugClass, FormularyError, default_formulary
from coding.drug_names import ingredient_name, name_keys

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


# As orders of large vendors and the Veterans' pharmacy write them: forms, salts, brands, listed percentages.
@pytest.mark.parametrize(
    ("name", "ingredient"),
    [
        ("ONDANSETRON HCL 4 MG/2ML IJ SOLN", "ondansetron"),
        ("morphine, second dose", "morphine"),
        ("2nd dose of morphine", "morphine"),
        ("morphine repeat", "morphine"),
        ("Rocephin IVPB dose #2", "ceftriaxone"),
        ("pre-hydration normal saline, second liter", "sodium chloride 0.9%"),
        ("CEFTRIAXONE SODIUM 1 G IJ SOLR", "ceftriaxone"),
        ("CEFAZOLIN SODIUM-DEXTROSE 2-4 GM/100ML-% IV SOLN", "cefazolin"),
        ("metroNIDAZOLE IN NACL 5-0.79 MG/ML-% IV SOLN", "metronidazole"),
        ("PIPERACILLIN SOD-TAZOBACTAM SO 3.375 (3-0.375) G IV SOLR", "piperacillin-tazobactam"),
        ("PIPERACILLIN 3GM/TAZOBACTAM 0.375GM INJ", "piperacillin-tazobactam"),
        ("METHYLPREDNISOLONE NA SUCC 125MG/VIL INJ", "methylprednisolone"),
        ("methylPREDNISolone sod suc(PF) 125 mg/2 mL", "methylprednisolone"),
        ("MORPHINE SO4 4MG/ML INJ", "morphine"),
        ("insulin lispro (HumaLOG) injection 0-12 Units", "insulin"),
        ("fosphenytoin (CEREBYX) 1,000 mg PE in NS 100 mL", "fosphenytoin"),
        ("potassium chloride 10 mEq in 100 mL IVPB", "potassium chloride"),
        ("potassium chloride 20 mEq in sodium chloride 0.9 % 250 mL IVPB", "potassium chloride"),
        ("leucovorin calcium 700 mg in D5W 250 mL chemo infusion", "leucovorin"),
        ("methotrexate (PF) 15 mg intrathecal", "methotrexate"),
        ("doxorubicin HCl pegylated liposomal", "doxorubicin liposomal"),
        ("DOXOrubicin (DOXIL) 80 mg in D5W", "doxorubicin liposomal"),
        ("nivolumab-hyaluronidase-nvhy", "nivolumab"),
        ("pertuzumab-trastuzumab-hyaluronidase-zzxf (PHESGO) 10 mL", "pertuzumab, trastuzumab and hyaluronidase"),
        ("goserelin (ZOLADEX) implant 3.6 mg", "goserelin"),
        ("alteplase (CATHFLO ACTIVASE) injection 2 mg", "alteplase for catheter clearance"),
        ("alteplase (ACTIVASE) 100 mg", "alteplase"),
        ("iohexol (OMNIPAQUE) 350 mg iodine/mL injection 100 mL", "iohexol"),
        ("Isovue-370", "iopamidol"),
        ("technetium Tc 99m sestamibi", "technetium tc-99m"),
        ("pneumococcal 20-valent conj vaccine (PREVNAR 20)", "pneumococcal vaccine"),
        ("FLU VACC TS2025-26(65YR UP)-PF 180 MCG/0.5 ML IM SYRINGE", "influenza vaccine"),
        ("TETANUS-DIPHTH-ACELL PERTUSSIS 5-2.5-18.5 LF-MCG/0.5 IM SUSP", "vaccine"),
        ("tetanus immune globulin (HYPERTET S/D) 250 unit", "tetanus immune globulin"),
        ("Red Blood Cells Leukocytes Reduced Irradiated", "red blood cells"),
        ("SODIUM CHLORIDE 0.9% INJ,SOLN", "sodium chloride 0.9%"),
        ("0.45% NaCl 1000 mL", "sodium chloride 0.45%"),
        ("NS at 125 mL/hr", "sodium chloride 0.9%"),
        ("DEXTROSE 5 % AND 0.45 % NACL IV SOLN", "dextrose 5% and sodium chloride 0.45%"),
        ("DEXTROSE-SODIUM CHLORIDE 5-0.9 % IV SOLN", "dextrose 5% and sodium chloride 0.9%"),
        ("5% dextrose in 0.45% sodium chloride", "dextrose 5% and sodium chloride 0.45%"),
        ("D5-1/2NS + KCl 20 mEq/L 1000 mL", "dextrose 5%, sodium chloride 0.45% and potassium chloride"),
        (
            "KCL IN DEXTROSE-NACL 20-5-0.45 MEQ/L-%-% IV SOLN",
            "dextrose 5%, sodium chloride 0.45% and potassium chloride",
        ),
        ("POTASSIUM CHLORIDE IN NACL 20-0.9 MEQ/L-% IV SOLN", "sodium chloride 0.9% and potassium chloride"),
        ("potassium chloride 40 mEq in NS 1000 mL", "sodium chloride 0.9% and potassium chloride"),
        ("DEXTROSE IN LACTATED RINGERS 5 % IV SOLN", "dextrose 5% in lactated ringer's"),
        ("D10W 500 mL", "dextrose 10%"),
        ("sodium chloride 5% 500 mL", "sodium chloride 3%"),
        ("STERILE WATER FOR INJECTION 10 mL", "diluent"),
        ("dextrose 5% in water (D5W) with heparin", "heparin"),
        ("D5W with sodium bicarbonate 150 mEq", "sodium bicarbonate"),
        ("NS with bupivacaine with epinephrine", "bupivacaine with epinephrine"),
        ("NS w/ thiamine 100 mg, folic acid 1 mg", "thiamine"),
        ("sodium chloride 0.9 % (flush) injection 10 mL", "saline flush"),
        ("BD POSIFLUSH NORMAL SALINE 0.9 % INJ SOLN", "saline flush"),
        ("heparin, porcine (PF) 100 unit/mL flush", "heparin flush"),
    ],
)
def test_a_name_as_an_order_has_it_is_known_by_its_ingredient(name, ingredient):
    product = BUILT_IN.find(named(name))
    assert product is not None
    assert product.ingredient == ingredient


@pytest.mark.parametrize(
    "name",
    [
        "dextrose",
        "sodium chloride 4%",
        "sodium chloride 0.9 % irrigation 1000 mL",
        "D5W with unheard-of",
        "normal saline with filter",
        "unheard-of with epinephrine",
        "unheard-of (hyaluronidase)",
        "unheard-of (in NS)",
        "platelet additive",
    ],
)
def test_a_name_with_other_parts_is_not_taken_for_one_of_them(name):
    assert BUILT_IN.find(named(name)) is None


def test_a_site_s_fluid_is_found_in_any_spelling():
    site = BUILT_IN.with_site_rows(f"{HEAD}\n9,L,NS 1 L,therapeutic\n", "f.csv")
    assert site.find(named("SODIUM CHLORIDE 0.9 % IV SOLN")).drug_class is DrugClass.THERAPEUTIC


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


@pytest.mark.parametrize(
    ("one", "other"),
    [("first antibiotic", "second antibiotic"), ("antibiotic #1", "antibiotic #2"), ("dose 1", "dose 2")],
)
def test_drugs_that_are_only_numbered_are_different(one, other):
    assert ingredient_name(one) != ingredient_name(other)
