"""What was discarded of an opened container, out of notes: HL7 v2 has no field for it.

Read are "waste 95 mg", "wasted: 95 mg", "95 mg discarded" and their like, and "no waste". Two different amounts in one
text are none, since nobody knows which of them stands.
"""

from __future__ import annotations

import re
from decimal import Decimal

from hl7_parsers.events import Quantity

_AMOUNT = r"(\d{1,9}(?:,\d{3})*(?:\.\d{1,6})?|\.\d{1,6})"
_UNIT = r"((?:million |thousand |intl |international |usp )?[a-zµμ]{1,14})"
_WORD = r"(?:waste[ds]?|wastage|wasting|discard(?:ed|s)?)"
_LINK = r"(?:[ \t]*(?:amount|amt|volume|of|was|is|[:=-])){0,4}[ \t]*"
_AFTER = re.compile(rf"\b{_WORD}\b{_LINK}{_AMOUNT}[ \t]*{_UNIT}", re.IGNORECASE)
_BEFORE = re.compile(rf"(?<![\d.,]){_AMOUNT}[ \t]*{_UNIT}[ \t]+(?:was |were |of \w{{1,40}} )?{_WORD}\b", re.IGNORECASE)
_NO_WASTE = rf"\b(?:no|zero|without)[ \t]+(?:drug |medication )?{_WORD}\b"
_NOTHING = re.compile(rf"{_NO_WASTE}|\b{_WORD}\b{_LINK}(?:none|nil|0(?![\d.,]))", re.IGNORECASE)


def read_waste(text: str) -> Quantity | None:
    """The discarded amount that a note tells; an amount of 0 for "no waste", None when it tells none or several."""
    plain = text.casefold()
    if "wast" not in plain and "discard" not in plain:
        return None
    found = {
        Quantity(Decimal(match[1].replace(",", "")), match[2].strip())
        for pattern in (_AFTER, _BEFORE)
        for match in pattern.finditer(text)
    }
    told = {(quantity.amount, quantity.unit.casefold()): quantity for quantity in found}
    if len(told) == 1:
        return next(iter(told.values()))
    return Quantity(Decimal()) if not told and _NOTHING.search(text) else None
