"""What the projector says of the site as a whole, by the topics: senders, findings and their age, dead letters."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streams.metrics import Metrics
from streams.read_model import shown
from streams.read_model.shelf import Shelf
from streams.read_model.shown import DEAD_LETTER, ENCOUNTER, FINDING, SOURCE
from streams.sources import source_label

# How often the read model is asked; it costs some queries.
EVERY_SECONDS = 5.0
_MOST = 10_000
_SOURCES_MOST = 100
MISSING_STOPS = ("NO_STOP", "NO_STOP_NO_LINE", "STOP_MISSING_PUSH")
# Upper edges of the ages of missing stops, seconds.
_AGES = {"1h": 3600.0, "4h": 4 * 3600.0, "1d": 86400.0, "7d": 7 * 86400.0, "older": math.inf}


class ProjectorMetrics(Metrics, Collector):
    """Families made anew every few seconds by `look`; a scrape gets the last."""

    def __init__(self) -> None:
        super().__init__()
        self._families: list[Metric] = []
        self.projected = 0
        self.behind = 0
        self.registry.register(self)

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Sequence[Metric]:
        return [
            CounterMetricFamily("dripcode_projected_records", "Records read into the read model", value=self.projected),
            GaugeMetricFamily("dripcode_projection_behind_records", "Records still to be read", value=self.behind),
            *self._families,
        ]

    async def look(self, shelf: Shelf) -> None:
        """Ask the read model. Raises ReadModelAway."""
        self._families = [
            *await _sources(shelf),
            *await _findings(shelf),
            await _severities(shelf),
            *await _sizes(shelf),
        ]


async def _sources(shelf: Shelf) -> list[Metric]:
    names = [name for name, _ in await shelf.ranked(SOURCE, "last", _SOURCES_MOST)]
    messages = CounterMetricFamily(
        "dripcode_source_messages", "Messages on the inbound topic, by sender (MSH-3|4)", labels=["source"]
    )
    last = GaugeMetricFamily(
        "dripcode_source_last_message_timestamp_seconds", "When a sender's last message came", labels=["source"]
    )
    counted: dict[str, tuple[int, float]] = {}
    for name, value in (await shelf.documents(SOURCE, names)).items():
        source, label = shown.decode_source(value), source_label(*_split(name))
        number, at = counted.get(label, (0, 0.0))
        counted[label] = number + source.messages, max(at, source.last_at)
    for label, (number, at) in counted.items():
        messages.add_metric([label], number)
        last.add_metric([label], at)
    return [messages, last]


def _split(name: str) -> tuple[str, str]:
    application, _, facility = name.partition("|")
    return application, facility


async def _findings(shelf: Shelf) -> list[Metric]:
    """Open findings by kind, when the oldest was opened, and missing stops by age."""
    number = GaugeMetricFamily("dripcode_findings_open", "Findings that wait for a person, by kind", labels=["kind"])
    oldest = GaugeMetricFamily(
        "dripcode_findings_oldest_timestamp_seconds", "When the oldest open finding was opened", labels=["kind"]
    )
    ages: Counter[str] = Counter()
    for kind, _ in await shelf.ranked(FINDING, "kinds", _MOST):
        index = f"oldest:kind:{kind}"
        number.add_metric([kind], await shelf.size(FINDING, index))
        for _, before in await shelf.ranked(FINDING, index, 1):
            oldest.add_metric([kind], -before)
        if kind in MISSING_STOPS:
            ages.update(await _ages(shelf, index))
    missing = GaugeMetricFamily("dripcode_missing_stops", "Infusions without a stop, by age", labels=["age"])
    for age in _AGES:
        missing.add_metric([age], ages[age])
    return [number, oldest, missing]


async def _ages(shelf: Shelf, index: str) -> dict[str, int]:
    """How many of an index (scores: minus when they were opened) are of each age."""
    now, found, lower = time.time(), {}, -math.inf
    for age, edge in _AGES.items():
        upper = edge - now
        found[age] = await shelf.size(FINDING, index, (lower, upper))
        lower = math.nextafter(upper, math.inf)
    return found


async def _severities(shelf: Shelf) -> Metric:
    family = GaugeMetricFamily("dripcode_findings_by_severity", "Findings that wait, by severity", labels=["severity"])
    for severity in ("hold", "review", "notice"):
        family.add_metric([severity], await shelf.size(FINDING, f"oldest:severity:{severity}"))
    return family


async def _sizes(shelf: Shelf) -> list[Metric]:
    named: Mapping[str, tuple[str, str, str]] = {
        "dripcode_encounters_waiting": ("Encounters with an open finding", ENCOUNTER, "waiting"),
        "dripcode_dead_letters": ("Dead letters in the read model", DEAD_LETTER, "recent"),
    }
    return [
        GaugeMetricFamily(name, meaning, value=await shelf.size(kind, index))
        for name, (meaning, kind, index) in named.items()
    ]
