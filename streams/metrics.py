"""What Prometheus scrapes. Low-cardinality labels, base units, never anything of a patient."""

from __future__ import annotations

from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from coding.tables import rules_version
from streams.sources import Sources

_LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics of one process, on a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        build = Gauge(
            "dripcode_build_info", "1, labelled with the versions", ["version", "rules"], registry=self.registry
        )
        build.labels(version("dripcode"), rules_version()).set(1)
        ProcessCollector(namespace="dripcode", registry=self.registry)


class ListenerMetrics(Metrics):
    """Of the MLLP listener: connections, messages, acknowledgements and how long they took."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self.connections = Gauge("dripcode_mllp_connections", "Open connections", registry=registry)
        self.received = Counter("dripcode_mllp_messages", "Messages appended, by type", ["type"], registry=registry)
        self.sources = Sources(registry)
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
