"""What differs by sending system: its zone, its words, and what it puts where the standard has something else."""

from __future__ import annotations

import difflib
import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

from hl7_parsers.tables import plain

_GOING_ON = {"started", "resumed", "paused", "stopped", "rate_changed", "running"}
MEANINGS = {"given", "push", "bolus", "flushed", "wasted", *_GOING_ON, "not_given", "voided", "silent", "unclear"}
_CHOICES = {
    "stop_is": {"end", "ignored"},
    "ingredients": {"same_times", "rows"},
    "components_from": {"RXE", "RXO"},
    "equal_times": {"open", "moment"},
}
PLACE = re.compile(r"([A-Z][A-Z0-9]{2})-([1-9][0-9]?)(?:\.([1-9]))?")
_TOML_LINE = re.compile(r"at line ([0-9]+)")
_TABLES = {"based_on", "actions", "signs"}
_NOT_KEYS = {"name", "actions", "signs"}
_KINDS: dict[str, type] = {"str": str, "int": int, "bool": bool}


class ProfileError(ValueError):
    """A sender's profile that cannot be used; the text names the file, the line, the key and what may stand there."""

    def __init__(self, text: str, *looked_for: str) -> None:
        """`looked_for` are texts that the wrong line begins with or holds, the best first."""
        super().__init__(text)
        self.looked_for = looked_for


@dataclass(frozen=True, slots=True)
class SenderProfile:
    """How one sending system is to be read; senders/standard.toml says what each key means."""

    name: str
    actions: Mapping[str, str] = field(hash=False)  # plain action word to its meaning
    # A place in a message to the pattern that this sender fills it with.
    signs: Mapping[str, str] = field(default_factory=dict, hash=False)
    time_zone: str = ""
    word_field: int = 20
    entered_field: int = 22
    dose_field: int = 6
    dose_holds_unit: bool = False
    stop_is: str = "end"
    action_codes: bool = True
    order_fields: tuple[int, int] = (2, 3)
    order_is_bag: bool = False
    rows_join: bool = False
    sub_id_field: int = 2
    ingredients: str = "same_times"
    components_from: str = "RXE"
    equal_times: str = "open"
    indication_field: int = 19
    blood_unit_field: int = 0

    def __hash__(self) -> int:
        """Quicker than one of all fields, and a profile is asked for with every message."""
        return hash((self.name, self.time_zone))

    def __post_init__(self) -> None:
        if self.time_zone:
            zone_of(self.time_zone)

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone of times without an offset, if one is configured."""
        return zone_of(self.time_zone) if self.time_zone else None

    def in_zone(self, time_zone: str) -> SenderProfile:
        """The same profile for a sender in that zone. Raises ProfileError when there is no such zone."""
        return replace(self, time_zone=time_zone)

    def meaning(self, word: str) -> str:
        """What an action word means; "given" when there is none, "unclear" when no table has it."""
        return self.actions.get(plain(word), "unclear") if word else "given"


@functools.lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The zone of that name.

    Raises:
        ProfileError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        near = difflib.get_close_matches(name, available_timezones(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        text = f"time_zone: there is no zone {name!r}; give an IANA name such as America/Chicago{hint}"
        raise ProfileError(text, "time_zone") from None


def load_profile(name: str) -> SenderProfile:
    """A profile that ships with the package.

    Raises:
        ProfileError: there is none of that name.
    """
    known = profile_names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ProfileError(f"there is no profile {name!r}; there are {', '.join(known)}{hint}")
    return read_profile(profile_text(name), f"{name}.toml", name)


def profile_text(name: str) -> str:
    """The TOML of a profile that ships with the package; its first comment says whose messages it is for."""
    return files("hl7_parsers.senders").joinpath(f"{name}.toml").read_text(encoding="utf-8")


def profile_names() -> list[str]:
    """The profiles that ship with the package."""
    stems = (path.name for path in files("hl7_parsers.senders").iterdir() if path.name.endswith(".toml"))
    return sorted(stem.removesuffix(".toml") for stem in stems)


def read_profile(text: str, where: str, name: str = "") -> SenderProfile:
    """A profile from TOML: what it says on top of the standard one, or of the one that `based_on` names.

    Raises:
        ProfileError: a key or value that no profile has; the message begins with `where` and the line.
    """
    try:
        return _profile(tomllib.loads(text), name or where)
    except tomllib.TOMLDecodeError as wrong:
        found = _TOML_LINE.search(str(wrong))
        line = f":{found[1]}" if found else f":{len(text.splitlines())}"  # else it is at the end of the document
        raise ProfileError(f"{where}{line}: is not TOML: {wrong}") from None
    except ProfileError as wrong:
        raise ProfileError(f"{where}{_line_of(text, wrong.looked_for)}: {wrong}") from None


def _line_of(text: str, looked_for: tuple[str, ...]) -> str:
    """The number of the line that a key or word stands in, as ":7"; "" when it is not found."""
    for wanted in looked_for:
        for number, line in enumerate(text.splitlines(), 1):
            if line.partition("#")[0].replace("'", '"').strip().startswith(wanted):
                return f":{number}"
    return next((f":{n}" for wanted in looked_for for n, line in enumerate(text.splitlines(), 1) if wanted in line), "")


def _profile(given: dict[str, object], name: str) -> SenderProfile:
    below = given.pop("based_on", "standard")
    if not isinstance(below, str):
        raise ProfileError("based_on: give the name of a profile", "based_on")
    try:
        ground = SenderProfile(name, {}) if name == "standard" else load_profile(below)
    except ProfileError as wrong:
        raise ProfileError(f"based_on: {wrong}", "based_on") from None
    actions = {**ground.actions, **_actions(given.pop("actions", {}))}
    signs = {**ground.signs, **_signs(given.pop("signs", {}))}
    values = {key: _value(key, value) for key, value in given.items()}
    try:
        return replace(ground, name=name, actions=actions, signs=signs, **values)  # type: ignore[arg-type]
    except ProfileError as wrong:
        raise ProfileError(str(wrong), "time_zone") from None


def _signs(given: object) -> dict[str, str]:
    """Patterns by place, such as "MSH-3" or "ORC-2.2"."""
    if not isinstance(given, dict):
        raise ProfileError("signs: give a table of places, each with a pattern", "[signs", "signs")
    for place, pattern in given.items():
        looked_for = (f'"{place}"', place)
        if not PLACE.fullmatch(place):
            raise ProfileError(f'signs.{place}: give a place such as "MSH-3" or "ORC-2.2"', *looked_for)
        try:
            re.compile(pattern)
        except (TypeError, re.error):
            raise ProfileError(f"signs.{place}: give a regular expression", *looked_for) from None
    return given


def _near(word: str, known: Iterable[str]) -> str:
    """What may have been meant, else all there is."""
    choices = sorted(known)
    near = difflib.get_close_matches(word, choices, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(choices)}"


def _actions(tables: object) -> dict[str, str]:
    """Plain word to meaning, from meaning to words."""
    if not isinstance(tables, dict):
        raise ProfileError("actions: give a table of meanings, each with a list of words", "actions", "[actions")
    actions: dict[str, str] = {}
    for meaning, words in tables.items():
        if meaning not in MEANINGS:
            raise ProfileError(f"actions.{meaning}: no such meaning; {_near(meaning, MEANINGS)}", meaning)
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ProfileError(f"actions.{meaning}: give a list of words", meaning)
        for written in words:
            word = plain(written)
            if actions.setdefault(word, meaning) != meaning:
                raise ProfileError(f"actions.{meaning}: {word!r} has another meaning above", meaning, written)
    return actions


def _value(key: str, value: object) -> object:
    """The value of a key, checked against what the key may hold."""
    kinds = {each.name: str(each.type) for each in fields(SenderProfile) if each.name not in _NOT_KEYS}
    if key not in kinds:
        raise ProfileError(f"{key}: no such key; {_near(key, {*kinds, *_TABLES})}", key, f"[{key}")
    if kinds[key].startswith("tuple"):
        if not isinstance(value, list) or [type(part) for part in value] != [int, int]:
            raise ProfileError(f"{key}: give two numbers of fields", key)
        return tuple(value)
    if type(value) is not _KINDS[kinds[key]]:
        raise ProfileError(f"{key}: give a value of type {kinds[key]}", key)
    if key in _CHOICES and value not in _CHOICES[key]:
        choices = ", ".join(sorted(_CHOICES[key]))
        near = difflib.get_close_matches(str(value), sorted(_CHOICES[key]), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ProfileError(f"{key}: give one of {choices}{hint}", key)
    return value
