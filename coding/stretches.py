"""Stretches of running time and what of them is not taken yet. All times are microseconds since 1970."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from msgspec import Struct

from coding.dates import MINUTE

Stretches = tuple[tuple[int, int], ...]  # (start, stop) pairs in order, none touching the next


def minutes_of(stretches: Iterable[tuple[int, int]]) -> int:
    """Return the whole minutes of all stretches together; the rest of a minute is dropped once."""
    ran = 0
    for start, stop in stretches:
        ran += stop - start
    return ran // MINUTE


def union(stretches: Iterable[tuple[int, int]]) -> Stretches:
    """Return the stretches in order, those that overlap or touch made one."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(stretches):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return tuple(joined)


def within(stretches: Stretches, opens: int, closes: int) -> Stretches:
    """Return what of the stretches lies between two instants."""
    return tuple([(max(s, opens), min(e, closes)) for s, e in stretches if min(e, closes) > max(s, opens)])


def moment_after(stretches: Stretches, minutes: int) -> int:
    """Return the instant at which so many minutes of the stretches have run; their last stop when they never do."""
    left = minutes * MINUTE
    for start, stop in stretches:
        if left < stop - start:
            return start + left
        left -= stop - start
    return stretches[-1][1]


class Covered(Struct, gc=False):
    """Time that something has taken, kept in order so that a question costs the logarithm of what is kept."""

    starts: list[int] = []
    stops: list[int] = []

    @classmethod
    def by(cls, stretches: Iterable[tuple[int, int]]) -> Covered:
        """Return the time that some stretches take."""
        covered = cls()
        covered.add(union(stretches))
        return covered

    def add(self, stretches: Stretches) -> None:
        """Take the stretches too."""
        for start, stop in stretches:
            if not self.stops or start > self.stops[-1]:  # as most often
                self.starts.append(start)
                self.stops.append(stop)
                continue
            first = bisect_left(self.stops, start)
            last = bisect_right(self.starts, stop)
            reached = first < last  # what is taken already and touches the stretch becomes one with it
            earliest = min(start, self.starts[first]) if reached else start
            latest = max(stop, self.stops[last - 1]) if reached else stop
            self.starts[first:last] = [earliest]
            self.stops[first:last] = [latest]

    def left_of(self, stretches: Stretches) -> Stretches:
        """Return what of the stretches is not taken."""
        starts, stops = self.starts, self.stops
        if not (starts and stretches) or stretches[-1][1] <= starts[0] or stops[-1] <= stretches[0][0]:
            return stretches
        left: list[tuple[int, int]] = []
        for start, stop in stretches:
            at = start
            for taken in range(bisect_right(stops, start), bisect_left(starts, stop)):
                if starts[taken] > at:
                    left.append((at, starts[taken]))
                at = stops[taken]
            if at < stop:
                left.append((at, stop))
        return tuple(left)

    def minutes_in(self, stretches: Stretches) -> int:
        """Return the whole minutes of the stretches that are taken."""
        ran = sum([stop - start for start, stop in stretches])
        return (ran - sum([stop - start for start, stop in self.left_of(stretches)])) // MINUTE

    def touches(self, stretches: Stretches) -> bool:
        """Say whether any of the stretches is taken."""
        return any(bisect_right(self.stops, start) < bisect_left(self.starts, stop) for start, stop in stretches)
