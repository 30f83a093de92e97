"""What Prometheus scrapes. Low-cardinality labels, base units, never anything of a patient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.apply import Applier, Counts

_LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics of one process, on a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        build = Gauge("dripcode_build_info", "1, labelled with the version", ["version"], registry=self.registry)
        build.labels(version("dripcode")).set(1)


class WorkerMetrics(Metrics):
    """Of the worker: the balance, closings, claim lines, lag."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self._outcomes = Counter(
            "dripcode_messages",
            "Inbound messages by what became of them; received is their sum",
            ["outcome", "reason"],
            registry=registry,
        )
        self._closings = Counter("dripcode_encounters_closed", "Closings by cause", ["cause"], registry=registry)
        self._open = Gauge("dripcode_encounters_open", "Encounters that are not closed", registry=registry)
        self._lines = Counter(
            "dripcode_claim_lines", "Claim lines published", ["family", "action", "status"], registry=registry
        )
        self._units = Counter("dripcode_claim_units", "Units on lines that stand", ["family"], registry=registry)
        self._lag = Gauge("dripcode_lag_messages", "Messages waiting, by topic", ["topic"], registry=registry)
        self._balance = Gauge(
            "dripcode_balance_messages",
            "What became of the messages of the partitions owned, since the topics began; received is the sum, and "
            "replayed tells how many of them were dead letters sent again",
            ["outcome"],
            registry=registry,
        )

    def applied(self, counts: Counts, applier: Applier) -> None:
        """Count one batch of the assemble agent."""
        for (outcome, reason), number in counts.outcomes.items():
            self._outcomes.labels(outcome, reason).inc(number)
        for cause, number in counts.closings.items():
            self._closings.labels(cause).inc(number)
        self._open.set(sum(len(partition.due) for partition in applier.partitions.values()))
        tallies = [partition.tally for partition in applier.partitions.values()]
        self._balance.labels("received").set(sum(tally.received for tally in tallies))
        self._balance.labels("replayed").set(sum(tally.replayed for tally in tallies))
        self._balance.labels("applied").set(sum(tally.applied for tally in tallies))
        self._balance.labels("duplicate").set(sum(tally.duplicate for tally in tallies))
        self._balance.labels("dead").set(sum(sum(tally.dead.values()) for tally in tallies))
        self._balance.labels("ignored").set(sum(sum(tally.ignored.values()) for tally in tallies))

    def issued(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Count published claim lines."""
        for line in lines:
            self._lines.labels(line["service_family"], line["action"], line["status"]).inc()
            if line["action"] == "add":
                self._units.labels(line["service_family"]).inc(line["units"])

    def lag(self, by_topic: Mapping[str, int]) -> None:
        for topic, messages in by_topic.items():
            self._lag.labels(topic).set(messages)


class ListenerMetrics(Metrics):
    """Of the MLLP listener: connections, messages, acknowledgements and how long they took."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self.connections = Gauge("dripcode_mllp_connections", "Open connections", registry=registry)
        self.received = Counter("dripcode_mllp_messages", "Messages appended, by type", ["type"], registry=registry)
        self.acknowledgements = Counter(
            "dripcode_mllp_acknowledgements", "Answers sent, by code", ["code"], registry=registry
        )
        self.problems = Counter(
            "dripcode_mllp_problems",
            "Messages with something wrong, by what it is and what the policy said",
            ["reason", "verdict"],
            registry=registry,
        )
        self.ack_seconds = Histogram(
            "dripcode_mllp_ack_seconds",
            "From the last byte of a message to its answer",
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        self.refused = Counter(
            "dripcode_mllp_refused",
            "Connections refused or ended by the listener, by reason",
            ["reason"],
            registry=registry,
        )
        self.cannot_store = Gauge("dripcode_mllp_cannot_store", "1 while the broker takes nothing", registry=registry)
        self.certificate_expires = Gauge(
            "dripcode_mllp_certificate_expires_seconds",
            "When the listener's certificate ends, in seconds since 1970; 0 without TLS",
            registry=registry,
        )
