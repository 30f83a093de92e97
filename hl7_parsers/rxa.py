"""What an RXA says besides when, in which record and in free text: a site's rows say few things, again and again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from hl7_parsers import fields, tables
from hl7_parsers.er7 import Segment
from hl7_parsers.events import Action, Quantity
from hl7_parsers.profile import SenderProfile

_ACTIONS = {"": Action.ADD, "A": Action.ADD, "U": Action.UPDATE, "D": Action.DELETE, "X": Action.ADD}  # table 0323
_NOT_KNOWN = Decimal(999)  # without a unit: how immunisation senders say that they do not know the amount


class Gathered(msgspec.Struct, gc=False):
    """Values by the event's field names, the RXA field of each, and what could not be read as meant, with its field."""

    values: dict[str, Any] = {}
    fields: dict[str, int] = {}
    doubts: list[tuple[str, int]] = []

    def put(self, name: str, value: object, field: int) -> None:
        """Take a value."""
        self.values[name] = value
        self.fields[name] = field

    def doubt(self, remark: str, field: int) -> None:
        """Take note of something that could not be read as meant."""
        self.doubts.append((remark, field))


class Said(msgspec.Struct, frozen=True, gc=False):
    """What was done with which drug, how much, how fast, how and why."""

    meaning: str
    action: Action
    is_action_known: bool
    is_empty: bool  # of everything that is said here; a deletion needs no more than its order
    pace: tuple[float, float] | None  # how much a minute, and how much in all, where both are told in one unit
    gathered: Gathered


def telling_fields(profile: SenderProfile) -> tuple[int, ...]:
    """The fields that `read_said` looks at."""
    return (profile.word_field, 21, 5, profile.dose_field, 7, 12, 26, profile.indication_field)


def read_said(rxa: Segment, is_method_told: bool, profile: SenderProfile) -> Said:
    """What a row says, where RXR has told how it was given or has not."""
    gathered = Gathered()
    word, drug_text = rxa.text(profile.word_field), rxa.text(5)
    meaning = profile.meaning(word)
    if word:
        gathered.put("word", word, profile.word_field)
    code = rxa.text(21).upper() if profile.action_codes else ""
    action = _ACTIONS.get(code, Action.ADD)
    if code:
        gathered.put("action", action, 21)
    drug, alternate = fields.codes(rxa, 5)
    if drug != fields.NO_CODE:
        gathered.put("drug", drug, 5)
    if alternate != fields.NO_CODE:
        gathered.put("alternate", alternate, 5)
    _put_amounts(rxa, gathered, profile)
    if meaning == "wasted" and "dose" in gathered.values:
        gathered.put("waste", gathered.values.pop("dose"), gathered.fields.pop("dose"))
    if meaning == "bolus":
        gathered.put("is_bolus", True, profile.word_field)
    if meaning == "push":
        gathered.put("method", "push", profile.word_field)
    elif not is_method_told:
        _put_method(rxa, meaning, gathered)
    if profile.indication_field and (reason := fields.code(rxa, profile.indication_field)) != fields.NO_CODE:
        gathered.put("indication", reason.text or reason.id, profile.indication_field)
    is_empty = action is not Action.DELETE and not word and not drug_text and not rxa.text(profile.dose_field)
    return Said(meaning, action, code in _ACTIONS, is_empty, _pace(gathered), gathered)


def _put_amounts(rxa: Segment, gathered: Gathered, profile: SenderProfile) -> None:
    """The dose and the rate. An amount per time (RXA-7 "mL/hr") is a rate."""
    rate = fields.rate(rxa.text(12))
    if rate:
        gathered.put("rate", rate, 12)
    if not rxa.text(profile.dose_field):
        return
    amount = read_amount(rxa, profile)
    if amount is None:
        gathered.doubt("AMOUNT_UNREADABLE", profile.dose_field)
    elif not fields.is_per_time(amount.unit):
        gathered.put("dose", amount, profile.dose_field)
    elif not rate:
        gathered.put("rate", amount, profile.dose_field)


def read_amount(rxa: Segment, profile: SenderProfile) -> Quantity | None:
    """The amount of a row with its unit; None when it cannot be read or is said to be unknown."""
    text, unit = rxa.text(profile.dose_field), fields.unit(rxa, 7)
    number = fields.number(text)
    if number is None:
        return fields.number_with_unit(text) if profile.dose_holds_unit else None
    return None if number == _NOT_KNOWN and not unit else Quantity(number, unit)


def _pace(gathered: Gathered) -> tuple[float, float] | None:
    dose, rate = gathered.values.get("dose"), gathered.values.get("rate")
    if dose is None or rate is None:
        return None
    per_minute = fields.per_minute(rate)
    if per_minute is None or rate.unit.rpartition("/")[0].strip().casefold() != dose.unit.casefold():
        return None
    return float(per_minute), float(dose.amount)


def _put_method(rxa: Segment, meaning: str, gathered: Gathered) -> None:
    """How it was given, where neither the word nor RXR tells: RXA-26, else that there is a rate."""
    recorded = tables.method(fields.code(rxa, 26), fields.NO_CODE)
    if recorded != tables.UNKNOWN:
        gathered.put("method", recorded, 26)
    elif meaning != "bolus" and ("rate" in gathered.values or fields.is_time_unit(rxa.text(12))):
        gathered.put("method", "infusion", gathered.fields.get("rate") or 12)
