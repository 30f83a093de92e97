"""Cumulative histograms as Prometheus keeps them: upper edge to how many lie at or below it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

Buckets = Mapping[float, float]


def total(buckets: Buckets) -> float:
    """How many there are."""
    return max(buckets.values(), default=0.0)


def added(histograms: Iterable[tuple[float, float]]) -> dict[float, float]:
    """Samples (edge, how many) of several processes as one histogram."""
    found: dict[float, float] = {}
    for edge, number in histograms:
        found[edge] = found.get(edge, 0.0) + number
    return found


def since(before: Buckets, now: Buckets) -> dict[float, float]:
    """What has come between two looks; all of `now` when a process has begun anew in between."""
    if any(number < before.get(edge, 0.0) for edge, number in now.items()):
        return dict(now)
    return {edge: number - before.get(edge, 0.0) for edge, number in now.items()}


def quantile(buckets: Buckets, q: float) -> float:
    """The q-quantile, linear within a bucket; 0 for an empty one, infinite above the highest edge."""
    edges = sorted(buckets)
    if not edges or not buckets[edges[-1]]:
        return 0.0
    rank = q * buckets[edges[-1]]
    low, below = 0.0, 0.0
    for edge in edges:
        if buckets[edge] >= rank:
            if edge == math.inf:
                return math.inf
            share = (rank - below) / (buckets[edge] - below) if buckets[edge] > below else 1.0
            return low + (edge - low) * share
        low, below = edge, buckets[edge]
    return low
