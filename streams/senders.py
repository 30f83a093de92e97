"""Which profile a message is read with: the site's map from MSH-3 and MSH-4 to profiles and time zones."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import hl7_parsers
from hl7_parsers import ProfileError, SenderProfile, UnreadableMessage, load_profile, profile_names, read_profile
from hl7_parsers.events import Message
from streams.processing_id import REASON as OTHER_PROCESSING_ID
from streams.processing_id import ids_taken, problem_of
from streams.settings import Settings, SettingsError


@dataclass(frozen=True, slots=True)
class Sender:
    """One row of the map. An empty application or facility stands for any."""

    application: str = ""  # MSH-3, first component
    facility: str = ""  # MSH-4, first component
    profile: str = "standard"  # a profile that ships with dripcode, or a TOML file beside the map
    time_zone: str = ""


_KEYS = tuple(each.name for each in fields(Sender))


def parser_of(settings: Settings) -> Callable[[bytes], Message]:
    """Reads a message as its sender means it. Raises SettingsError naming the file and the row."""
    parse, taken = _parser_of(settings), ids_taken(settings)
    if not taken:
        return parse

    def parse_taken(raw: bytes) -> Message:
        seen = hl7_parsers.peek(raw)
        if (wrong := problem_of(seen, taken)) is not None and wrong.reason == OTHER_PROCESSING_ID:
            raise wrong
        return parse(raw)

    return parse_taken


def _parser_of(settings: Settings) -> Callable[[bytes], Message]:
    standard = _in_zone(hl7_parsers.STANDARD, settings.time_zone, "setting 'time_zone'")
    if not settings.sender_map:
        return lambda raw: hl7_parsers.parse_message(raw, standard)
    is_strict = settings.unknown_senders == "dead-letter"
    profiles = {
        (sender.application, sender.facility): profile for sender, profile in read_sender_map(settings.sender_map)
    }

    def parse(raw: bytes) -> Message:
        seen = hl7_parsers.peek(raw)
        ways = ((seen.application, seen.facility), (seen.application, ""), ("", seen.facility), ("", ""))
        profile = next((profiles[way] for way in ways if way in profiles), None)
        if profile is None and is_strict and seen.is_readable:
            raise UnreadableMessage(
                "UNKNOWN_SENDER", "MSH-3", "name the sender in sender_map, then replay", seen.control_id[:80]
            )
        return hl7_parsers.parse_message(raw, profile or standard)

    return parse


def read_sender_map(path: str) -> list[tuple[Sender, SenderProfile]]:
    """The rows of a map with their profiles: `[[sender]]` tables of application, facility, profile, time_zone.

    Raises SettingsError: not TOML, an unknown key or profile, a zone that there is not, a sender named twice.
    """
    try:
        given: dict[str, Any] = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as wrong:
        raise SettingsError(f"{path}: cannot be read: {wrong.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise SettingsError(f"{path}: is not TOML: {wrong}") from None
    if list(given) != ["sender"] or not isinstance(given["sender"], list):
        raise SettingsError(f"{path}: holds [[sender]] tables and nothing else")
    rows: list[tuple[Sender, SenderProfile]] = []
    for number, row in enumerate(given["sender"], 1):
        where = f"{path}, sender {number}"
        sender = _sender(row, where)
        if any((sender.application, sender.facility) == (known.application, known.facility) for known, _ in rows):
            raise SettingsError(f"{where}: this application and facility are named before")
        rows.append((sender, _in_zone(_profile(sender.profile, Path(path).parent, where), sender.time_zone, where)))
    return rows


def _sender(row: dict[str, Any], where: str) -> Sender:
    for key, value in row.items():
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_KEYS)}"
            raise SettingsError(f"{where}: unknown key {key!r}; {hint}")
        if not isinstance(value, str):
            raise SettingsError(f"{where}: {key} must be a text")
    return Sender(**row)


def _profile(name: str, folder: Path, where: str) -> SenderProfile:
    """A profile that ships, or the file of that name beside the map."""
    if not name.endswith(".toml"):
        try:
            return load_profile(name)
        except ProfileError:
            known = ", ".join(profile_names())
            raise SettingsError(f"{where}: no profile {name!r}; there are {known}, or a FILE.toml") from None
    path = folder / name
    try:
        return read_profile(path.read_text(encoding="utf-8"), str(path))
    except OSError as wrong:
        raise SettingsError(f"{where}: {path} cannot be read: {wrong.strerror}") from None
    except ProfileError as wrong:
        raise SettingsError(str(wrong)) from None


def _in_zone(profile: SenderProfile, time_zone: str, where: str) -> SenderProfile:
    try:
        return profile.in_zone(time_zone) if time_zone else profile
    except ProfileError as wrong:
        raise SettingsError(f"{where}: {wrong}") from None
