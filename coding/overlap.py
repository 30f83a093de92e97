"""Drug infusions at one access site: what each adds to the minutes that others have taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from coding.claim import Family, Reason, Role
from coding.hours import additional_hours, repeat_hours
from coding.initial import Initial
from coding.policy import Policy
from coding.rules import ChemotherapyRules, Rules, TherapeuticRules
from coding.services import Draft, Note, Service, Technique
from coding.stretches import Covered, Stretches, minutes_of, union
from coding.technique import is_on_edge


@dataclass(slots=True)
class Concurrent:
    """Whether the concurrent code is used up: once per encounter, or per date. The only thing sites share."""

    scope: str
    used: set[object] = field(default_factory=set)

    def take(self, service: Service) -> bool:
        """Say whether it was free, and use it."""
        key: object = service.start_date if self.scope == "date" else "encounter"
        if key in self.used:
            return False
        self.used.add(key)
        return True


class InfusionCoder:
    """Codes the infusions of one site: the initial drug first, then by class, length and start."""

    def __init__(self, initial: Initial | None, rules: Rules, policy: Policy, concurrent: Concurrent) -> None:
        """Begin with no minute taken."""
        self.initial = initial
        self.rules = rules
        self.policy = policy
        self.concurrent = concurrent
        self.counted = Covered()
        self.drafts: list[Draft] = []
        self.notes: list[Note] = []

    def code(self, infusions: Iterable[Service]) -> None:
        """Code every infusion: one lead line per drug, then its later doses."""
        by_drug: dict[str, list[Service]] = {}
        for service in infusions:
            by_drug.setdefault(service.ingredient, []).append(service)
        if self.policy.same_drug == "sum_by_dos":
            by_drug = {drug: summed_by_date(doses, self._initial_of(doses)) for drug, doses in by_drug.items()}
        for doses in sorted(by_drug.values(), key=self._place):
            lead = self._initial_of(doses) or self._best(doses)
            self._code_lead(lead)
            for dose in sorted(doses, key=lambda dose: (dose.start, dose.administration_ids)):
                if dose is not lead:
                    self._code_repeat(dose)

    def _initial_of(self, doses: list[Service]) -> Service | None:
        """Return the dose that is the site's initial service."""
        if self.initial is None:
            return None
        ids = self.initial.service.administration_ids[0]
        return next((dose for dose in doses if ids in dose.administration_ids), None)

    def _place(self, doses: list[Service]) -> tuple[object, ...]:
        """Return a drug's place: the initial first, then chemotherapy, then the longest, then the first."""
        longest = min(doses, key=lambda dose: (-dose.minutes, dose.start, dose.administration_ids))
        is_chemotherapy = longest.family is Family.CHEMOTHERAPY
        order = (longest.start,) if self.policy.initial_tiebreak == "first_start" else (-longest.minutes, longest.start)
        return (self._initial_of(doses) is None, not is_chemotherapy, *order, longest.administration_ids)

    def _best(self, doses: list[Service]) -> Service:
        """Return the dose with the most minutes that nothing has taken."""
        if len(doses) == 1:
            return doses[0]
        return min(
            doses,
            key=lambda dose: (-minutes_of(self.counted.left_of(dose.stretches)), dose.start, dose.administration_ids),
        )

    def _family(self, service: Service) -> ChemotherapyRules | TherapeuticRules:
        """Return the rules of a drug's family."""
        return self.rules.chemotherapy if service.family is Family.CHEMOTHERAPY else self.rules.therapeutic

    def _code_lead(self, lead: Service) -> None:
        """Code the first line of a drug: initial, sequential, concurrent, or included in another."""
        family = self._family(lead)
        if self.initial is not None and lead.administration_ids[0] in self.initial.service.administration_ids:
            self._timed(
                lead, lead.stretches, family.initial_code, Role.INITIAL, self.initial.reasons, self.initial.flags
            )
            return
        left = self.counted.left_of(lead.stretches)
        net, gross = minutes_of(left), lead.minutes
        shared = gross - net
        if self.policy.overlap == "any_overlap_concurrent" and shared and lead.family is Family.THERAPEUTIC:
            self._concurrent(lead, shared, net)
        elif net >= family.initial_minutes_min:
            self._sequential(lead, left, shared)
        elif lead.family is Family.CHEMOTHERAPY:
            flags = ("CHEMO_CONCURRENT", "UNLISTED")
            reason = self.policy.wording["CHEMO_TOGETHER"].say(net=net, shared=shared, least=family.initial_minutes_min)
            self._add(lead, self.rules.chemotherapy.unlisted_code, 1, Role.CONCURRENT, (reason,), flags=flags)
        else:
            self._concurrent(lead, shared, net)

    def _sequential(self, lead: Service, left: Stretches, shared: int) -> None:
        """Code a drug that has enough minutes of its own."""
        counted = lead.stretches if self.policy.overlap == "gross_sequential" else left
        minutes = minutes_of(counted)
        reasons = [self.policy.wording["SEQUENTIAL"].say(minutes=minutes)]
        if counted is not lead.stretches and shared:
            reasons.append(self.policy.wording["SHARED_MINUTES"].say(shared=shared, minutes=minutes))
        flags: tuple[str, ...] = ()
        if shared and lead.family is Family.CHEMOTHERAPY:
            flags = ("CHEMO_CONCURRENT",)
        if shared and additional_hours(minutes, self._more(lead)) != additional_hours(lead.minutes, self._more(lead)):
            flags = (*flags, "PARTIAL_OVERLAP")
        self._timed(lead, counted, self._family(lead).sequential_code, Role.SEQUENTIAL, tuple(reasons), flags)

    def _concurrent(self, lead: Service, shared: int, net: int) -> None:
        """Code a therapeutic drug that ran beside another; once, then it is included."""
        enough = 1 if self.policy.overlap == "any_overlap_concurrent" else self.policy.concurrent_min
        flags = () if shared >= enough else ("PARTIAL_OVERLAP",)
        if not self.concurrent.take(lead):
            self.notes.append(Note("CONCURRENT_INCLUDED", lead.administration_ids))
            self.notes += [Note(kind, lead.administration_ids) for kind in flags]
            return
        reason = self.policy.wording["CONCURRENT"].say(shared=shared, net=net)
        self._add(lead, self.rules.therapeutic.concurrent_code, 1, Role.CONCURRENT, (reason,), flags=flags)

    def _more(self, service: Service) -> int:
        """Return the fewest minutes past a full hour that make one more."""
        return self.policy.additional_hour_min or self._family(service).additional_minutes_min

    def _timed(
        self,
        service: Service,
        counted: Stretches,
        code: str,
        role: Role,
        reasons: tuple[Reason, ...],
        flags: tuple[str, ...],
    ) -> None:
        """Write the first hour and the additional hours of a lead infusion, and take its minutes."""
        minutes = service.minutes if counted is service.stretches else minutes_of(counted)
        more = self._more(service)
        if counted is not service.stretches and is_on_edge(minutes, self._family(service).initial_minutes_min, more):
            flags = (*flags, "BOUNDARY_MINUTE")
        self.counted.add(service.stretches)
        self._add(service, code, 1, role, reasons, counted, 0, minutes, flags)
        if hours := additional_hours(minutes, more):
            reason = self.policy.wording["ADDITIONAL_HOURS"].say(minutes=minutes, hours=hours, more=more)
            additional = self._family(service).additional_code
            self._add(service, additional, hours, Role.ADDITIONAL_HOUR, (reason,), counted, 60, minutes, flags)

    def _code_repeat(self, dose: Service) -> None:
        """Code a later dose of a drug that has its lead line. Source: MedLearn 2025-01-13 on CPT 96366."""
        family, how = self._family(dose), self.policy.same_drug
        left = self.counted.left_of(dose.stretches)
        minutes = minutes_of(left)
        least = self._more(dose) if how == "per_dose_31" else family.initial_minutes_min
        if minutes < least:
            self.notes.append(Note("REPEAT_BELOW_MINIMUM", dose.administration_ids))
            return
        self.counted.add(dose.stretches)
        reason = self.policy.wording["REPEAT_DOSE"].say(minutes=minutes)
        flags = ("SAME_DRUG_REPEAT",)
        if how == "as_push" and dose.family is Family.THERAPEUTIC:
            self._add(dose, self.rules.therapeutic.push_repeat_code, 1, Role.SEQUENTIAL, (reason,), flags=flags)
        elif how == "sequential":
            self._timed(dose, left, family.sequential_code, Role.SEQUENTIAL, (reason,), flags)
        else:
            hours = repeat_hours(minutes, family.initial_minutes_min, self._more(dose))
            self._add(dose, family.additional_code, hours, Role.ADDITIONAL_HOUR, (reason,), left, 0, minutes, flags)

    def _add(  # noqa: PLR0913 - the fields of a draft
        self, service: Service, code: str, units: int, role: Role, reasons: tuple[Reason, ...], counted: Stretches = (),
        first_minute: int = 0, minutes: int | None = None, flags: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """Write one draft."""
        whole = (*service.reasons, *reasons)
        self.drafts.append(Draft(service, code, units, role, whole, counted, first_minute, minutes, flags))


def summed_by_date(doses: list[Service], initial: Service | None) -> list[Service]:
    """Return the doses of a drug with those of one date put together as one."""
    by_date: dict[object, list[Service]] = {}
    for dose in doses:
        by_date.setdefault(dose.start_date, []).append(dose)
    return [together(parts, initial) for parts in by_date.values()]


def together(parts: list[Service], first: Service | None) -> Service:
    """Return several services of one drug as one, with the minutes of all."""
    if len(parts) == 1:
        return parts[0]
    parts = sorted(parts, key=lambda part: (part is not first, part.start, part.administration_ids))
    lead = parts[0]
    stretches = union(stretch for part in parts for stretch in part.stretches)
    ids = (
        lead.administration_ids[0],
        *sorted({i for part in parts for i in part.administration_ids} - {lead.administration_ids[0]}),
    )
    return Service(
        tuple(one for part in parts for one in part.given), ids, lead.ingredient, lead.family, Technique.INFUSION, lead.site,
        stretches, stretches[0][0], stretches[-1][1], minutes_of(stretches), min(part.start_date for part in parts),
        lead.resource_rank, tuple(dict.fromkeys(flag for part in parts for flag in part.flags)), lead.reasons,
    )  # fmt: skip
