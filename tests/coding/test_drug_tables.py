"""Published tables of drugs decide code, unit, modifier and limit of a drug line."""

from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace

from coding import (
    CodedEncounter,
    DrugCodeRow,
    Family,
    Issue,
    LimitRow,
    PackageRow,
    PaymentRow,
    Policy,
    Setting,
    builtin_tables,
    code_encounter,
    default_formulary,
    load_policy,
    load_tables,
)
from tests.coding import build

SINCE = date(2025, 1, 1)
NDC = "00409733201"
POLICY = load_policy(Setting.FACILITY, "medicare")


def issue(table: str, *rows: object) -> Issue:
    return Issue(table, None, f"{table} 2025-01-01", SINCE, date.max, rows)


def coded(
    site_row: str, *issues: Issue, words: str = "dose=1_g", policy: Policy = POLICY, **fields: object
) -> CodedEncounter:
    formulary = default_formulary()
    if site_row:
        formulary = formulary.with_site_rows(
            f"code,coding_system,name,drug_class,hcpcs,ndc,package,single_dose\n{site_row}", "f.csv"
        )
    given = build.administration("a1", "ceftriaxone", "infusion", "L-AC", "8:00", "9:00", *words.split())
    return code_encounter(build.encounter([replace(given, **fields)]), policy, formulary, load_tables(issues))


def drugs(found: CodedEncounter) -> list[tuple[object, ...]]:
    return [(line.code, line.units, line.modifiers, line.status.value) for line in found.lines if line.billed]


def kinds(found: CodedEncounter) -> set[str]:
    return {finding.kind for finding in found.findings}


PER_250 = DrugCodeRow("J0696", SINCE, None, Decimal(250), "mg")
PACKAGE = PackageRow(NDC, "J0696", SINCE, None, Decimal(4))
ROW = "C,L,ceftriaxone,therapeutic,J0696,,1 g,yes"


def test_the_unit_comes_of_the_codes_or_of_the_payment_limits():
    other = DrugCodeRow("J0696", SINCE, None, Decimal(500), "mg")
    assert drugs(coded(ROW, issue("drug_codes", PER_250), issue("billing_units", other))) == [
        ("J0696", 4, ("JZ",), "ready")
    ]
    assert drugs(coded(ROW, issue("billing_units", other))) == [("J0696", 2, ("JZ",), "ready")]


@pytest.mark.parametrize(("code", "system"), [("J0696", "HCPCS"), ("90371", "CPT")])
def test_a_drug_of_digits_alone_is_of_cpt(code, system):
    unit = issue("drug_codes", PER_250._replace(code=code))
    (line,) = [one for one in coded(ROW.replace("J0696", code), unit).lines if one.billed]
    assert (line.code, line.code_system) == (code, system)


def test_a_scanned_package_names_the_code_without_any_dictionary():
    found = coded("", issue("drug_codes", PER_250), issue("packages", PACKAGE), ndc="00409-7332-01")
    assert drugs(found) == [("J0696", 4, (), "review")]
    assert kinds(found) == {"SINGLE_DOSE_UNKNOWN"}
    assert found.lines[1].billed.ndc == NDC


def test_the_lot_that_was_charted_goes_with_the_drug():
    assert coded(ROW, issue("drug_codes", PER_250), lot="L7").lines[-1].billed.lots == ("L7",)
    assert coded(ROW, issue("drug_codes", PER_250)).lines[-1].billed.lots == ()


def test_without_a_scan_or_a_dictionary_there_is_no_drug_line():
    found = coded("", issue("packages", PACKAGE))
    assert drugs(found) == []


def test_a_package_of_several_codes_is_held_until_the_site_says():
    issues = issue("drug_codes", PER_250), issue("packages", PACKAGE, PACKAGE._replace(code="Q9999"))
    found = coded("", *issues, ndc=NDC)
    assert [line[3] for line in drugs(found)] == ["hold"]
    assert "NDC_SEVERAL_CODES" in kinds(found)
    assert "NDC_SEVERAL_CODES" not in kinds(coded(ROW, *issues, ndc=NDC))


def test_a_code_that_is_not_in_force_is_held():
    ended = PER_250._replace(deleted=date(2025, 1, 5))
    other = DrugCodeRow("J0697", SINCE, None, Decimal(1), "mg")
    found = coded(ROW + "\n", issue("drug_codes", ended, other), issue("billing_units", PER_250))
    assert kinds(found) == {"HCPCS_NOT_VALID"}
    assert [line[3] for line in drugs(found)] == ["hold"]


@pytest.mark.parametrize(("status", "modifiers"), [("N", ()), ("K", ("JZ",))])
def test_what_a_hospital_is_paid_within_another_service_takes_no_modifier(status, modifiers):
    issues = issue("drug_codes", PER_250), issue("payments", PaymentRow("J0696", SINCE, None, status))
    assert drugs(coded(ROW, *issues)) == [("J0696", 4, modifiers, "ready")]


def test_more_units_than_the_published_limit_want_a_look():
    issues = issue("drug_codes", PER_250), issue("limits", LimitRow("J0696", SINCE, None, 3, "3"))
    found = coded(ROW, *issues)
    assert drugs(found) == [("J0696", 4, ("JZ",), "review")]
    assert kinds(found) == {"MUE_EXCEEDED"}
    unlimited = load_policy(Setting.FACILITY, "medicare", {"unit_caps": "none"})
    assert drugs(coded(ROW, *issues, policy=unlimited)) == [("J0696", 4, ("JZ",), "ready")]
    as_many = issue("drug_codes", PER_250), issue("limits", LimitRow("J0696", SINCE, None, 4, "3"))
    assert drugs(coded(ROW, *as_many)) == [("J0696", 4, ("JZ",), "ready")]


def test_the_version_of_the_lines_names_the_tables():
    own = builtin_tables().version_on(SINCE, Setting.FACILITY)
    assert coded(ROW, issue("drug_codes", PER_250)).rules_version == f"{own}; drug_codes 2025-01-01"


def test_a_drug_is_of_the_family_of_its_administration():
    row = ROW.replace("therapeutic", "complex_biologic")
    for how, family in (("chemotherapy", Family.CHEMOTHERAPY), ("therapeutic", Family.THERAPEUTIC)):
        policy = load_policy(Setting.FACILITY, "medicare", {"complex_biologic": how})
        found = coded(row, issue("drug_codes", PER_250), policy=policy)
        assert {line.service_family for line in found.lines} == {family}


def test_tables_without_packages_bill_no_drug_by_themselves():
    found = coded("", issue("drug_codes", PER_250))
    assert drugs(found) == []
    assert "NO_DRUG_LINE" not in kinds(found)
