"""CSV (RFC 4180, UTF-8, one row a charge or reversal) with a manifest: how many, how much, and a checksum."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from streams.formats.charge import Charge, Document, News

COLUMNS: Final = (
    "transaction_id", "type", "claim_line_id", "claim_set_id", "claim_set_version", "patient_id",
    "patient_id_authority", "encounter_id", "facility", "setting", "payer", "service_date", "code", "code_system",
    "modifiers", "units", "status", "service_family", "role", "access_site", "minutes", "drug_code", "drug_system",
    "drug_name", "ndc", "ndc_quantity", "ndc_unit", "dose_amount", "dose_unit", "waste_amount", "waste_unit",
    "revenue_code", "department", "rules_version", "policy", "coded_at",
)  # fmt: skip
CHARGE, REVERSAL = "charge", "reversal"
MANIFEST_LAYOUT: Final = 1
_FORMULA: Final = ("=", "+", "-", "@")  # what a spreadsheet would compute


def csv_documents(news: Sequence[News], number: int) -> list[Document]:
    """The file and its manifest; the manifest is written last, so whoever waits for it finds the file whole."""
    rows = list(_rows(news))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    content = out.getvalue().encode()
    name = f"charges-{number:08d}"
    manifest = _manifest(f"{name}.csv", rows, content, encounters=len(news))
    return [
        Document(f"{name}.csv", content),
        Document(f"{name}.manifest.json", json.dumps(manifest, indent=2).encode() + b"\n"),
    ]


def _manifest(name: str, rows: Sequence[dict[str, Any]], content: bytes, encounters: int) -> dict[str, Any]:
    of_kind = {kind: [row for row in rows if row["type"] == kind] for kind in (CHARGE, REVERSAL)}
    return {
        "layout": MANIFEST_LAYOUT,
        "file": name,
        "columns": list(COLUMNS),
        "rows": len(rows),
        "charges": len(of_kind[CHARGE]),
        "reversals": len(of_kind[REVERSAL]),
        "charge_units": sum(row["units"] for row in of_kind[CHARGE]),
        "reversal_units": sum(row["units"] for row in of_kind[REVERSAL]),
        "encounters": encounters,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _rows(news: Sequence[News]) -> Iterator[dict[str, Any]]:
    """Reversals before charges, encounter after encounter."""
    for one in news:
        yield from (_row(charge, REVERSAL, one.version) for charge in one.reversed)
        yield from (_row(charge, CHARGE, one.version) for charge in one.made)


def _harmless(text: str) -> str:
    """A text that somebody wrote, so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _row(charge: Charge, kind: str, version: int) -> dict[str, Any]:
    line = charge.line
    drug, dose, waste = line["drug"], line.get("dose", {}), line.get("waste", {})
    more = {
        "transaction_id": charge.transaction_id,
        "type": kind,
        "claim_set_version": version,  # that says so: of a reversal the version it no longer stands in
        "modifiers": " ".join(line["modifiers"]),
        "drug_code": drug["code"],
        "drug_system": drug["system"],
        "drug_name": _harmless(drug["name"]),
        "access_site": _harmless(line["access_site"]),
        "department": _harmless(line.get("department", "")),
        "dose_amount": dose.get("amount"),
        "dose_unit": dose.get("unit"),
        "waste_amount": waste.get("amount"),
        "waste_unit": waste.get("unit"),
    }
    return {column: more[column] if column in more else line.get(column) for column in COLUMNS}
