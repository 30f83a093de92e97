"""What every fault of the suite is: it strikes a few times while messages are being sent, and is mended in between."""

from __future__ import annotations

import time
from collections.abc import Mapping
from random import Random

from streams.demo.stage import Stage

Span = tuple[float, float]  # seconds, from and to


class Fault:
    """Strikes `times` times, each after a pause, and is mended when it has lasted so long.

    It is called over and over; all of its chance comes from `chance`, so that a seed strikes again in the same way
    (as far as the machine's own timing allows).
    """

    name = ""
    lasts: Span = (0.0, 0.0)  # of one strike; 0 for what is done at once
    pause: Span = (1.0, 3.0)  # before each strike
    route: int | None = None  # the port that the sender is to use in place of the listener's

    def __init__(self, chance: Random, times: int = 1) -> None:
        self.chance = chance
        self.times = times
        self.struck = 0
        self._strikes_at = 0.0  # by the monotonic clock; 0.0 until it begins
        self._mended_at: float | None = None  # while it stands

    @property
    def environment(self) -> Mapping[str, str]:
        """What the processes under test need in their environment for it."""
        return {}

    def begin(self, stage: Stage) -> None:
        """Called once, with listener and worker ready."""

    def strike(self, stage: Stage) -> None:
        """Do the damage."""
        raise NotImplementedError

    def mend(self, stage: Stage) -> None:
        """Undo it."""

    @property
    def is_over(self) -> bool:
        """It has struck as often as it was meant to, and is mended."""
        return self.struck == self.times and self._mended_at is None

    @property
    def is_standing(self) -> bool:
        return self._mended_at is not None

    def __call__(self, stage: Stage) -> None:
        now = time.monotonic()
        if not self._strikes_at:
            self._strikes_at = now + self.chance.uniform(*self.pause)
        if self._mended_at is not None:
            if now >= self._mended_at:
                self.end(stage)
                self._strikes_at = time.monotonic() + self.chance.uniform(*self.pause)
        elif self.struck < self.times and now >= self._strikes_at:
            self._mended_at = now + self.chance.uniform(*self.lasts)
            self.struck += 1
            self.strike(stage)

    def end(self, stage: Stage) -> None:
        """Mend it if it stands, whatever its time."""
        if self._mended_at is not None:
            self._mended_at = None
            self.mend(stage)
