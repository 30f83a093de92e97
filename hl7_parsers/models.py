"""The event that a row of some shape makes, kept to be filled: a site charts in few ways, again and again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from operator import itemgetter
from typing import NamedTuple

import msgspec

from hl7_parsers import events
from hl7_parsers.draft import Draft
from hl7_parsers.er7 import Delimiters, Segment
from hl7_parsers.events import Action, AdministrationEvent, Remark
from hl7_parsers.keeping import Kept
from hl7_parsers.orders import Told, orc_places, routes
from hl7_parsers.profile import SenderProfile
from hl7_parsers.rxa import Said, read_said, telling_fields

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
_ASK_FOR_MORE = frozenset({"unclear", "silent", "flushed"})  # than the values of the row


class Shape(NamedTuple):
    """All of an administration but its own numbers, times and texts: of these, which it has and where they stand."""

    orc: Told
    number: int  # of the RXA
    has: tuple[bool, bool, bool, bool]  # a start, a stop, a number of its own, a time at which it was charted
    note_place: str
    route_number: int  # of the RXR; 0 without one
    route_line: str
    told: str  # the raw fields that `Said` is made of, joined


ShapeKey = tuple[Told, int, tuple[bool, bool, bool, bool], str, int, str, str]  # a plain tuple is made more quickly


class Model(msgspec.Struct, frozen=True, gc=False):
    """The event of a shape, to be filled with what is of one record alone."""

    event: AdministrationEvent
    said: Said
    is_usual: bool  # so that its word, its action code and its amounts ask for nothing more


class Reading(NamedTuple):
    """How the rows of a sender are read."""

    profile: SenderProfile
    width: int  # of a row: its fields up to the last that is read
    telling: Callable[[list[str]], tuple[str, ...]]  # the raw fields that `Said` is made of
    models: Kept[ShapeKey, Model]


@functools.lru_cache(maxsize=32)
def reading_of(profile: SenderProfile, marks: Delimiters) -> Reading:
    """How the rows of that sender are read, and what is kept of them."""
    telling = telling_fields(profile)
    width = max(*telling, 15, profile.entered_field, profile.sub_id_field, profile.blood_unit_field) + 1

    def said(key: tuple[bool, str]) -> Said:
        is_method_told, told = key
        row = ["RXA"] + [""] * width
        for place, raw in zip(telling, told.split(marks.field), strict=True):
            row[place] = raw
        return read_said(Segment("RXA", "", 0, marks, row), is_method_told, profile)

    of_rows = Kept(said, 4096)

    def model(key: ShapeKey) -> Model:
        shape = Shape(*key)
        route = routes(marks)[shape.route_number, shape.route_line] if shape.route_number else Draft()
        said = of_rows["method" in route.values, shape.told]
        return _model(shape, route, said, profile)

    return Reading(profile, width, itemgetter(*telling), Kept(model, 4096))


def _model(shape: Shape, route: Draft, said: Said, profile: SenderProfile) -> Model:
    draft = Draft(places=orc_places(shape.orc, profile))
    draft.take(route)
    gathered = said.gathered
    draft.values |= gathered.values
    own = {"at": 3, "stop": 4, "sub_id": profile.sub_id_field, "entered": profile.entered_field}
    own = gathered.fields | {name: own[name] for name, is_there in zip(own, shape.has, strict=True) if is_there}
    draft.places |= {name: f"RXA[{shape.number}]-{field}" for name, field in own.items()}
    draft.remarks += [Remark(doubt, f"RXA[{shape.number}]-{field}") for doubt, field in gathered.doubts]
    if shape.note_place:
        draft.places["note"] = shape.note_place
    draft.values |= {"order_is_bag": profile.order_is_bag, "rows_join": profile.rows_join}
    kind = _kind(said.meaning, *shape.has[:2], said.action)
    event = kind(**draft.values, places=draft.places, remarks=tuple(draft.remarks))
    is_plain = said.meaning not in _ASK_FOR_MORE and said.is_action_known and not said.is_empty and said.pace is None
    return Model(event, said, is_plain and not profile.blood_unit_field)


def _kind(meaning: str, has_start: bool, has_stop: bool, action: Action) -> type[AdministrationEvent]:
    """Which event a row is, by its action code, its word and its times."""
    if action is Action.DELETE:
        return events.AdministrationVoided
    if meaning in _MOMENTS and not (meaning == "stopped" and has_start and has_stop):
        return _MOMENTS[meaning]
    if not has_stop:
        return events.AdministrationStarted
    return events.AdministrationGiven if has_start else events.AdministrationStopped
