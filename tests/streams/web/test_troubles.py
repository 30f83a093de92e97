"""What is said on top of the front page: one sentence for each problem, and nothing when there is none."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from streams.read_model.board import Balance, PartitionRow, SourceRow, Throughput
from streams.read_model.notices import Notice
from streams.web.troubles import troubles_of

NOW = 1_800_000_000.0
Samples = list[tuple[str, dict[str, str], float]]


def process(role: str, trouble: str = "", samples: Samples | None = None) -> Notice:
    return Notice(role, f"{role}-1", NOW - 60, NOW, trouble, samples or [])


WELL = Throughput(
    at=NOW,
    balance=Balance(10, 8, 1, {}, {"TYPE_NOT_CODED": 1}, 0),
    received=[],
    applied=[],
    lines=[],
    closed={},
    dead_lately={},
    sources=[SourceRow("SYN|SYN", NOW, 10, {}, 60.0, 10.0)],
    partitions=[PartitionRow(0, "worker-1", 10, 0)],
    processes=[process("listener"), process("projector"), process("worker")],
    dead_letters=[],
    findings={"hold": 0, "review": 0, "notice": 0},
    encounters_waiting=0,
    kinds=[],
)


def others(role: str, *instead: Notice) -> list[Notice]:
    return [*(one for one in WELL.processes if one.role != role), *instead]


def of(role: str, name: str, value: float, **labels: str) -> list[Notice]:
    return others(role, process(role, samples=[(name, labels, value)]))


def test_when_all_is_well_nothing_is_said() -> None:
    assert troubles_of(WELL) == []


@pytest.mark.parametrize(
    ("change", "is_bad", "says"),
    [
        ({"balance": Balance(10, 7, 1, {}, {"TYPE_NOT_CODED": 1}, 0)}, True, "The balance is open by 1"),
        ({"balance": Balance(2000, 0, 0, {}, {}, 2000)}, False, "2\u202f000 messages wait to be applied"),
        ({"processes": others("worker")}, True, "No worker reports"),
        ({"processes": others("listener")}, True, "No listener reports"),
        ({"processes": others("projector")}, True, "figures on these pages stand still"),
        ({"processes": others("worker", process("worker", "recovering"))}, True, "Worker worker-1: recovering"),
        ({"partitions": [PartitionRow(3, "", 0, 5)]}, True, "No worker owns partition 3: 5 messages wait"),
        ({"partitions": [PartitionRow(3, "", 5, 0)]}, False, "No worker owns partition 3: 0 messages wait"),
        (
            {"processes": of("projector", "dripcode_projection_behind_records", 5000)},
            False,
            "5\u202f000 records behind",
        ),
        (
            {"processes": of("worker", "dripcode_commit_age_seconds", 90, topic="hl7.inbound")},
            True,
            "hl7.inbound stands still: none done for 1 min 30 s",
        ),
        ({"processes": of("worker", "dripcode_closings_due_oldest_seconds", 600)}, False, "due to close for 10 min"),
        ({"sources": [SourceRow("SYN|SYN", NOW, 10, {}, 60.0, 400.0)]}, True, "SYN | SYN is silent for 6 min 40 s"),
        (
            {"processes": of("listener", "dripcode_mllp_certificate_expires_seconds", NOW + 86400)},
            False,
            "TLS certificate ends in 1 d",
        ),
        (
            {"processes": of("listener", "dripcode_mllp_certificate_expires_seconds", NOW - 1)},
            True,
            "TLS certificate has ended",
        ),
        ({"dead_lately": {"NO_PATIENT": 2.0}}, False, "2 messages of the last hour could not be used (no patient)"),
    ],
)
def test_a_problem_is_one_sentence(change: dict[str, Any], is_bad: bool, says: str) -> None:
    (found,) = troubles_of(dataclasses.replace(WELL, **change))
    assert found.is_bad == is_bad
    assert says in found.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dripcode_projection_behind_records", 1000),
        ("dripcode_commit_age_seconds", 60),
        ("dripcode_closings_due_oldest_seconds", 300),
        ("dripcode_mllp_certificate_expires_seconds", 0),  # no TLS
        ("dripcode_mllp_certificate_expires_seconds", NOW + 14 * 86400),
    ],
)
def test_a_little_is_no_problem(name: str, value: float) -> None:
    assert troubles_of(dataclasses.replace(WELL, processes=of("worker", name, value, topic="") + WELL.processes)) == []


def test_what_must_be_done_now_comes_first() -> None:
    wrong = dataclasses.replace(WELL, dead_lately={"NO_PATIENT": 1.0}, balance=Balance(2, 1, 0, {}, {}, 0))
    assert [one.is_bad for one in troubles_of(wrong)] == [True, False]
