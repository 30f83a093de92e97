"""CloudEvents 1.0 on Kafka, binary mode: what an event is stands in `ce_` headers, the value stays as it is.

The pair (source, id) names one event: a line or finding published twice carries the same, so that a consumer which
knows nothing of claim sets can drop the second. The subject is a claim set or a finding, never a patient.
"""

from __future__ import annotations

from typing import Any, Final

Headers = tuple[tuple[str, bytes], ...]

SPEC_VERSION: Final = "1.0"
LINE_TYPE: Final = "dripcode.claim-line.v1"
FINDING_TYPE: Final = "dripcode.finding.v1"
LINE_SCHEMA: Final = "urn:dripcode:claim-line:1"
FINDING_SCHEMA: Final = "urn:dripcode:finding:1"
ATTRIBUTES: Final = ("specversion", "id", "source", "type", "time", "subject", "dataschema")


def source_of(topic: str) -> str:
    """The `source` of what is published on a topic."""
    return f"/dripcode/{topic}"


def line_headers(topic: str, line: dict[str, Any]) -> Headers:
    """Of a claim line: its id is the line and the version of its set."""
    event_id = f"{line['claim_line_id']}:{line['claim_set_version']}"
    return _headers(event_id, source_of(topic), LINE_TYPE, line["coded_at"], line["claim_set_id"], LINE_SCHEMA)


def finding_headers(topic: str, finding: dict[str, Any]) -> Headers:
    """Of a finding: opened and settled are two events."""
    event_id = f"{finding['finding_id']}:{finding['claim_set_version']}"
    at = finding["resolved_at"] or finding["opened_at"]
    return _headers(event_id, source_of(topic), FINDING_TYPE, at, finding["finding_id"], FINDING_SCHEMA)


def _headers(*attributes: str) -> Headers:
    """Headers of the attributes that follow specversion, in the order of ATTRIBUTES."""
    said = zip(ATTRIBUTES, (SPEC_VERSION, *attributes), strict=True)
    return (*((f"ce_{name}", value.encode()) for name, value in said), ("content-type", b"application/json"))
