"""Drug infusions at one access site: what each adds to the minutes that others have taken."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from coding.claim import Family, Role
from coding.hours import additional_hours, repeat_hours
from coding.initial import Initial
from coding.policy import Policy
from coding.rules import DrugRules, Rules
from coding.services import Draft, Note, Service, Technique
from coding.stretches import Covered, Stretches, minutes_of, union
from coding.technique import is_on_edge

# Bound once: on Python 3.11 a member looked up on its class costs ten times as much.
CHEMOTHERAPY = Family.CHEMOTHERAPY
INITIAL = Role.INITIAL
SEQUENTIAL = Role.SEQUENTIAL
ADDITIONAL_HOUR = Role.ADDITIONAL_HOUR
CONCURRENT = Role.CONCURRENT


class Concurrent(Struct, gc=False):
    """Whether the concurrent code is used up: once per encounter, or per date. The only thing that sites share."""

    scope: str
    used: set[object] = set()

    def take(self, service: Service) -> bool:
        """Say whether it was free, and use it."""
        key: object = service.start_date if self.scope == "date" else "encounter"
        if key in self.used:
            return False
        self.used.add(key)
        return True


class InfusionCoder(Struct, gc=False):
    """Codes the infusions of one site: the initial drug first, then by class, length and start.

    A minute at a site pays for one timed unit at most, so that each drug's minutes are taken as it is coded.
    """

    initial: Initial | None
    rules: Rules
    policy: Policy
    concurrent: Concurrent
    is_office: bool
    counted: Covered = field(default_factory=Covered)
    drafts: list[Draft] = []
    notes: list[Note] = []

    def code(self, infusions: Iterable[Service]) -> None:
        """Code every infusion: one lead line per drug, then its later doses."""
        by_drug: dict[str, list[Service]] = {}
        for service in infusions:
            by_drug.setdefault(service.ingredient, []).append(service)
        if self.policy.same_drug == "sum_by_dos":
            by_drug = {drug: summed_by_date(doses, self._initial_of(doses)) for drug, doses in by_drug.items()}
        groups = list(by_drug.values())
        for doses in sorted(groups, key=self._place) if len(groups) > 1 else groups:
            lead = doses[0] if len(doses) == 1 else self._initial_of(doses) or self._best(doses)
            self._code_lead(lead)
            if len(doses) > 1:
                for dose in sorted(doses, key=lambda dose: (dose.start, dose.ids)):
                    if dose is not lead:
                        self._code_repeat(dose)

    def _initial_of(self, doses: list[Service]) -> Service | None:
        """Return the dose that is the site's initial service."""
        if self.initial is not None:
            ids = self.initial.service.ids
            for dose in doses:
                if dose.ids[0] in ids:
                    return dose
        return None

    def _place(self, doses: list[Service]) -> tuple[object, ...]:
        """Return a drug's place: the initial first, then chemotherapy, then the longest, then the first."""
        longest = doses[0] if len(doses) == 1 else min(doses, key=lambda dose: (-dose.minutes, dose.start, dose.ids))
        is_chemotherapy = longest.family is CHEMOTHERAPY
        minutes = 0 if self.policy.initial_tiebreak == "first_start" else -longest.minutes
        return (self._initial_of(doses) is None, not is_chemotherapy, minutes, longest.start, longest.ids)

    def _best(self, doses: list[Service]) -> Service:
        """Return the dose with the most minutes that nothing has taken."""
        return min(doses, key=lambda dose: (-minutes_of(self.counted.left_of(dose.stretches)), dose.start, dose.ids))

    def _more(self, family: DrugRules) -> int:
        """Return the fewest minutes past a full hour that make one more."""
        return self.policy.additional_hour_min or family.additional_minutes_min

    def _code_lead(self, lead: Service) -> None:
        """Code the first line of a drug: initial, sequential, concurrent, or included in another."""
        family, day = self.rules.drugs[lead.family], lead.start_date
        if self.initial is not None and lead.ids[0] in self.initial.service.ids:
            reasons, flags, minutes = lead.reasons + self.initial.reasons, self.initial.flags, lead.minutes
            self._timed(
                Draft(lead, family.initial_code, 1, INITIAL, day, reasons, flags, (), minutes, lead.stretches), family
            )
            return
        left = self.counted.left_of(lead.stretches)
        net = minutes_of(left)
        shared = lead.minutes - net
        edge = ("BOUNDARY_MINUTE",) if net == family.initial_minutes_min - 1 else ()  # one more would be sequential
        if self.policy.overlap == "any_overlap_concurrent" and shared and lead.family is Family.THERAPEUTIC:
            self._concurrent(lead, shared, net)
        elif net >= family.initial_minutes_min or (net and "STOPPED_EARLY" in lead.flags):
            self._sequential(lead, left, net)
        elif lead.family is CHEMOTHERAPY:
            reason = self.policy.wording["CHEMO_TOGETHER"].say(net=net, shared=shared, least=family.initial_minutes_min)
            code, flags = self.rules.chemotherapy.unlisted_code, ("CHEMO_CONCURRENT", "UNLISTED", *edge)
            self.drafts.append(Draft(lead, code, 1, CONCURRENT, day, (*lead.reasons, reason), flags))
        else:
            self._concurrent(lead, shared, net, edge)

    def _sequential(self, lead: Service, left: Stretches, net: int) -> None:
        """Code a drug that has enough minutes of its own."""
        family, shared = self.rules.drugs[lead.family], lead.minutes - net
        counted, minutes = (lead.stretches, lead.minutes) if self.policy.overlap == "gross_sequential" else (left, net)
        reasons = (*lead.reasons, self.policy.wording["SEQUENTIAL"].say(minutes=minutes))
        if minutes < lead.minutes:
            reasons = (*reasons, self.policy.wording["SHARED_MINUTES"].say(shared=shared, minutes=minutes))
        flags: tuple[str, ...] = ()
        if shared and lead.family is CHEMOTHERAPY:
            flags = ("CHEMO_CONCURRENT",)
        if shared:
            more = self._more(family)
            if additional_hours(minutes, more) != additional_hours(lead.minutes, more):
                flags = (*flags, "PARTIAL_OVERLAP")
        code, day = family.sequential_code, lead.start_date
        self._timed(Draft(lead, code, 1, SEQUENTIAL, day, reasons, flags, (), minutes, counted), family)

    def _concurrent(self, lead: Service, shared: int, net: int, edge: tuple[str, ...] = ()) -> None:
        """Code a therapeutic drug that ran beside another; once, then it is included."""
        enough = 1 if self.policy.overlap == "any_overlap_concurrent" else self.policy.concurrent_min
        rule, flags = ("CONCURRENT", edge) if shared >= enough else ("CONCURRENT_PARTLY", ("PARTIAL_OVERLAP", *edge))
        if not self.concurrent.take(lead):
            self.notes += [Note(kind, lead.ids) for kind in ("CONCURRENT_INCLUDED", *flags)]
            return
        reasons = (*lead.reasons, self.policy.wording[rule].say(shared=shared, net=net))
        code = self.rules.therapeutic.concurrent_code
        self.drafts.append(Draft(lead, code, 1, CONCURRENT, lead.start_date, reasons, flags))

    def _timed(self, first: Draft, family: DrugRules) -> None:
        """Write the first hour and the additional hours of an infusion, and take its minutes."""
        service, minutes = first.service, first.minutes
        assert minutes is not None
        more = self._more(family)
        if minutes < service.minutes and is_on_edge(minutes, family.initial_minutes_min, more):
            first = replace(first, flags=(*first.flags, "BOUNDARY_MINUTE"))
        self.counted.add(service.stretches)
        self.drafts.append(first)
        hours = additional_hours(minutes, more)
        if hours and (first.role is INITIAL or self.policy.additional_hours == "every_drug"):
            self.drafts.append(further_hours(first, family.additional_code, hours, more, self.policy))

    def _code_repeat(self, dose: Service) -> None:
        """Code a later dose of a drug that has its lead line. Source: MedLearn 2025-01-13 on CPT 96366."""
        family, how = self.rules.drugs[dose.family], self.policy.same_drug
        left, more = self.counted.left_of(dose.stretches), self._more(family)
        minutes = minutes_of(left)
        least = more if how == "per_dose_31" else family.initial_minutes_min
        edge = ("BOUNDARY_MINUTE",) if is_on_edge(minutes, least, more) else ()
        if minutes < least:
            self.notes += [Note(kind, dose.ids) for kind in ("REPEAT_BELOW_MINIMUM", *edge)]
            return
        self.counted.add(dose.stretches)
        as_push = how == "as_push" and dose.family is Family.THERAPEUTIC
        if as_push and self.is_office:
            self.notes.append(Note("OFFICE_REPEAT_PUSH", dose.ids))
            return
        reasons = (*dose.reasons, self.policy.wording["REPEAT_DOSE"].say(minutes=minutes))
        flags, day = ("SAME_DRUG_REPEAT", *edge), dose.start_date
        if as_push:
            code = self.rules.therapeutic.push_repeat_code
            self.drafts.append(Draft(dose, code, 1, SEQUENTIAL, day, reasons, flags))
        elif how == "sequential":
            code = family.sequential_code
            self._timed(Draft(dose, code, 1, SEQUENTIAL, day, reasons, flags, (), minutes, left), family)
        else:
            code, hours = family.additional_code, repeat_hours(minutes, family.initial_minutes_min, more)
            self.drafts.append(Draft(dose, code, hours, ADDITIONAL_HOUR, day, reasons, flags, (), minutes, left))


def further_hours(first: Draft, code: str, hours: int, more: int, policy: Policy) -> Draft:
    """Return the draft of the hours after a first one."""
    reason = policy.wording["ADDITIONAL_HOURS"].say(minutes=first.minutes, hours=hours, more=more)
    reasons, role = (*first.service.reasons, reason), ADDITIONAL_HOUR
    day, minutes = first.service_date, first.minutes
    return Draft(first.service, code, hours, role, day, reasons, first.flags, (), minutes, first.counted, 60)


def summed_by_date(doses: list[Service], initial: Service | None) -> list[Service]:
    """Return the doses of a drug with those of one date put together as one."""
    by_date: dict[object, list[Service]] = {}
    for dose in doses:
        by_date.setdefault(dose.start_date, []).append(dose)
    return [together(parts, initial) for parts in by_date.values()]


def together(parts: list[Service], first: Service | None) -> Service:
    """Return several services of one drug as one with the minutes of all, the given one's administrations first."""
    if len(parts) == 1:
        return parts[0]
    parts = sorted(parts, key=lambda part: (part is not first, part.start, part.ids))
    stretches = union([stretch for part in parts for stretch in part.stretches])
    return replace(
        parts[0],
        given=tuple(one for part in parts for one in part.given),
        ids=tuple(dict.fromkeys(identifier for part in parts for identifier in part.ids)),
        technique=Technique.INFUSION,
        stretches=stretches,
        start=stretches[0][0],
        stop=stretches[-1][1],
        minutes=minutes_of(stretches),
        start_date=min(part.start_date for part in parts),
        flags=tuple(dict.fromkeys(flag for part in parts for flag in part.flags)),
    )
