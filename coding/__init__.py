"""Claim lines for drug administrations: an encounter in, a coded encounter out. Nothing else here is public."""

from coding.claim import (
    ClaimLine,
    CodeAtStake,
    CodedEncounter,
    Family,
    Finding,
    Reason,
    Role,
    Severity,
    Status,
)
from coding.day import code_day
from coding.drugs import DrugClass, Formulary, default_formulary
from coding.encounter import (
    Administration,
    Completion,
    Device,
    Drug,
    Encounter,
    Method,
    PatientStatus,
    Route,
    Run,
    Setting,
    StatusChange,
)
from coding.engine import code_encounter
from coding.errors import CodingError, FormularyError, NoRuleInForce, PolicyError, RuleError
from coding.explain import explain
from coding.policy import Policy, load_policy, read_policy_overrides
from coding.tables import catalogue_codes

__all__ = [
    "Administration",
    "ClaimLine",
    "CodeAtStake",
    "CodedEncounter",
    "CodingError",
    "Completion",
    "Device",
    "Drug",
    "DrugClass",
    "Encounter",
    "Family",
    "Finding",
    "Formulary",
    "FormularyError",
    "Method",
    "NoRuleInForce",
    "PatientStatus",
    "Policy",
    "PolicyError",
    "Reason",
    "Role",
    "Route",
    "RuleError",
    "Run",
    "Setting",
    "Severity",
    "Status",
    "StatusChange",
    "catalogue_codes",
    "code_day",
    "code_encounter",
    "default_formulary",
    "explain",
    "load_policy",
    "read_policy_overrides",
]
