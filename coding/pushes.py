"""Pushes at one access site: a new drug, the same drug again, or part of what was reported."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from operator import attrgetter

from msgspec import Struct

from coding.claim import Family, Reason, Role
from coding.dates import MINUTE
from coding.initial import Initial
from coding.policy import Policy
from coding.rules import Rules
from coding.services import Draft, Note, Service

# Bound once: on Python 3.11 a member looked up on its class costs ten times as much.
CHEMOTHERAPY = Family.CHEMOTHERAPY
BY_START = attrgetter("start")
INITIAL = Role.INITIAL
SEQUENTIAL = Role.SEQUENTIAL


class Infused(Struct, gc=False):
    """When each drug ran at a site, for the pushes of it."""

    starts: dict[str, list[int]] = {}
    stops: dict[str, list[int]] = {}  # the latest so far

    @classmethod
    def by(cls, infusions: Iterable[Service]) -> Infused:
        """Read the runs of each drug in order of start."""
        infused = cls()
        for service in sorted(infusions, key=BY_START):
            infused.starts.setdefault(service.ingredient, []).append(service.start)
            stops = infused.stops.setdefault(service.ingredient, [])
            stops.append(max(service.stop, stops[-1]) if stops else service.stop)
        return infused

    def has(self, ingredient: str) -> bool:
        """Say whether the drug was infused."""
        return ingredient in self.starts

    def last_stop(self, push: Service) -> int | None:
        """Return the latest stop of the runs that began before a push; None when it came before all of them."""
        begun = bisect_right(self.starts[push.ingredient], push.start - 1)
        return self.stops[push.ingredient][begun - 1] if begun else None


class PushCoder(Struct, gc=False):
    """Codes the pushes of one site, after its initial service in order of time."""

    initial: Initial | None
    infused: Infused
    rules: Rules
    policy: Policy
    is_office: bool
    reported: dict[str, int] = {}  # ingredient: start of its last reported push
    drafts: list[Draft] = []
    notes: list[Note] = []

    def code(self, pushes: Iterable[Service]) -> None:
        """Code every push, the initial service first."""
        initial_ids = self.initial.service.ids if self.initial else ()
        for push in sorted(pushes, key=lambda push: (push.ids != initial_ids, push.start, push.ids)):
            if push.ids == initial_ids:
                self._first(push)
            elif push.family is CHEMOTHERAPY:
                self._chemotherapy(push)
            else:
                self._therapeutic(push)

    def _first(self, push: Service) -> None:
        """Code the push that is the site's initial service."""
        assert self.initial is not None
        family = self.rules.chemotherapy if push.family is CHEMOTHERAPY else self.rules.therapeutic
        self._report(push, family.push_initial_code, INITIAL, self.initial.reasons, self.initial.flags)

    def _chemotherapy(self, push: Service) -> None:
        """Code a chemotherapy push: one per drug, and none of a drug that is infused at the site."""
        if self.infused.has(push.ingredient):
            self.notes.append(Note("CHEMO_PUSH_OF_INFUSED", push.ids))
        elif push.ingredient in self.reported:
            self.notes.append(Note("CHEMO_PUSH_AGAIN", push.ids))
        else:
            reason = self.policy.wording["PUSH_NEW_DRUG"].say()
            self._report(push, self.rules.chemotherapy.push_sequential_code, SEQUENTIAL, (reason,))

    def _therapeutic(self, push: Service) -> None:
        """Code a therapeutic push: a new drug, or the same again after the interval, which only a hospital reports."""
        infused = self.infused.has(push.ingredient)
        if not infused and push.ingredient not in self.reported:
            reason = self.policy.wording["PUSH_NEW_DRUG"].say()
            self._report(push, self.rules.therapeutic.push_sequential_code, SEQUENTIAL, (reason,))
            return
        stop = self.infused.last_stop(push) if infused else None
        if stop is not None and push.start < stop:
            self.notes.append(Note("PUSH_WHILE_RUNNING", push.ids))
        elif self.is_office:
            self.notes.append(Note("OFFICE_REPEAT_PUSH", push.ids))
        elif infused and stop is None and push.ingredient not in self.reported:
            self._bolus(push)
        else:
            self._again(push, max(filter(None, (stop, self.reported.get(push.ingredient)))))

    def _bolus(self, push: Service) -> None:
        """Code a push whose infusion follows: the drug is not new, its infusion has the line of a new drug."""
        if self.policy.bolus_drip == "none":
            self.notes.append(Note("BOLUS_INCLUDED", push.ids))
            return
        therapeutic = self.rules.therapeutic
        code = (
            therapeutic.push_sequential_code if self.policy.bolus_drip == "new_push" else therapeutic.push_repeat_code
        )
        self._report(push, code, SEQUENTIAL, (self.policy.wording["BOLUS"].say(),), ("BOLUS_DRIP",))

    def _again(self, push: Service, since: int) -> None:
        """Code the same drug again when more than the interval has passed since it was last reported or infused."""
        elapsed, interval = (push.start - since) // MINUTE, self.rules.therapeutic.push_interval_minutes
        edge = ("BOUNDARY_MINUTE",) if elapsed in (interval, interval + 1) else ()
        if elapsed <= interval:
            self.notes += [Note(kind, push.ids) for kind in ("PUSH_TOO_SOON", *edge)]
            return
        reason = self.policy.wording["PUSH_AGAIN"].say(elapsed=elapsed)
        self._report(push, self.rules.therapeutic.push_repeat_code, SEQUENTIAL, (reason,), edge)

    def _report(
        self, push: Service, code: str, role: Role, reasons: tuple[Reason, ...], flags: tuple[str, ...] = ()
    ) -> None:
        """Write one draft and remember when."""
        self.reported[push.ingredient] = push.start
        self.drafts.append(Draft(push, code, 1, role, push.start_date, (*push.reasons, *reasons), flags))
