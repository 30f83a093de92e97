"""Claim sets: versions, void lines, findings opened and settled, and what is published twice."""

import json
from datetime import date

from msgspec.structs import replace

import coding
from streams import records
from streams.claims import Issuer, Line, newest_sets
from streams.embedded.records import Record
from streams.records import ClosedEncounter
from streams.settings import load_settings
from streams.topics import topics_of

TOPICS = topics_of(load_settings(environment={})[0])
ENCOUNTER = coding.Encounter(encounter_id="V1", patient_id="SYN1", patient_id_authority="SYNTH")


def line(name: str, units: int = 1) -> coding.ClaimLine:
    return coding.ClaimLine(
        claim_line_id=name, status=coding.Status.READY, service_date=date(2026, 3, 2), code="96365", code_system="CPT",
        modifiers=(), units=units, service_family=coding.Family.THERAPEUTIC, role=coding.Role.INITIAL, access_site="",
        drug=coding.Drug("CEF", "99SYN", "ceftriaxone"), minutes=60, administration_ids=("O1",),
        message_control_ids=("C1",), reasons=(coding.Reason("R1", "text", "source"),), findings=(),
    )  # fmt: skip


def finding(name: str) -> coding.Finding:
    return coding.Finding(
        finding_id=name, kind="NO_STOP", severity=coding.Severity.HOLD, administration_ids=("O1",),
        message_control_ids=("C1",), text="document the stop",
    )  # fmt: skip


class Site:
    """An issuer whose coding gives what the test says, and a way to send it closed encounters."""

    def __init__(self) -> None:
        self.coded = coding.CodedEncounter(
            claim_set_id="", encounter_id="V1", lines=(), findings=(), rules_version="r", policy="p"
        )
        self.issuer = Issuer(TOPICS, lambda *_: self.coded)
        self.published: list[Line] = []
        self.findings: list[Line] = []

    def close(
        self, version: int, set_id: str, *lines: coding.ClaimLine, findings: tuple[str, ...] = ()
    ) -> list[Record]:
        self.coded = replace(
            self.coded, claim_set_id=set_id, lines=lines, findings=tuple(finding(name) for name in findings)
        )
        closed = ClosedEncounter(version, "discharge", ENCOUNTER)
        out, _ = self.issuer.issue(0, records.encode(closed), f"2026-03-03T0{version}:00:00+00:00")
        self.published += [json.loads(r.value or b"") for r in out if r.topic == TOPICS.claim_lines]
        self.findings += [json.loads(r.value or b"") for r in out if r.topic == TOPICS.worklist]
        return out

    def said(self) -> list[tuple[int, str, str, str | None]]:
        return [
            (line["claim_set_version"], line["action"], line["claim_line_id"], line["supersedes"])
            for line in self.published
        ]


def test_a_first_version_adds_its_lines() -> None:
    site = Site()
    site.close(2, "S1", line("a"), line("b"))
    assert site.said() == [(2, "add", "a", None), (2, "add", "b", None)]
    assert [(one["line_number"], one["line_count"]) for one in site.published] == [(1, 2), (2, 2)]


def test_a_later_version_says_what_it_supersedes_and_voids_what_no_longer_stands() -> None:
    site = Site()
    site.close(2, "S1", line("a"), line("b"))
    site.close(3, "S2", line("a"), line("c"))
    assert site.said()[2:] == [(3, "add", "a", "S1"), (3, "add", "c", "S1"), (3, "void", "b", "S1")]
    assert newest_sets(site.published)["V1"][1]["claim_line_id"] == "c"
    assert site.published[-1]["claim_set_id"] == "S2"
    assert site.published[-1]["units"] == 1


def test_news_that_changes_nothing_publishes_nothing() -> None:
    site = Site()
    site.close(2, "S1", line("a"))
    assert site.close(3, "S1", line("a")) == []


def test_the_same_version_read_again_publishes_the_same_bytes() -> None:
    site = Site()
    site.close(2, "S1", line("a"))
    first = site.close(3, "S2", line("b"))
    assert site.close(3, "S2", line("b")) == first


def test_an_older_version_read_late_publishes_nothing() -> None:
    site = Site()
    site.close(3, "S2", line("b"))
    assert site.close(2, "S1", line("a")) == []


def test_when_nothing_stands_any_more_everything_is_void() -> None:
    site = Site()
    site.close(2, "S1", line("a"))
    site.close(3, "S0")
    assert site.said()[1:] == [(3, "void", "a", "S1")]
    assert newest_sets(site.published) == {"V1": []}


def test_a_finding_keeps_the_time_it_was_opened_and_is_sent_again_when_settled() -> None:
    site = Site()
    site.close(2, "S1", line("a"), findings=("f1", "f2"))
    site.close(3, "S2", line("b"), findings=("f2",))
    opened_at = "2026-03-03T02:00:00+00:00"
    assert [(one["finding_id"], one["opened_at"], one["resolved_at"]) for one in site.findings[2:]] == [
        ("f2", opened_at, None),
        ("f1", opened_at, "2026-03-03T03:00:00+00:00"),
    ]


def test_a_worker_that_recovers_from_the_changelog_goes_on_where_it_was() -> None:
    first, second = Site(), Site()
    kept = [r for r in first.close(2, "S1", line("a")) if r.topic == TOPICS.claim_sets_changelog]
    for record in kept:
        second.issuer.restore(0, record.key or b"", record.value or b"")
    second.close(3, "S2", line("b"))
    assert second.said() == [(3, "add", "b", "S1"), (3, "void", "a", "S1")]


def test_records_carry_the_keys_and_headers_of_the_contract() -> None:
    site = Site()
    out = site.close(2, "S1", line("a"), findings=("f1",))
    by_topic = {record.topic: record for record in out}
    assert by_topic[TOPICS.claim_lines].key == by_topic[TOPICS.worklist].key == b"V1"
    assert by_topic[TOPICS.claim_lines].headers[:3] == (("claim_set_id", b"S1"), ("version", b"2"), ("action", b"add"))
    assert dict(by_topic[TOPICS.claim_lines].headers)["ce_id"] == b"a:2"
    assert dict(by_topic[TOPICS.worklist].headers)["ce_id"] == b"f1:2"
