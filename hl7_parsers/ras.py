"""RAS: what was given. One event per RXA row, or per mixture that several rows describe.

HL7 v2 chapter 4A. RXA-3 is the time of the event that the row is about (a start, a rate change, a stop); RXA-4 means
something only where it is later.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from operator import itemgetter
from typing import NamedTuple

import msgspec

from hl7_parsers import events, fields, tables
from hl7_parsers.draft import Draft
from hl7_parsers.er7 import Delimiters, Er7, Segment, first_in
from hl7_parsers.events import Action, AdministrationEvent, Code, Component, Quantity, Remark, Time
from hl7_parsers.fields import at, places
from hl7_parsers.header import Times
from hl7_parsers.keeping import Kept
from hl7_parsers.orders import (
    NO_PARTS,
    Parts,
    Row,
    Run,
    components,
    join_texts,
    note_line,
    order_groups,
    put_order,
    put_route,
)
from hl7_parsers.profile import SenderProfile
from hl7_parsers.timestamps import NO_TIME
from hl7_parsers.waste import read_waste

_MOMENTS: dict[str, type[AdministrationEvent]] = {
    "stopped": events.AdministrationStopped,
    "paused": events.AdministrationPaused,
    "resumed": events.AdministrationResumed,
    "rate_changed": events.AdministrationRateChanged,
    "running": events.AdministrationRateChanged,
    "wasted": events.DrugWasted,
    "not_given": events.AdministrationNotGiven,
    "voided": events.AdministrationVoided,
    "unclear": events.AdministrationUnclear,
}
_PARTS_MAX = 200  # of one mixture; a message that lists more would make each of its events that long
_NEED_NO_TIME = frozenset({"not_given", "voided", "unclear"})
_ACTIONS = {"": Action.ADD, "A": Action.ADD, "U": Action.UPDATE, "D": Action.DELETE, "X": Action.ADD}  # table 0323
# Drugs of one bag or syringe can be one row each on these routes; two tablets or two injections stay two.
_MIXTURE_ROUTES = frozenset({"intravenous", "intra_arterial", "subcutaneous", "epidural", "unknown"})
_RATE_FACTOR_MAX = 1.5  # between what rate and time make and the amount; a last bag may run out early
_NOT_KNOWN = Decimal(999)  # without a unit: how immunisation senders say that they do not know the amount


class Mixture(msgspec.Struct, frozen=True, gc=False):
    """The rows of one administration: one, or one per ingredient."""

    rows: list[Row]
    parts: Parts  # what RXC lists, where that can only be about these rows


class _Said(NamedTuple):
    """What a row says besides when, in which record and in free text."""

    meaning: str
    action: Action
    is_action_known: bool
    is_empty: bool  # of everything that is said here; a deletion needs no more than its order
    pace: tuple[float, float] | None  # how much a minute, and how much in all, where both are told in one unit
    draft: Draft


class _Reading(NamedTuple):
    """How the rows of a sender are read."""

    profile: SenderProfile
    width: int  # of a row: its fields up to the last that is read
    telling: Callable[[list[str]], tuple[str, ...]]  # the raw fields that `_Said` is made of
    of_all: dict[str, bool]  # what holds for every administration of this sender
    said: Kept[tuple[int, bool, str], _Said]  # by the row's number, whether RXR tells the method, and those fields


@functools.lru_cache(maxsize=32)
def _reading(profile: SenderProfile, marks: Delimiters) -> _Reading:
    telling = (profile.word_field, 21, 5, profile.dose_field, 7, 12, 26, profile.indication_field)
    width = max(*telling, 9, profile.entered_field, profile.sub_id_field) + 1

    def said(key: tuple[int, bool, str]) -> _Said:
        number, is_method_told, told = key
        row = ["RXA"] + [""] * width
        for place, raw in zip(telling, told.split(marks.field), strict=True):
            row[place] = raw
        return _said(Segment("RXA", "", number, marks, row), is_method_told, profile)

    of_all = {name: True for name in ("order_is_bag", "rows_join") if getattr(profile, name)}
    return _Reading(profile, width, itemgetter(*telling), of_all, Kept(said, 4096))


def read_administrations(message: Er7, times: Times, profile: SenderProfile) -> list[AdministrationEvent]:
    """The events of a RAS message, in its order. Rows that say nothing happened are remarked on in `times`."""
    found: list[AdministrationEvent] = []
    reading = _reading(profile, message.delimiters)
    for group in order_groups(message):
        if not group.runs:
            continue
        of_order = Draft(dict(reading.of_all))
        put_order(group, of_order, times, profile)
        parts = components(group, profile)
        is_only_drug = not parts.parts or len({fields.code(row.rxa, 5) for run in group.runs for row in run.rows}) == 1
        for run in group.runs:
            draft = of_order.copy() if len(group.runs) > 1 else of_order
            if (rxr := run.rxr or group.rxr) is not None:
                put_route(rxr, draft)
            for rows in mixtures(run, draft.values.get("route", tables.UNKNOWN), profile):
                mixture = Mixture(rows, parts if is_only_drug or len(rows) > 1 else NO_PARTS)
                event = _event(mixture, draft.copy() if len(run.rows) > 1 else draft, reading, times)
                if event is not None:
                    found.append(event)
    return found


def mixtures(run: Run, route: str, profile: SenderProfile) -> Iterable[list[Row]]:
    """The rows of each administration of a run: those of different drugs with the same times are one mixture.

    If the sender means that, and if drugs can be mixed on that route.
    """
    if len(run.rows) == 1:
        return (run.rows,)
    if profile.ingredients != "same_times" or route not in _MIXTURE_ROUTES:
        return ([row] for row in run.rows)
    return _alike(run.rows, profile)


def _alike(rows: list[Row], profile: SenderProfile) -> Iterator[list[Row]]:
    alike: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        rxa = row.rxa
        alone = "" if rxa.text(3) else str(rxa.number)
        key = (rxa.text(3), rxa.text(4), rxa.text(profile.word_field), rxa.text(21), alone)
        alike.setdefault(key, []).append(row)
    for same in alike.values():
        if len({fields.code(row.rxa, 5) for row in same}) == len(same):
            yield same
        else:
            yield from ([row] for row in same)


def _event(mixture: Mixture, draft: Draft, reading: _Reading, times: Times) -> AdministrationEvent | None:
    """The event of an administration, on top of what its order says; None when its word says that nothing happened."""
    rows, rxa = mixture.rows, mixture.rows[0].rxa
    profile, width, telling, _, known = reading
    row, number, marks = rxa.row(width), rxa.number, rxa.delimiters
    where = places("RXA", number, width)
    key = (number, "method" in draft.values, marks.field.join(telling(row)))
    meaning, action, is_action_known, is_empty, pace, said = known.get(key) or known[key]
    if is_empty and not rxa.text(3) and not rxa.text(4):
        times.remarks.append(Remark("ROW_EMPTY", where[3]))
        return None
    if meaning == "silent":
        times.remarks.append(Remark("ACTION_WITHOUT_EVENT", where[profile.word_field]))
        return None
    if meaning == "unclear":
        draft.doubt("ACTION_UNKNOWN", where[profile.word_field])
    start, stop = _put_times(row, where, draft, profile, times)
    if start is None and stop is None and meaning not in _NEED_NO_TIME and not rxa.text(3):
        draft.doubt("TIME_MISSING", where[3])
    if not is_action_known:
        draft.doubt("ACTION_CODE_UNKNOWN", where[21])
    if profile.sub_id_field and (sub_id := first_in(row[profile.sub_id_field], marks)):
        draft.values["sub_id"], draft.places["sub_id"] = sub_id, where[profile.sub_id_field]
    if row[profile.entered_field]:
        _put_entered(row, where, draft, profile, times)
    draft.take(said)
    if pace and start and stop:
        _doubt_rate(draft, pace, (stop.at - start.at).total_seconds() / 60)
    if mixture.parts is not NO_PARTS or len(rows) > 1:
        _put_parts(mixture, draft, profile)
    if meaning == "flushed":  # not a drug by itself: the word goes with the notes, where that is looked for
        word = draft.values["word"]
        draft.put("note", join_texts([draft.values.get("note", ""), word]), where[profile.word_field])
    if row[9] or rows[0].notes or len(rows) > 1:
        _put_notes(mixture, draft)
    if row[15] or profile.blood_unit_field:
        _put_lot(rxa, draft, profile)
    kind = _kind(meaning, start, stop, action)
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


def _put_times(
    row: list[str], where: tuple[str, ...], draft: Draft, profile: SenderProfile, times: Times
) -> tuple[Time | None, Time | None]:
    """RXA-3 and RXA-4. The stop counts where it is later than the start, or alone."""
    known = times.kept
    started = known.get(row[3]) or known[row[3]]
    stopped = (known.get(row[4]) or known[row[4]]) if profile.stop_is == "end" else NO_TIME
    if started.doubts or stopped.doubts:
        for found, number in ((started, 3), (stopped, 4)):
            for doubt in found.doubts:
                draft.doubt(doubt, where[number])
    start, stop = started.time, stopped.time
    if start and stop and stop.at <= start.at:
        if stopped.later:
            stop = stopped.later  # the night the clock goes back: 01:30 to 01:15 is 45 minutes
        if stop.at < start.at:
            draft.doubt("STOP_BEFORE_START", where[4])
        if stop.at < start.at or (stop.at == start.at and profile.equal_times == "open"):
            stop = None
    if start:
        draft.values["at"], draft.places["at"] = start, where[3]
    if stop:
        draft.values["stop"], draft.places["stop"] = stop, where[4]
        if profile.time_zone and start and stop.offset_from == "message" and _clock_changed(start, stop, profile):
            draft.doubt("TIME_OFFSET_DOUBTFUL", where[4])
    return start, stop


def _clock_changed(start: Time, stop: Time, profile: SenderProfile) -> bool:
    """Whether the sender's clock changed between two times that have but the one offset of the message."""
    zone = profile.zone
    walls = (start.at.replace(tzinfo=None), stop.at.replace(tzinfo=None))
    return zone is not None and len({zone.utcoffset(wall) for wall in walls}) > 1


def _put_entered(row: list[str], where: tuple[str, ...], draft: Draft, profile: SenderProfile, times: Times) -> None:
    """When it was charted."""
    found, place = times.of(row[profile.entered_field]), where[profile.entered_field]
    if found.remark:
        draft.doubt(found.remark, place)
    if found.time:
        draft.put("entered", found.time, place)


def _said(rxa: Segment, is_method_told: bool, profile: SenderProfile) -> _Said:
    """What was done with which drug, how much, how fast, how and why."""
    draft = Draft()
    word, drug_text = rxa.text(profile.word_field), rxa.text(5)
    meaning = profile.meaning(word)
    if word:
        draft.put("word", word, at(rxa, profile.word_field))
    code = rxa.text(21).upper() if profile.action_codes else ""
    action = _ACTIONS.get(code, Action.ADD)
    if code:
        draft.put("action", action, at(rxa, 21))
    drug, alternate = fields.codes(rxa, 5)
    if drug != fields.NO_CODE:
        draft.put("drug", drug, at(rxa, 5))
    if alternate != fields.NO_CODE:
        draft.put("alternate", alternate, at(rxa, 5))
    _put_amounts(rxa, draft, profile)
    if meaning == "wasted" and "dose" in draft.values:
        draft.put("waste", draft.values.pop("dose"), draft.places.pop("dose"))
    if meaning == "push":
        draft.put("method", "push", at(rxa, profile.word_field))
    elif not is_method_told:
        _put_method(rxa, meaning, draft)
    if profile.indication_field and (reason := fields.code(rxa, profile.indication_field)) != fields.NO_CODE:
        draft.put("indication", reason.text or reason.id, at(rxa, profile.indication_field))
    is_empty = action is not Action.DELETE and not word and not drug_text and not rxa.text(profile.dose_field)
    return _Said(meaning, action, code in _ACTIONS, is_empty, _pace(draft), draft)


def _put_amounts(rxa: Segment, draft: Draft, profile: SenderProfile) -> None:
    """The dose and the rate. An amount per time (RXA-7 "mL/hr") is a rate."""
    rate = fields.rate(rxa.text(12))
    if rate:
        draft.put("rate", rate, at(rxa, 12))
    text = rxa.text(profile.dose_field)
    if not text:
        return
    amount = _amount(text, fields.unit(rxa, 7), profile.dose_holds_unit)
    if amount is None:
        draft.doubt("AMOUNT_UNREADABLE", at(rxa, profile.dose_field))
    elif not fields.is_per_time(amount.unit):
        draft.put("dose", amount, at(rxa, profile.dose_field))
    elif not rate:
        draft.put("rate", amount, at(rxa, profile.dose_field))


def _pace(draft: Draft) -> tuple[float, float] | None:
    dose, rate = draft.values.get("dose"), draft.values.get("rate")
    if dose is None or rate is None:
        return None
    per_minute = fields.per_minute(rate)
    if per_minute is None or rate.unit.rpartition("/")[0].strip().casefold() != dose.unit.casefold():
        return None
    return float(per_minute), float(dose.amount)


def _doubt_rate(draft: Draft, pace: tuple[float, float], minutes: float) -> None:
    """Remark on a rate that cannot have given the amount in that time; nobody can tell which of them is wrong."""
    per_minute, amount = pace
    if not amount / _RATE_FACTOR_MAX <= per_minute * minutes <= amount * _RATE_FACTOR_MAX:
        draft.doubt("RATE_CONTRADICTS", draft.places["rate"])


def _amount(text: str, unit: str, holds_unit: bool) -> Quantity | None:
    number = fields.number(text)
    if number is None:
        return fields.number_with_unit(text) if holds_unit else None
    return None if number == _NOT_KNOWN and not unit else Quantity(number, unit)


def _put_method(rxa: Segment, meaning: str, draft: Draft) -> None:
    """How it was given, where neither the word nor RXR tells: RXA-26, else that there is a rate."""
    recorded = tables.method(fields.code(rxa, 26), fields.NO_CODE)
    if recorded != tables.UNKNOWN:
        draft.put("method", recorded, at(rxa, 26))
    elif meaning != "bolus" and ("rate" in draft.values or fields.is_time_unit(rxa.text(12))):
        draft.put("method", "infusion", draft.places.get("rate") or at(rxa, 12))


def _put_parts(mixture: Mixture, draft: Draft, profile: SenderProfile) -> None:
    """The parts of the mixture where there are two or more."""
    parts = _parts(mixture, draft.values.get("drug", fields.NO_CODE), draft.values.get("dose"), profile)
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
        amounts = [_amount(rxa.text(profile.dose_field), fields.unit(rxa, 7), profile.dose_holds_unit) for rxa in rows]
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


def _put_lot(rxa: Segment, draft: Draft, profile: SenderProfile) -> None:
    """The number of a unit of blood. A drug's row has an order or a unit of measure, and a lot number in that field."""
    has_order = "placer" in draft.values or "filler" in draft.values
    place = profile.blood_unit_field
    if place and not has_order and not rxa.text(7) and (number := rxa.text(place)):
        draft.put("blood_unit", number, at(rxa, place))
    elif lot := rxa.text(15):
        draft.put("lot", lot, at(rxa, 15))


def _put_notes(mixture: Mixture, draft: Draft) -> None:
    """Notes of the rows and RXA-9, behind those of the order."""
    rows, rxa = mixture.rows, mixture.rows[0].rxa
    following = rows[0].notes if len(rows) == 1 else [nte for row in rows for nte in row.notes]
    texts = [note_line(nte) for nte in following]
    if rxa.fields[9]:
        texts.append(_free_text(rxa))
    if note := join_texts(texts):
        place = places("NTE", following[0].number, 4)[3] if following else at(rxa, 9)
        if waste := read_waste(note):
            draft.put("waste", waste, place)
        if "note" in draft.values:
            note = join_texts([draft.values["note"], note])
        draft.put("note", note, place)


def _free_text(rxa: Segment) -> str:
    """RXA-9: the text of each repetition, else an identifier that is more than a number."""
    found = [fields.codes_in(raw, rxa.delimiters)[0] for raw in rxa.repetitions(9)[:20]]
    return join_texts([code.text or ("" if code.id.isdigit() else code.id) for code in found])
