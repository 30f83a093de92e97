"""Claim lines and findings as they are published: their JSON Schemas are made from these types.

What travels is made in `streams/claims.py` as plain dicts; tests hold every line of a day against the schemas.
"""

from __future__ import annotations

import inspect
import json
from datetime import date, datetime
from importlib import resources
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

import coding
from coding.billing import NDC_UNITS

_Name = Annotated[str, Meta(min_length=1)]
_Names = list[str]
_Count = Annotated[int, Meta(ge=1)]
_Time = Annotated[datetime, Meta(tz=True)]
_Amount = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?$")]
_Modifiers = Annotated[
    list[Annotated[str, Meta(pattern="^[0-9A-Z]{2}$")]], Meta(extra_json_schema={"uniqueItems": True})
]
# The line of a drug says all of it, other lines nothing of it.
OF_DRUGS: Final = ("hcpcs", "ndc", "ndc_quantity", "ndc_unit", "dose", "waste", "revenue_code", "department", "lots")


class LineDrug(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A drug as the record names it."""

    code: str
    system: str
    name: str


class LineReason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step that produced the line: the rule, what it did here, its source."""

    rule: str
    text: str
    source: str


class LineMeasure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount of a drug with its unit."""

    amount: _Amount
    unit: str


class ClaimLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a claim set, on claim.lines and from `dripcode code`.

    A reader keeps, per encounter_id, the lines of the highest claim_set_version whose action is add.
    """

    claim_line_id: Annotated[_Name, Meta(description="The same for the same content, on any machine.")]
    claim_set_id: Annotated[_Name, Meta(description="The same for the same encounter content, rules and policy.")]
    claim_set_version: Annotated[
        _Count,
        Meta(
            description="The number of facts the set rests on, of every identity and encounter of the patient that "
            "merges or dates connect with it: it only grows, not by one."
        ),
    ]
    line_number: _Count
    line_count: _Count
    action: Literal["add", "void"]
    supersedes: Annotated[str | None, Meta(description="The claim_set_id this version takes the place of.")]
    status: Annotated[
        coding.Status,
        Meta(
            description="ready: bill it. review: proposed, a person should confirm. hold: not proposed, something is "
            "missing."
        ),
    ]
    patient_id: str
    patient_id_authority: str
    encounter_id: _Name
    facility: str
    setting: coding.Setting
    payer: str
    service_date: date
    code: Annotated[str, Meta(pattern="^[0-9A-Z][0-9]{3}[0-9A-Z]$")]
    code_system: Literal["CPT", "HCPCS"]
    modifiers: _Modifiers
    units: _Count
    service_family: coding.Family
    role: coding.Role
    access_site: str
    drug: LineDrug
    minutes: Annotated[int, Meta(ge=0)] | None
    administration_ids: Annotated[_Names, Meta(min_length=1)]
    message_control_ids: _Names
    reasons: Annotated[list[LineReason], Meta(min_length=1)]
    findings: _Names
    rules_version: str
    policy: str
    coded_at: _Time
    drug_line_ids: Annotated[
        Annotated[list[_Name], Meta(min_length=1)] | UnsetType,
        Meta(
            description="Of an administration: claim_line_id of the lines that bill its drugs. Absent when there are "
            "none."
        ),
    ] = UNSET
    hcpcs: Annotated[
        str | UnsetType, Meta(description="On the line of a drug (role drug), as all that follow: its code.")
    ] = UNSET
    ndc: Annotated[
        Annotated[str, Meta(pattern="^([0-9]{11})?$")] | UnsetType,
        Meta(
            description="Eleven digits, of the package that was scanned, else of the site's dictionary; empty when "
            "not known."
        ),
    ] = UNSET
    ndc_quantity: _Amount | UnsetType | None = UNSET
    ndc_unit: Annotated[str | UnsetType, Meta(extra_json_schema={"enum": [*NDC_UNITS]})] = UNSET
    dose: Annotated[
        LineMeasure | UnsetType,
        Meta(description="What was given, in the measure of the code's unit; 0 on a line of what was discarded."),
    ] = UNSET
    waste: Annotated[
        LineMeasure | UnsetType, Meta(description="What was discarded; 0 on a line of what was given.")
    ] = UNSET
    revenue_code: Annotated[str, Meta(pattern="^([0-9]{4})?$")] | UnsetType = UNSET
    department: str | UnsetType = UNSET
    lots: _Names | UnsetType = UNSET


class StakedCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code and the units of it that depend on a finding; 0 where they cannot be told."""

    code: str
    units: Annotated[int, Meta(ge=0)]


class WorklistFinding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something a person must look at, on coding.worklist. Sent again with resolved_at when it is settled."""

    finding_id: _Name
    claim_set_version: Annotated[
        _Count,
        Meta(
            description="Of the claim set that opened or settled it: the highest of one finding_id is the one that "
            "counts."
        ),
    ]
    kind: Annotated[str, Meta(pattern="^[A-Z0-9_]+$")]
    severity: coding.Severity
    encounter_id: _Name
    patient_id: str
    patient_id_authority: str
    administration_ids: _Names
    message_control_ids: _Names
    text: Annotated[_Name, Meta(description="What is missing and what to do.")]
    codes_at_stake: list[StakedCode]
    opened_at: _Time
    resolved_at: _Time | None
    resolution: Annotated[
        str | None,
        Meta(description="Why, and in brackets who said so, where a person resolved it; null where later news did."),
    ]


PUBLISHED: Final[dict[str, type[msgspec.Struct]]] = {"claim_line": ClaimLine, "finding": WorklistFinding}
# Beside its fields: the keyword of JSON Schema that no type says.
MORE: Final = {ClaimLine.__name__: {"dependentRequired": {"hcpcs": [*OF_DRUGS[1:]]}}}


def components(types: list[Any], reference: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The schemas of some types, and what they refer to by name; `reference` has a {name}."""
    of_types, named = msgspec.json.schema_components(types, ref_template=reference)
    for name, schema in named.items():
        schema.update(MORE.get(name, {}))
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
    return [*of_types], named


def json_schema(name: str) -> dict[str, Any]:
    """The schema of a published form by itself, draft 2020-12."""
    _, named = components([PUBLISHED[name]], "#/$defs/{name}")
    whole = named.pop(PUBLISHED[name].__name__)
    words = name.replace("_", " ")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:dripcode:{words.replace(' ', '-')}:1",
    }
    return {**head, **whole, "title": f"dripcode {words}", "$defs": named}


def write_schemas() -> None:
    """Write the files that ship anew, after a change of the types."""
    for name in PUBLISHED:
        with resources.as_file(resources.files("streams.schemas") / f"{name}.schema.json") as path:
            path.write_text(json.dumps(json_schema(name), indent=2) + "\n", encoding="utf-8")
