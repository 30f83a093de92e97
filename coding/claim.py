"""What is returned: claim lines with their reasons, and findings for a person."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from coding.encounter import Drug, Measure


class Status(StrEnum):
    """`ready`: bill it. `review`: proposed, a person should confirm. `hold`: not proposed, something is missing."""

    READY = "ready"
    REVIEW = "review"
    HOLD = "hold"


class Family(StrEnum):
    """The service family of a claim line."""

    HYDRATION = "hydration"
    THERAPEUTIC = "therapeutic"
    CHEMOTHERAPY = "chemotherapy"
    OTHER = "other"  # transfusion, vaccine: lines that are next to ours, not of our families


class Role(StrEnum):
    """The role a service has at its access site."""

    INITIAL = "initial"
    SEQUENTIAL = "sequential"
    CONCURRENT = "concurrent"
    ADDITIONAL_HOUR = "additional_hour"
    DRUG = "drug"  # the line of the drug itself
    STANDALONE = "standalone"  # outside the contest for the initial service: injections, pump starts ...


class Severity(StrEnum):
    """How much a finding matters: does it hold a line, ask for a look, or only inform."""

    HOLD = "hold"
    REVIEW = "review"
    NOTICE = "notice"


class Reason(Struct, frozen=True, gc=False):
    """One step that produced a line: the rule's id, what it did here in a sentence, and its source."""

    rule: str
    text: str
    source: str


class CodeAtStake(Struct, frozen=True, gc=False):
    """A code and the units of it that depend on a finding."""

    code: str
    units: int


class BilledDrug(Struct, frozen=True, gc=False, kw_only=True):
    """What the line of a drug says besides. Amounts are in the measure of the code's own unit."""

    ndc: str  # eleven digits; "" when it is not known
    ndc_quantity: Decimal | None
    ndc_unit: str  # F2, GR, ME, ML, UN
    dose: Measure  # given
    waste: Measure  # discarded
    revenue_code: str
    department: str
    lots: tuple[str, ...]


class ClaimLine(Struct, frozen=True, gc=False):
    """A code with units, modifiers and reasons. `claim_line_id` depends on the content alone."""

    claim_line_id: str
    status: Status
    service_date: date
    code: str
    code_system: str
    modifiers: tuple[str, ...]
    units: int
    service_family: Family
    role: Role
    access_site: str
    drug: Drug
    minutes: int | None  # counted minutes behind the line; None where the code is not timed
    administration_ids: tuple[str, ...]
    message_control_ids: tuple[str, ...]
    reasons: tuple[Reason, ...]
    findings: tuple[str, ...]  # finding ids
    drug_line_ids: tuple[str, ...] = ()  # of an administration: the lines of its drugs
    billed: BilledDrug | None = None  # of a drug's own line


class Finding(Struct, frozen=True, gc=False):
    """Something a person must look at. `kind` is an id of the published list in coding/data/findings.toml."""

    finding_id: str
    kind: str
    severity: Severity
    administration_ids: tuple[str, ...]
    message_control_ids: tuple[str, ...]
    text: str
    codes_at_stake: tuple[CodeAtStake, ...] = ()


class CodedEncounter(Struct, frozen=True, gc=False, kw_only=True):
    """Everything one encounter came to. Lines in order of date, rank and time; findings in order of kind.

    `claim_set_id` is the same for the same encounter content, rules and policy, on any machine.
    """

    claim_set_id: str
    encounter_id: str
    lines: tuple[ClaimLine, ...]
    findings: tuple[Finding, ...]
    rules_version: str
    policy: str
