"""CloudEvents headers: one event has one id, whoever publishes it how often; no patient in any of them."""

from typing import Any

from streams.formats.cloud_events import finding_headers, line_headers

LINE: dict[str, Any] = {
    "claim_line_id": "L1", "claim_set_version": 4, "claim_set_id": "S1", "coded_at": "2026-03-03T00:00:00.000+00:00",
    "patient_id": "SYN1", "encounter_id": "V1",
}  # fmt: skip
FINDING: dict[str, Any] = {
    "finding_id": "F1", "claim_set_version": 4, "opened_at": "2026-03-03T00:00:00.000+00:00", "resolved_at": None,
    "patient_id": "SYN1", "encounter_id": "V1",
}  # fmt: skip


def test_a_line_is_named_by_its_id_and_the_version_of_its_set() -> None:
    headers = dict(line_headers("site.claim.lines", LINE))
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_id"] == b"L1:4"
    assert headers["ce_source"] == b"/dripcode/site.claim.lines"
    assert headers["ce_time"] == b"2026-03-03T00:00:00.000+00:00"
    assert headers["content-type"] == b"application/json"
    assert dict(line_headers("site.claim.lines", {**LINE, "claim_set_version": 5}))["ce_id"] == b"L1:5"


def test_a_finding_that_is_settled_is_another_event_at_another_time() -> None:
    settled = {**FINDING, "claim_set_version": 6, "resolved_at": "2026-03-04T00:00:00.000+00:00"}
    opened, closed = dict(finding_headers("t", FINDING)), dict(finding_headers("t", settled))
    assert (opened["ce_id"], closed["ce_id"]) == (b"F1:4", b"F1:6")
    assert closed["ce_time"] == b"2026-03-04T00:00:00.000+00:00"


def test_no_header_names_the_patient_or_the_visit() -> None:
    said = b" ".join(
        value for headers in (line_headers("t", LINE), finding_headers("t", FINDING)) for _, value in headers
    )
    assert b"SYN1" not in said
    assert b"V1" not in said
