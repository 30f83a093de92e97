"""The metrics against the topics: after a synthetic day both say the same."""

from __future__ import annotations

import json
import math
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from hl7_parsers import Peek
from streams.claims import Line
from streams.demo.hospital_day import hospital_day
from streams.demo.stage import Stage
from streams.durations import Durations
from streams.records import decode_closed
from streams.sources import Sources
from tests.streams.brokers import EmbeddedBroker
from tests.streams.play import Outcome, Play
from tests.waiting import PATIENCE, wait_for

MESSAGES = [message.text for message in hospital_day(11, 40)]
Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]
STAGES = {
    "given_to_charted",
    "charted_to_received",
    "received_to_applied",
    "last_message_to_closed",
    "closed_to_emitted",
}


def scraped(port: int) -> Samples:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
        text = answer.read().decode()
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def by(samples: Samples, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Values other than 0 of a metric, summed over all labels but these."""
    found: Counter[tuple[str, ...]] = Counter()
    for given, value in samples[name].items():
        found[tuple(dict(given)[label] for label in labels)] += value
    return {key: value for key, value in found.items() if value}


def total(samples: Samples, name: str) -> float:
    return sum(samples[name].values())


class Day:
    """A day played through the real processes, scraped before they stop."""

    def __init__(self, folder: Path) -> None:
        self.broker = EmbeddedBroker(folder)
        self.worker: Samples = {}
        self.listener: Samples = {}
        self.projector: Samples = {}
        self.outcome: Outcome = Play(self.broker, MESSAGES, disturb=self._start_projector, at_end=self._scrape).run()

    def _start_projector(self, stage: Stage) -> None:
        if "projector" not in stage.processes:
            stage.start("projector", "project")

    def _scrape(self, stage: Stage) -> None:
        self.worker, self.listener = scraped(stage.worker_port), scraped(stage.listener_port)
        kinds, open_findings = self.open_kinds(), "dripcode_findings_open"

        def all_counted() -> bool:
            self.projector = scraped(stage.projector_port)
            return open_findings in self.projector and by(self.projector, open_findings, "kind") == kinds

        wait_for(all_counted, "the projector counts the open findings")  # it looks at its store every few seconds

    def values(self, topic: str) -> list[bytes]:
        return [value for _, _, value in self.broker.read(topic)]

    def lines(self) -> list[Line]:
        return [json.loads(value) for value in self.values(self.broker.topics.claim_lines)]

    def open_kinds(self) -> dict[tuple[str, ...], float]:
        newest: dict[str, Line] = {}
        for value in self.values(self.broker.topics.worklist):
            finding = json.loads(value)
            known = newest.setdefault(finding["finding_id"], finding)
            if finding["claim_set_version"] >= known["claim_set_version"]:
                newest[finding["finding_id"]] = finding
        return {(kind,): n for kind, n in Counter(f["kind"] for f in newest.values() if not f["resolved_at"]).items()}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return Day(tmp_path_factory.mktemp("day"))


@pytest.mark.slow
def test_received_is_what_lies_on_the_topic_and_the_sum_of_what_became_of_it(day: Day) -> None:
    inbound = len(day.values(day.broker.topics.inbound))
    balance, worker = day.outcome.balance, day.worker
    assert total(worker, "dripcode_messages_received_total") == inbound
    assert total(day.listener, "dripcode_mllp_messages_total") == inbound
    assert total(day.listener, "dripcode_mllp_source_messages_total") == inbound
    assert total(day.projector, "dripcode_source_messages_total") == inbound
    outcomes = by(worker, "dripcode_messages_total", "outcome", "reason")
    assert sum(outcomes.values()) == inbound
    assert outcomes == {
        ("applied", ""): balance.applied,
        ("duplicate", ""): balance.duplicate,
        **{("dead", reason): n for reason, n in balance.dead.items()},
        **{("ignored", reason): n for reason, n in balance.ignored.items()},
    }
    assert worker["dripcode_unaccounted_messages"] == {(): 0.0}
    assert total(day.projector, "dripcode_dead_letters") == len(day.values(day.broker.topics.dead_letter)) > 0


@pytest.mark.slow
def test_lines_units_and_sets_are_those_on_the_topic(day: Day) -> None:
    lines = day.lines()
    counted = Counter((line["service_family"], line["action"], line["status"]) for line in lines)
    assert by(day.worker, "dripcode_claim_lines_total", "family", "action", "status") == counted
    units: Counter[tuple[str]] = Counter()
    for line in lines:
        units[(line["service_family"],)] += line["units"] * (line["action"] == "add")
    assert by(day.worker, "dripcode_claim_units_total", "family") == units
    sets = {(line["encounter_id"], line["claim_set_version"]) for line in lines}
    assert total(day.worker, "dripcode_claim_sets_total") == len(sets)


@pytest.mark.slow
def test_nothing_stays_open_and_findings_wait_as_the_worklist_says(day: Day) -> None:
    assert total(day.worker, "dripcode_encounters_open") == 0
    assert total(day.worker, "dripcode_closings_due") == 0
    assert by(day.projector, "dripcode_findings_open", "kind") == day.open_kinds()
    missing = day.open_kinds().get(("NO_STOP",), 0)
    assert total(day.projector, "dripcode_missing_stops") >= missing > 0
    assert by(day.projector, "dripcode_missing_stops", "age").keys() == {("1h",)}
    closed = [decode_closed(value) for value in day.values(day.broker.topics.closed)]
    assert total(day.worker, "dripcode_encounters_closed_total") >= len({one.encounter.encounter_id for one in closed})


@pytest.mark.slow
def test_every_stage_is_timed(day: Day) -> None:
    counts = by(day.worker, "dripcode_stage_seconds_count", "stage")
    assert {stage for (stage,) in counts} == STAGES
    assert counts["received_to_applied",] == day.outcome.balance.applied
    sums = by(day.worker, "dripcode_stage_seconds_sum", "stage")
    assert 0 < sums["received_to_applied",] / counts["received_to_applied",] < 30
    assert set(day.worker["dripcode_stop_times_total"]) >= {(("source", "charted"),), (("source", "none"),)}


def test_a_batch_of_durations_is_counted_as_single_observations_would_be() -> None:
    registry, durations = CollectorRegistry(), Durations("dripcode_test_seconds", "For a test", "stage", (1, 10))
    registry.register(durations)
    durations.observe("applied", [-5.0, 0.5, 1.0, 3.0, 99.0])
    durations.observe("applied", [2.0])

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"dripcode_test_seconds_{name}", {"stage": "applied", **labels})

    assert [value("bucket", le=edge) for edge in ("1.0", "10.0", "+Inf")] == [3, 5, 6]
    assert value("count") == 6
    assert math.isclose(value("sum") or 0, 0 + 0.5 + 1 + 3 + 99 + 2)


def test_numbers_that_a_sender_passes_over_are_counted_and_a_new_beginning_is_not_a_gap() -> None:
    registry = CollectorRegistry()
    sources = Sources(registry)
    for sequence in ("", "7", "8", "11", "x", "1", "2"):
        sources.stored(Peek(application="PHARM", facility="NORTH", sequence=sequence))

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"dripcode_mllp_source_{name}", {"source": "PHARM|NORTH"})

    assert value("messages_total") == 7
    assert value("sequence_gaps_total") == 2


def test_a_label_is_never_made_of_what_does_not_look_like_a_sender_and_only_so_many_are() -> None:
    registry = CollectorRegistry()
    sources = Sources(registry)
    sources.stored(Peek(application="SYNTHETIC^CANARY", facility="\x1b[31m\n"))
    for number in range(500):
        sources.stored(Peek(application=f"APP{number}"))
    names = {sample.labels["source"] for family in registry.collect() for sample in family.samples}
    assert len(names) <= 101
    assert "other" in names
    assert not any("CANARY" in name for name in names)
