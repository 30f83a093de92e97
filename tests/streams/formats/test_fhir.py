"""FHIR ChargeItem: valid by fhir.resources, a reversal is the same resource."""

import json

from fhir.resources.R4B.chargeitem import ChargeItem

from streams.formats.charge import Charge, News
from streams.formats.fhir import fhir_documents
from tests.streams.issued import drug_line, line

MADE = [Charge("BBB", drug_line("b")), Charge("CCC", line("c", modifiers=["59"]))]
NEWS = [News("k1", 5, [Charge("AAA", line("a"))], MADE, [], was_told=True)]


def items() -> list[ChargeItem]:
    (document,) = fhir_documents(NEWS, 4)
    assert document.name == "ChargeItem-00000004.ndjson"
    return [ChargeItem.model_validate_json(text) for text in document.content.splitlines()]


def test_each_charge_is_a_resource_with_its_code_units_and_date() -> None:
    gone, drug, made = items()
    assert [one.id for one in (gone, drug, made)] == ["AAA", "BBB", "CCC"]
    assert [one.status for one in (gone, drug, made)] == ["entered-in-error", "billable", "billable"]
    assert made.code.coding[0].code == "96365"
    assert drug.code.coding[0].code == "J1745"
    assert float(drug.quantity.value) == 30
    assert made.occurrenceDateTime.isoformat() == "2026-03-02"
    assert made.subject.identifier.value == "SYNV1"
    assert made.context.identifier.value == "V1"
    assert made.extension[0].valueCode == "59"
    assert drug.productCodeableConcept.coding[0].code == "57894003001"


def test_a_review_line_is_planned_not_billable() -> None:
    news = [News("k", 1, [], [Charge("A", line("a", status="review"))], [], was_told=False)]
    (document,) = fhir_documents(news, 1)
    assert json.loads(document.content)["status"] == "planned"
