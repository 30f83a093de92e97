"""RAS: what was given. One event per RXA row, or per mixture that several rows describe.

HL7 v2 chapter 4A. RXA-3 is the time of the event that the row is about (a start, a rate change, a stop); RXA-4 means
something only where it is later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from hl7_parsers import events, fields, tables
from hl7_parsers.draft import Draft
from hl7_parsers.er7 import Er7, Segment
from hl7_parsers.events import Action, AdministrationEvent, Code, Component, Quantity, Remark, Time
from hl7_parsers.fields import at
from hl7_parsers.header import Times
from hl7_parsers.orders import (
    NO_PARTS,
    Parts,
    Row,
    Run,
    components,
    join_texts,
    note_text,
    order_groups,
    put_order,
    put_route,
)
from hl7_parsers.profile import SenderProfile
from hl7_parsers.timestamps import TO_THE_MINUTE, TOO_COARSE, Clock, ReadTime, read_time

_MOMENTS: dict[str, type[AdministrationEvent]] = {
    "stopped": events.AdministrationStopped,
    "paused": events.AdministrationPaused,
    "resumed": events.AdministrationResumed,
    "rate_changed": events.AdministrationRateChanged,
    "running": events.AdministrationRateChanged,
    "not_given": events.AdministrationNotGiven,
    "voided": events.AdministrationVoided,
    "unclear": events.AdministrationUnclear,
}
_NO_TIME = ReadTime()
_PARTS_MAX = 200  # of one mixture; a message that lists more would make each of its events that long
_NEED_NO_TIME = frozenset({"not_given", "voided", "unclear"})
_ACTIONS = {"": Action.ADD, "A": Action.ADD, "U": Action.UPDATE, "D": Action.DELETE, "X": Action.ADD}  # table 0323
# Drugs of one bag or syringe can be one row each on these routes; two tablets or two injections stay two.
_MIXTURE_ROUTES = frozenset({"intravenous", "intra_arterial", "subcutaneous", "epidural", "unknown"})
_RATE_FACTOR_MAX = 1.5  # between what rate and time make and the amount; a last bag may run out early
_NOT_KNOWN = Decimal(999)  # without a unit: how immunisation senders say that they do not know the amount


@dataclass(frozen=True, slots=True)
class Mixture:
    """The rows of one administration: one, or one per ingredient."""

    rows: list[Row]
    parts: Parts  # what RXC lists, where that can only be about these rows

    @property
    def rxa(self) -> Segment:
        """The row that stands for all."""
        return self.rows[0].rxa


def read_administrations(message: Er7, times: Times, profile: SenderProfile) -> list[AdministrationEvent]:
    """The events of a RAS message, in its order. Rows that say nothing happened are remarked on in `times`."""
    found: list[AdministrationEvent] = []
    for group in order_groups(message):
        if not group.runs:
            continue
        of_order = Draft({name: True for name in ("order_is_bag", "rows_join") if getattr(profile, name)})
        put_order(group, of_order, times, profile)
        parts = components(group, profile)
        rows_of_order = [row for run in group.runs for row in run.rows]
        is_only_drug = not parts.parts or len({fields.code(row.rxa, 5) for row in rows_of_order}) == 1
        for run in group.runs:
            draft = of_order.copy()
            if (rxr := run.rxr or group.rxr) is not None:
                put_route(rxr, draft)
            for rows in mixtures(run, draft.values.get("route", tables.UNKNOWN), profile):
                mixture = Mixture(rows, parts if is_only_drug or len(rows) > 1 else NO_PARTS)
                event = _event(mixture, draft, times, profile)
                if event is not None:
                    found.append(event)
    return found


def mixtures(run: Run, route: str, profile: SenderProfile) -> Iterator[list[Row]]:
    """The rows of each administration of a run: those of different drugs with the same times are one mixture.

    If the sender means that, and if drugs can be mixed on that route.
    """
    if len(run.rows) == 1 or profile.ingredients != "same_times" or route not in _MIXTURE_ROUTES:
        yield from ([row] for row in run.rows)
        return
    alike: dict[tuple[str, ...], list[Row]] = {}
    for row in run.rows:
        rxa = row.rxa
        alone = "" if rxa.text(3) else str(rxa.number)
        key = (rxa.text(3), rxa.text(4), rxa.text(profile.word_field), rxa.text(21), alone)
        alike.setdefault(key, []).append(row)
    for rows in alike.values():
        if len({fields.code(row.rxa, 5) for row in rows}) == len(rows):
            yield rows
        else:
            yield from ([row] for row in rows)


def _event(mixture: Mixture, shared: Draft, times: Times, profile: SenderProfile) -> AdministrationEvent | None:
    """The event of one administration row; None when its word says that nothing happened."""
    rxa = mixture.rxa
    word = rxa.text(profile.word_field)
    if not word and not any(map(rxa.text, (3, 4, 5, profile.dose_field))):
        times.remarks.append(Remark("ROW_EMPTY", at(rxa, 3)))
        return None
    meaning = profile.meaning(word)
    if meaning == "silent":
        times.remarks.append(Remark("ACTION_WITHOUT_EVENT", at(rxa, profile.word_field)))
        return None
    draft = shared.copy()
    if word:
        draft.put("word", word, at(rxa, profile.word_field))
    if meaning == "flushed":  # not a drug by itself: the word goes with the notes, where that is looked for
        draft.put("note", join_texts([draft.values.get("note", ""), word]), at(rxa, profile.word_field))
    if meaning == "unclear":
        draft.doubt("ACTION_UNKNOWN", at(rxa, profile.word_field))
    start, stop = _put_times(rxa, draft, times.clock, profile)
    if start is None and stop is None and not rxa.text(3) and meaning not in _NEED_NO_TIME:
        draft.doubt("TIME_MISSING", at(rxa, 3))
    _put_identity(rxa, draft, times.clock, profile)
    _put_amounts(rxa, draft, profile)
    if start and stop and "rate" in draft.values and "dose" in draft.values:
        _doubt_rate(draft, (stop.at - start.at).total_seconds() / 60)
    _put_method(rxa, meaning, draft)
    _put_parts(mixture, draft, profile)
    _put_texts(mixture, draft, profile)
    if profile.blood_unit_field:
        _put_blood(rxa, draft, profile)
    kind = _kind(meaning, start, stop, draft.values.get("action", Action.ADD))
    return kind(**draft.values, places=draft.places, remarks=tuple(draft.remarks))


def _kind(meaning: str, start: Time | None, stop: Time | None, action: Action) -> type[AdministrationEvent]:
    """Which event a row is, by its action code, its word and its times."""
    if action is Action.DELETE:
        return events.AdministrationVoided
    if meaning in _MOMENTS and not (meaning == "stopped" and start and stop):
        return _MOMENTS[meaning]
    if stop is None:
        return events.AdministrationStarted
    return events.AdministrationGiven if start else events.AdministrationStopped


def _put_times(rxa: Segment, draft: Draft, clock: Clock, profile: SenderProfile) -> tuple[Time | None, Time | None]:
    """RXA-3 and RXA-4. The stop counts where it is later than the start, or alone."""
    start = _exact_time(rxa, 3, draft, clock).time
    found = _exact_time(rxa, 4, draft, clock) if profile.stop_is == "end" else _NO_TIME
    stop = found.time
    if start and stop and found.later and stop.at <= start.at:
        stop = found.later  # the night the clock goes back: 01:30 to 01:15 is 45 minutes
    if start and stop and stop.at <= start.at:
        if stop.at < start.at:
            draft.doubt("STOP_BEFORE_START", at(rxa, 4))
        if stop.at < start.at or profile.equal_times == "open":
            stop = None
    if start:
        draft.put("at", start, at(rxa, 3))
    if stop:
        draft.put("stop", stop, at(rxa, 4))
    return start, stop


def _exact_time(rxa: Segment, number: int, draft: Draft, clock: Clock) -> ReadTime:
    """A time that minutes will be counted from; anything wrong with it is remarked on."""
    text = rxa.text(number)
    if not text:
        return _NO_TIME
    found = read_time(text, clock)
    if found.remark:
        draft.doubt(found.remark, at(rxa, number))
    if found.time and found.time.precision not in TO_THE_MINUTE:
        draft.doubt(TOO_COARSE, at(rxa, number))
    return found


def _put_identity(rxa: Segment, draft: Draft, clock: Clock, profile: SenderProfile) -> None:
    """Which administration it is, what the sender asks, and when it was charted."""
    sub_id = rxa.text(profile.sub_id_field) if profile.sub_id_field else ""
    if sub_id:
        draft.put("sub_id", sub_id, at(rxa, profile.sub_id_field))
    code = rxa.text(21).upper() if profile.action_codes else ""
    if code:
        if code not in _ACTIONS:
            draft.doubt("ACTION_CODE_UNKNOWN", at(rxa, 21))
        draft.put("action", _ACTIONS.get(code, Action.ADD), at(rxa, 21))
    entered, remark, _ = read_time(rxa.text(profile.entered_field), clock)
    if remark:
        draft.doubt(remark, at(rxa, profile.entered_field))
    if entered:
        draft.put("entered", entered, at(rxa, profile.entered_field))


def _put_amounts(rxa: Segment, draft: Draft, profile: SenderProfile) -> None:
    """The dose and the rate. An amount per time (RXA-7 "mL/hr") is a rate."""
    rate = fields.rate(rxa.text(12))
    if rate:
        draft.put("rate", rate, at(rxa, 12))
    text = rxa.text(profile.dose_field)
    if not text:
        return
    amount = _amount(text, fields.unit(rxa, 7), profile)
    if amount is None:
        draft.doubt("AMOUNT_UNREADABLE", at(rxa, profile.dose_field))
    elif not fields.is_per_time(amount.unit):
        draft.put("dose", amount, at(rxa, profile.dose_field))
    elif not rate:
        draft.put("rate", amount, at(rxa, profile.dose_field))


def _doubt_rate(draft: Draft, minutes: float) -> None:
    """Remark on a rate that cannot have given the amount in that time; nobody can tell which of them is wrong."""
    dose, rate = draft.values["dose"], draft.values["rate"]
    per_minute = fields.per_minute(rate)
    if per_minute is None or rate.unit.rpartition("/")[0].strip().casefold() != dose.unit.casefold():
        return
    expected, amount = float(per_minute) * minutes, float(dose.amount)
    if not amount / _RATE_FACTOR_MAX <= expected <= amount * _RATE_FACTOR_MAX:
        draft.doubt("RATE_CONTRADICTS", draft.places["rate"])


def _amount(text: str, unit: str, profile: SenderProfile) -> Quantity | None:
    number = fields.number(text)
    if number is None:
        return fields.number_with_unit(text) if profile.dose_holds_unit else None
    return None if number == _NOT_KNOWN and not unit else Quantity(number, unit)


def _put_method(rxa: Segment, meaning: str, draft: Draft) -> None:
    """How it was given: the word, else RXR-4, else RXA-26, else that there is a rate."""
    if meaning == "push":
        draft.put("method", "push", draft.places["word"])
    elif "method" not in draft.values:
        order_type = fields.code(rxa, 26)
        recorded = tables.method(order_type, fields.NO_CODE)
        if recorded != tables.UNKNOWN:
            draft.put("method", recorded, at(rxa, 26))
        elif meaning != "bolus" and ("rate" in draft.values or fields.is_time_unit(rxa.text(12))):
            draft.put("method", "infusion", draft.places.get("rate") or at(rxa, 12))


def _put_parts(mixture: Mixture, draft: Draft, profile: SenderProfile) -> None:
    """The drug, and the parts of the mixture where there are two or more."""
    drug, alternate = fields.codes(mixture.rxa, 5)
    if drug != fields.NO_CODE:
        draft.put("drug", drug, at(mixture.rxa, 5))
    if alternate != fields.NO_CODE:
        draft.put("alternate", alternate, at(mixture.rxa, 5))
    parts = _parts(mixture, drug, draft.values.get("dose"), profile)
    if len(parts.parts) > 1:
        draft.put("components", parts.parts[:_PARTS_MAX], parts.place)
        if len(parts.parts) > _PARTS_MAX:
            draft.doubt("TOO_MANY_COMPONENTS", parts.place)


def _parts(mixture: Mixture, drug: Code, dose: Quantity | None, profile: SenderProfile) -> Parts:
    """RXC where it lists the mixture, else the rows; a single RXC of another drug makes two with the row's own."""
    listed, place = mixture.parts
    if len(listed) > 1:
        return mixture.parts
    if len(mixture.rows) > 1:
        rows = [row.rxa for row in mixture.rows]
        amounts = [_amount(rxa.text(profile.dose_field), fields.unit(rxa, 7), profile) for rxa in rows]
        each = (Component(fields.code(r, 5), "", amount) for r, amount in zip(rows, amounts, strict=True))
        return Parts(tuple(each), at(rows[0], 5))
    if listed and not _is_same_drug(listed[0].drug, drug):
        other = {"additive": "base", "base": "additive"}.get(listed[0].kind, "")
        return Parts((Component(drug, other, dose), listed[0]), place)
    return NO_PARTS


def _is_same_drug(one: Code, other: Code) -> bool:
    """Whether two coded elements name the same drug; an empty one names none of its own."""
    if one.id and other.id:
        return one.id == other.id
    return (not other.id and not other.text) or one.text.casefold() == other.text.casefold()


def _put_blood(rxa: Segment, draft: Draft, profile: SenderProfile) -> None:
    """The number of a unit of blood. A drug's row has an order or a unit of measure, and a lot number in that field."""
    has_order = "placer" in draft.values or "filler" in draft.values
    if not has_order and not rxa.text(7) and (number := rxa.text(profile.blood_unit_field)):
        draft.put("blood_unit", number, at(rxa, profile.blood_unit_field))


def _put_texts(mixture: Mixture, draft: Draft, profile: SenderProfile) -> None:
    """Notes of the order and the row, and why it was given."""
    rxa = mixture.rxa
    following = [nte for row in mixture.rows for nte in row.notes]
    if following or rxa.raw(9):
        texts = [note_text(following) if following else "", _free_text(rxa) if rxa.raw(9) else ""]
        if any(texts):
            note = join_texts([draft.values.get("note", ""), *texts])
            draft.put("note", note, at(following[0], 3) if following else at(rxa, 9))
    if profile.indication_field:
        found = fields.code(rxa, profile.indication_field)
        if found.text or found.id:
            draft.put("indication", found.text or found.id, at(rxa, profile.indication_field))


def _free_text(rxa: Segment) -> str:
    """RXA-9: the text of each repetition, else an identifier that is more than a number."""
    found = [fields.codes_in(raw, rxa.delimiters)[0] for raw in rxa.repetitions(9)[:20]]
    return join_texts([code.text or ("" if code.id.isdigit() else code.id) for code in found])
