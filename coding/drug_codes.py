"""Codes of drugs: one key for a code, however its system is named and its digits are grouped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from coding.encounter import Drug
from coding.rules import read_toml

Key = tuple[str, str]  # system, code
ANY_SYSTEM = "*"  # of a code that stands without a system
NDC_GROUPS = re.compile(r"(\d{1,5})-(\d{1,4})-(\d{1,2})")


def code_key(system: str, code: str) -> Key:
    """Return the key of a code. NDCs of ten digits are filled to 5-4-2, as claims have them.

    Source: 837 implementation guides, loop 2410; HL7 table 0396 on the names of systems.
    """
    plain = _systems().get(system.casefold(), system.casefold())
    if plain == "ndc" and (groups := NDC_GROUPS.fullmatch(code)):
        labeler, product, package = groups.groups()
        return plain, f"{labeler:0>5}{product:0>4}{package:0>2}"
    return plain, code.casefold()


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
