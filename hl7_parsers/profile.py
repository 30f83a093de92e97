"""What differs by sending system: its zone, its words, and what it puts where the standard has something else."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib.resources import files
from zoneinfo import ZoneInfo

from hl7_parsers.tables import plain

_GOING_ON = {"started", "resumed", "paused", "stopped", "rate_changed", "running"}
MEANINGS = {"given", "push", "bolus", "flushed", *_GOING_ON, "not_given", "voided", "silent", "unclear"}
_CHOICES = {
    "stop_is": {"end", "ignored"},
    "ingredients": {"same_times", "rows"},
    "components_from": {"RXE", "RXO"},
    "equal_times": {"open", "moment"},
}
_KINDS: dict[str, type] = {"str": str, "int": int, "bool": bool}


class ProfileError(ValueError):
    """A sender's profile that cannot be used; the text names the file, the key and what may stand there."""


@dataclass(frozen=True, slots=True)
class SenderProfile:
    """How one sending system is to be read; senders/standard.toml says what each key means."""

    name: str
    actions: Mapping[str, str]  # plain action word to its meaning
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
        raise ProfileError(f"time_zone: there is no zone {name!r}; give an IANA name such as America/Chicago") from None


def load_profile(name: str) -> SenderProfile:
    """A profile that ships with the package.

    Raises:
        ProfileError: there is none of that name.
    """
    known = profile_names()
    if name not in known:
        raise ProfileError(f"there is no profile {name!r}; there are {', '.join(known)}")
    text = files("hl7_parsers.senders").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return read_profile(text, f"{name}.toml", name)


def profile_names() -> list[str]:
    """The profiles that ship with the package."""
    stems = (path.name for path in files("hl7_parsers.senders").iterdir() if path.name.endswith(".toml"))
    return sorted(stem.removesuffix(".toml") for stem in stems)


def read_profile(text: str, where: str, name: str = "") -> SenderProfile:
    """A profile from TOML: what it says on top of the standard one, or of the one that `based_on` names.

    Raises:
        ProfileError: a key or value that no profile has; the message begins with `where`.
    """
    try:
        given = tomllib.loads(text)
        return _profile(given, name or where)
    except (tomllib.TOMLDecodeError, ProfileError) as wrong:
        raise ProfileError(f"{where}: {wrong}") from None


def _profile(given: dict[str, object], name: str) -> SenderProfile:
    below = given.pop("based_on", "standard")
    if not isinstance(below, str):
        raise ProfileError("based_on: give the name of a profile")
    ground = SenderProfile(name, {}) if name == "standard" else load_profile(below)
    actions = {**ground.actions, **_actions(given.pop("actions", {}))}
    values = {key: _value(key, value) for key, value in given.items()}
    return replace(ground, name=name, actions=actions, **values)  # type: ignore[arg-type]


def _actions(tables: object) -> dict[str, str]:
    """Plain word to meaning, from meaning to words."""
    if not isinstance(tables, dict):
        raise ProfileError("actions: give a table of meanings, each with a list of words")
    actions: dict[str, str] = {}
    for meaning, words in tables.items():
        if meaning not in MEANINGS:
            raise ProfileError(f"actions.{meaning}: no such meaning; there are {', '.join(sorted(MEANINGS))}")
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ProfileError(f"actions.{meaning}: give a list of words")
        for word in map(plain, words):
            if actions.setdefault(word, meaning) != meaning:
                raise ProfileError(f"actions.{meaning}: {word!r} has another meaning above")
    return actions


def _value(key: str, value: object) -> object:
    """The value of a key, checked against what the key may hold."""
    kinds = {field.name: str(field.type) for field in fields(SenderProfile) if field.name not in {"name", "actions"}}
    if key not in kinds:
        raise ProfileError(f"{key}: no such key; there are {', '.join(sorted(kinds))}")
    if kinds[key].startswith("tuple"):
        if not isinstance(value, list) or [type(part) for part in value] != [int, int]:
            raise ProfileError(f"{key}: give two numbers of fields")
        return tuple(value)
    if type(value) is not _KINDS[kinds[key]]:
        raise ProfileError(f"{key}: give a value of type {kinds[key]}")
    if key in _CHOICES and value not in _CHOICES[key]:
        raise ProfileError(f"{key}: give one of {', '.join(sorted(_CHOICES[key]))}")
    return value
