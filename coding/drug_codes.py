"""Codes of drugs: one key for a code, however its system is named and its digits are grouped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from coding.encounter import Drug
from coding.rules import read_toml

Key = tuple[str, str]  # system, code
ANY_SYSTEM = "*"  # of a code that stands without a system
# Eleven digits with or without hyphens, or ten in the label's groups: 4-4-2, 5-3-2, 5-4-1.
NDC = re.compile(r"(\d{5})-?(\d{4})-?(\d{2})|(\d{4})-(\d{4})-(\d{2})|(\d{5})-(\d{3})-(\d{2})|(\d{5})-(\d{4})-(\d)")


def standard_ndc(text: str) -> str:
    """Return the eleven digits of an NDC as claims have them, 5-4-2; "" for ten without groups, and for anything else.

    Source: 837 implementation guides, loop 2410; FDA on the groups of an NDC.
    """
    match = NDC.fullmatch(text.strip())
    if match is None:
        return ""
    labeler, product, package = [group for group in match.groups() if group]
    return f"{labeler:0>5}{product:0>4}{package:0>2}"


def code_key(system: str, code: str) -> Key:
    """Return the key of a code: an NDC by its eleven digits. Source: HL7 table 0396 on the names of systems."""
    plain = _systems().get(system.casefold(), system.casefold())
    ndc = standard_ndc(code) if plain == "ndc" else ""
    return plain, ndc or code.casefold()


def keys_of(drug: Drug) -> Iterator[Key]:
    """Yield the keys of what a record says: its code, then the other one; each also as one of no system."""
    for system, code in ((drug.code_system, drug.code), (drug.other_system, drug.other_code)):
        if code:
            key = code_key(system, code)
            yield key
            yield "" if system else ANY_SYSTEM, key[1]


@cache
def _systems() -> dict[str, str]:
    """Return the plain names of code systems by their other names."""
    named = read_toml("drug_names.toml")["code_systems"]
    return {other: plain for plain, others in named.items() for other in others}
