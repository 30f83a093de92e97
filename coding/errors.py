"""What can be wrong with the rules. Clinical data that is wrong is a finding, never an error.

CodingError
├── RuleError               the rules, the policy or the drug dictionary cannot be used
│   ├── NoRuleInForce       a date of service before the first row or after the end of a rule
│   └── TableError          a table of coding/data does not have the shape its reader demands
├── PolicyError             an unknown switch or value in a site's policy
└── FormularyError          a site's drug dictionary cannot be read; names the line
"""

from __future__ import annotations


class CodingError(Exception):
    """The base of everything `coding` raises."""


class RuleError(CodingError):
    """The rules are wrong: do not code the encounter."""


class NoRuleInForce(RuleError):
    """No row of a rule holds on the date of service. We refuse to guess."""


class TableError(RuleError):
    """A table of coding/data is not as its reader demands."""


class PolicyError(CodingError):
    """A policy names a switch or a value that is not known; the text names the nearest known one."""


class FormularyError(CodingError):
    """A drug dictionary cannot be read; the text names the line and what to do."""
