"""What the stop times of infusions rest on: the share that was charted tells how much was not. Pure."""

from __future__ import annotations

from collections import Counter

from coding import Completion, Method
from streams.records import ClosedEncounter

_NO_STOP_EXPECTED = (Method.PUSH, Method.INJECTION)


def stop_sources(closed: ClosedEncounter) -> Counter[str]:
    """How many runs stop by what: charted, pump, person (documented afterwards), none."""
    supplied = {said.about for said in closed.supplied}
    found: Counter[str] = Counter()
    for given in closed.encounter.administrations:
        if given.completion is Completion.NOT_GIVEN or given.method in _NO_STOP_EXPECTED:
            continue
        for run in given.runs:
            if run.start is not None:
                source = "person" if given.administration_id in supplied else given.stop_source
                found[source if run.stop is not None else "none"] += 1
    return found
