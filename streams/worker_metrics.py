"""What a worker says of itself: the balance, how long each stage takes, closings, claim lines, lag.

What grows is counted batch by batch; what stands (balance, open encounters) is looked at when somebody asks.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import Counter, Gauge
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.apply import Applier
from streams.claims import Issuer
from streams.counts import Counts
from streams.durations import Durations
from streams.metrics import Metrics

# From a message that is applied at once to one that was charted days later, seconds.
_STAGE_BUCKETS = (
    *(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 900),
    *(3600, 4 * 3600, 12 * 3600, 86400, 3 * 86400, 7 * 86400, 30 * 86400),
)
_CODING_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)


class WorkerMetrics(Metrics):
    """Of one worker, for the partitions that it owns."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self._received = Counter(
            "dripcode_messages_received", "Inbound messages taken from the topic by this process", registry=registry
        )
        self._outcomes = Counter(
            "dripcode_messages",
            "Inbound messages by what became of them; received is their sum",
            ["outcome", "reason"],
            registry=registry,
        )
        self._closings = Counter("dripcode_encounters_closed", "Closings by cause", ["cause"], registry=registry)
        self._lines = Counter(
            "dripcode_claim_lines", "Claim lines published", ["family", "action", "status"], registry=registry
        )
        self._units = Counter("dripcode_claim_units", "Units on lines that stand", ["family"], registry=registry)
        self._coded = Counter("dripcode_claim_sets", "Claim sets published", registry=registry)
        self._lag = Gauge("dripcode_lag_messages", "Messages waiting, by topic", ["topic"], registry=registry)
        self._partition_lag = Gauge(
            "dripcode_partition_lag_messages",
            "Messages waiting in each partition that this worker owns",
            ["topic", "partition"],
            registry=registry,
        )
        self._commit_age = Gauge(
            "dripcode_commit_age_seconds",
            "How long the partition that waits longest has had messages waiting and none done, by topic",
            ["topic"],
            registry=registry,
        )
        self._recovery()
        self._durations()

    def _recovery(self) -> None:
        registry = self.registry
        self._newest = Gauge(
            "dripcode_newest_charted_timestamp_seconds", "The newest charting time applied", registry=registry
        )
        self.recovery_seconds = Gauge(
            "dripcode_recovery_seconds", "How long the recovery goes on, or the last one went on", registry=registry
        )
        self.recovery_remaining = Gauge(
            "dripcode_recovery_remaining_messages", "Changelog records that are still to be read", registry=registry
        )

    def _durations(self) -> None:
        self.stages = Durations(
            "dripcode_stage_seconds",
            "How long things took: given to charted to received to applied, the last message to closed to emitted",
            "stage",
            _STAGE_BUCKETS,
        )
        self.coding = Durations(
            "dripcode_coding_seconds", "How long coding one closed encounter took", "outcome", _CODING_BUCKETS
        )
        self.registry.register(self.stages)
        self.registry.register(self.coding)

    def watch(self, applier: Applier, issuer: Issuer | None = None) -> None:
        """Show what stands in these, from now on."""
        self.registry.register(_Standing(applier, issuer))

    def applied(self, counts: Counts) -> None:
        """Count one batch of the assemble agent."""
        self._received.inc(counts.received)
        for (outcome, reason), number in counts.outcomes.items():
            self._outcomes.labels(outcome, reason).inc(number)
        for cause, number in counts.closings.items():
            self._closings.labels(cause).inc(number)
        if not counts.received_at and not counts.closed_after:
            return
        now, observe = time.time(), self.stages.observe
        observe("given_to_charted", counts.given_to_charted)
        observe("charted_to_received", counts.charted_to_received)
        observe("received_to_applied", [now - at for at in counts.received_at])
        observe("last_message_to_closed", counts.closed_after)
        if counts.newest_charted:
            self._newest.set(counts.newest_charted)

    def issued(self, lines: Iterable[Mapping[str, Any]], closed_at: Iterable[float] = ()) -> None:
        """Count published claim lines; `closed_at` (seconds since 1970) of the encounters they are of."""
        counted: Tally[tuple[str, str, str]] = Tally()
        units: Tally[str] = Tally()
        sets = set()
        for line in lines:
            counted[line["service_family"], line["action"], line["status"]] += 1
            sets.add((line["encounter_id"], line["claim_set_id"]))
            if line["action"] == "add":
                units[line["service_family"]] += line["units"]
        for labels, number in counted.items():
            self._lines.labels(*labels).inc(number)
        for family, number in units.items():
            self._units.labels(family).inc(number)
        self._coded.inc(len(sets))
        now = time.time()
        self.stages.observe("closed_to_emitted", [now - at for at in closed_at])

    def lag(self, by_partition: Mapping[tuple[str, int], int], stands: Mapping[str, float] | None = None) -> None:
        """Messages waiting in each partition owned (topic, number), and by topic for how long none of them was done."""
        by_topic: Tally[str] = Tally()
        self._partition_lag.clear()  # another worker's partitions are its to tell
        for (topic, partition), messages in by_partition.items():
            self._partition_lag.labels(topic, str(partition)).set(messages)
            by_topic[topic] += messages
        for topic, messages in by_topic.items():
            self._lag.labels(topic).set(messages)
            self._commit_age.labels(topic).set((stands or {}).get(topic, 0.0))


class _Standing(Collector):
    """What stands in applier and issuer, looked at when asked."""

    def __init__(self, applier: Applier, issuer: Issuer | None) -> None:
        self.applier = applier
        self.issuer = issuer

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        partitions = list(self.applier.partitions.values())
        yield from self._balance()
        opened = sum(len(partition.due) for partition in partitions)
        yield GaugeMetricFamily("dripcode_encounters_open", "Encounters that are not closed", value=opened)
        overdue = [since for partition in partitions for since in partition.overdue()]
        yield GaugeMetricFamily(
            "dripcode_closings_due",
            "Encounters that are due to close and not closed",
            value=len(overdue),
        )
        oldest = max(0.0, time.time() - min(overdue)) if overdue else 0.0
        yield GaugeMetricFamily("dripcode_closings_due_oldest_seconds", "How long the oldest is due", value=oldest)
        if self.issuer is not None:
            stops = CounterMetricFamily(
                "dripcode_stop_times", "Infusion runs coded, by what their stop rests on", labels=["source"]
            )
            for source, number in self.issuer.stop_sources.items():
                stops.add_metric([source], number)
            yield stops

    def _balance(self) -> Iterator[Metric]:
        balance = GaugeMetricFamily(
            "dripcode_balance_messages",
            "What became of the messages of the partitions owned, since the topics began; received is the sum, and "
            "replayed tells how many of them were dead letters sent again",
            labels=["outcome"],
        )
        tallies = [partition.tally for partition in self.applier.partitions.values()]
        for outcome in ("received", "replayed", "applied", "duplicate"):
            balance.add_metric([outcome], sum(getattr(tally, outcome) for tally in tallies))
        balance.add_metric(["dead"], sum(sum(tally.dead.values()) for tally in tallies))
        balance.add_metric(["ignored"], sum(sum(tally.ignored.values()) for tally in tallies))
        yield balance
        passed = sum(tally.next_offset - tally.received for tally in tallies)
        yield GaugeMetricFamily(
            "dripcode_unaccounted_messages",
            "Offsets of the inbound topic that were passed without an outcome; what retention took before the worker "
            "first came stands here for ever, anything more is a loss",
            value=passed,
        )
