"""FHIR R4 ChargeItem, one a line (ndjson), checked by the models of fhir.resources. Needs the extra `fhir`.

The resource's id is the transaction id: a reversal is the same resource with the status entered-in-error, so whoever
puts both by their id ends with what stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from streams.formats.charge import Charge, Document, News
from streams.settings import SettingsError

_SYSTEMS: Final = {
    "CPT": "http://www.ama-assn.org/go/cpt",
    "HCPCS": "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
}
_NDC: Final = "http://hl7.org/fhir/sid/ndc"
_MODIFIER: Final = "urn:dripcode:modifier"  # R4 has no place for a modifier of a charge
_NAMESPACE: Final = "urn:dripcode"
_STATUS: Final = {"ready": "billable", "review": "planned", "hold": "planned"}


def require_models() -> Any:
    """The model of ChargeItem. Raises SettingsError when fhir.resources is not there."""
    try:
        from fhir.resources.R4B.chargeitem import ChargeItem  # noqa: PLC0415 - an extra
    except ImportError:
        raise SettingsError("FHIR needs the package fhir.resources: pip install 'dripcode[fhir]'") from None
    return ChargeItem


def fhir_documents(news: Sequence[News], number: int) -> list[Document]:
    """One file of ChargeItems; reversals before charges, encounter after encounter."""
    model = require_models()
    items = [_item(charge, "entered-in-error") for one in news for charge in one.reversed]
    items += [_item(charge, _STATUS[charge.line["status"]]) for one in news for charge in one.made]
    lines = [model.model_validate(item).model_dump_json(exclude_none=True) for item in items]
    return [Document(f"ChargeItem-{number:08d}.ndjson", "".join(f"{line}\n" for line in lines).encode())]


def _item(charge: Charge, status: str) -> dict[str, Any]:
    line = charge.line
    item: dict[str, Any] = {
        "resourceType": "ChargeItem",
        "id": charge.transaction_id,
        "identifier": [
            _identifier(f"{_NAMESPACE}:transaction", charge.transaction_id),
            _identifier(f"{_NAMESPACE}:claim-line", line["claim_line_id"]),
        ],
        "status": status,
        "code": {"coding": [{"system": _SYSTEMS[line["code_system"]], "code": line["code"]}]},
        "subject": {"identifier": _identifier(_authority(line["patient_id_authority"]), line["patient_id"])},
        "context": {"identifier": _identifier(f"{_NAMESPACE}:encounter", line["encounter_id"])},
        "occurrenceDateTime": line["service_date"],
        "quantity": {"value": line["units"]},
        "enteredDate": line["coded_at"],
        "extension": [{"url": _MODIFIER, "valueCode": one} for one in line["modifiers"]] or None,
        "performingOrganization": {"display": line["facility"]} if line["facility"] else None,
        "productCodeableConcept": _product(line),
        "note": [{"text": f"{one['text']} ({one['rule']}; {one['source']})"} for one in line["reasons"]],
    }
    return {name: value for name, value in item.items() if value is not None}


def _authority(name: str) -> str:
    return (
        f"{_NAMESPACE}:patient:{''.join(c if c.isalnum() else '-' for c in name)}" if name else f"{_NAMESPACE}:patient"
    )


def _identifier(system: str, value: str) -> dict[str, str]:
    return {"system": system, "value": value}


def _product(line: dict[str, Any]) -> dict[str, Any] | None:
    """The drug: its NDC when it is known, and its name."""
    coding = [{"system": _NDC, "code": line["ndc"]}] if line.get("ndc") else []
    name = line["drug"]["name"] or line["drug"]["code"]
    if not coding and not name:
        return None
    return {"coding": coding or None, "text": name or None} if coding else {"text": name}
