"""Which profile reads a sender's messages best, and why. A proposal for a person who sets a sender up.

Two things speak for a profile: signs of the sender it was made for, and that it reads the messages without a doubt.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hl7_parsers import er7
from hl7_parsers.er7 import Er7, Segment
from hl7_parsers.errors import HL7Error
from hl7_parsers.events import AdministrationEvent, AdministrationVoided, Message
from hl7_parsers.message import parse_message, peek
from hl7_parsers.profile import PLACE, SenderProfile, load_profile, profile_names

_SIGNS_POINTS = 50  # for all signs of a profile; the rest is for reading without a doubt
_STRANGER = 0.1  # what reading well counts for a profile of another sender, of which nothing shows
_CODE_LENGTH = 2  # of table 0322; an action word is longer
_NEUTRAL = 8  # signs points of the plain standard: it wins where nothing speaks for another
# What a wrong profile causes, as against what is wrong in a message whoever reads it.
_DOUBTS = frozenset({"ACTION_UNKNOWN", "ACTION_CODE_UNKNOWN", "AMOUNT_UNREADABLE", "STOP_BEFORE_START"})


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a profile fits a sender's messages, 0 to 100, and the reasons for a person to read."""

    profile: str
    score: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SenderReport:
    """One sender's messages: what they are, what could not be read with the best profile, and how all of them fit."""

    application: str  # MSH-3, first component
    facility: str  # MSH-4, first component
    messages: int
    kinds: dict[str, int]  # message type to count
    events: dict[str, int]  # event type to count, with the best profile
    unread: dict[str, int]  # reason to count
    remarks: dict[str, int]  # id to count
    unknown_words: dict[str, int]  # action words that the best profile does not map
    times_without_offset: int
    times: int
    fits: tuple[Fit, ...]  # the best first

    @property
    def best(self) -> Fit:
        """The profile that fits best."""
        return self.fits[0]


def report_senders(raws: Iterable[bytes], profiles: Sequence[SenderProfile] = ()) -> list[SenderReport]:
    """A report per sender (MSH-3 and MSH-4), in order of how much they sent.

    Args:
        profiles: to try; those that ship with the package when there are none.
    """
    tried = list(profiles) or [load_profile(name) for name in profile_names()]
    by_sender: dict[tuple[str, str], list[bytes]] = {}
    for raw in raws:
        seen = peek(raw)
        by_sender.setdefault((seen.application, seen.facility), []).append(raw)
    reports = [_report(*sender, messages, tried) for sender, messages in by_sender.items()]
    return sorted(reports, key=lambda report: (-report.messages, report.application, report.facility))


def _report(application: str, facility: str, raws: Sequence[bytes], profiles: Sequence[SenderProfile]) -> SenderReport:
    texts = [text for raw in raws if (text := _text(raw)) is not None]
    fits = sorted((_fit(profile, raws, texts) for profile in profiles), key=lambda fit: (-fit.score, fit.profile))
    best = next(profile for profile in profiles if profile.name == fits[0].profile)
    messages, unread = _read(raws, best)
    events = [event for message in messages for event in message.events]
    times = [time for event in events if (time := getattr(event, "at", None))]
    administrations = [event for event in events if isinstance(event, AdministrationEvent)]
    doubtful = [event for event in administrations if "ACTION_UNKNOWN" in {remark.id for remark in event.remarks}]
    remarks = [remark.id for message in messages for remark in message.remarks]
    remarks += [remark.id for event in events for remark in event.remarks]
    return SenderReport(
        application,
        facility,
        len(raws),
        _counted(peek(raw).kind or "no type" for raw in raws),
        _counted(type(event).__name__ for event in events),
        unread,
        _counted(remarks),
        _counted(event.word for event in doubtful),
        sum(time.offset_from in ("assumed", "sender") for time in times),
        len(times),
        tuple(fits),
    )


def _counted(values: Iterable[str]) -> dict[str, int]:
    """Counts, the greatest first."""
    return dict(sorted(Counter(values).items(), key=lambda each: (-each[1], each[0])))


def _text(raw: bytes) -> Er7 | None:
    try:
        return er7.read(raw)
    except HL7Error:
        return None


def _read(raws: Sequence[bytes], profile: SenderProfile) -> tuple[list[Message], dict[str, int]]:
    """The messages that can be read, and the reasons of the others."""
    messages: list[Message] = []
    unread: list[str] = []
    for raw in raws:
        try:
            messages.append(parse_message(raw, profile))
        except HL7Error as refused:
            unread.append(refused.reason)
    return messages, _counted(unread)


def _fit(profile: SenderProfile, raws: Sequence[bytes], texts: Sequence[Er7]) -> Fit:
    reasons: list[str] = []
    found = 0
    for place, pattern in profile.signs.items():
        number = sum(_has_sign(text, place, pattern) for text in texts)
        if number:
            found += 1
            reasons.append(f"{place} is as this sender fills it, in {number} of {len(raws)}")
    signs = _SIGNS_POINTS * found / len(profile.signs) if profile.signs else _NEUTRAL
    share, doubts = _without_doubt(profile, raws, texts)
    if not profile.signs:
        reasons.append("reads messages by the letter of HL7")
    elif not found:
        reasons.append("nothing in the messages is typical of this sender")
        share *= _STRANGER
    return Fit(profile.name, round(signs + (100 - _SIGNS_POINTS) * share), (*reasons, *doubts))


def _has_sign(text: Er7, place: str, pattern: str) -> bool:
    """Whether any segment of the message has at that place what the pattern says."""
    found = PLACE.fullmatch(place)
    assert found is not None
    name, field, component = found[1], int(found[2]), int(found[3] or 0)
    matches = re.compile(pattern).fullmatch
    segments = [text.header] if name == "MSH" else text.all(name)
    return any(matches(_value(segment, field, component)) for segment in segments)


def _value(segment: Segment, field: int, component: int) -> str:
    """A component, else the whole first repetition as sent; of a header's name the first component."""
    if component:
        return segment.text(field, component)
    if segment.name == "MSH" and field != 2:
        return segment.text(field) or segment.raw(field)
    return segment.raw(field) if field == 2 and segment.name == "MSH" else segment.repetitions(field)[0].strip()


def _without_doubt(profile: SenderProfile, raws: Sequence[bytes], texts: Sequence[Er7]) -> tuple[float, list[str]]:
    """The share of administrations that are read without a doubt, and what is doubtful in the others.

    A profile under which every row is a deletion reads the sender's action code wrongly.
    """
    messages, _ = _read(raws, profile)
    rows = [event for m in messages for event in m.events if isinstance(event, AdministrationEvent)]
    if not rows:
        return 1.0, []
    doubts = Counter(remark.id for row in rows for remark in row.remarks if remark.id in _DOUBTS)
    doubtful = sum(any(remark.id in _DOUBTS for remark in row.remarks) for row in rows)
    if overlooked := sum(_overlooks_word(rxa, profile) for text in texts for rxa in text.all("RXA")):
        doubts["an action word in another field"] = overlooked
    said = [f"{name} in {number} of {len(rows)} administrations" for name, number in sorted(doubts.items())]
    if all(isinstance(row, AdministrationVoided) for row in rows):
        return 0.0, [*said, "every administration would be a deletion"]
    share = max(0.0, 1 - (doubtful + overlooked) / len(rows))
    return share, said or [f"all {len(rows)} administrations are read without a doubt"]


def _overlooks_word(rxa: Segment, profile: SenderProfile) -> bool:
    """Whether the profile looks for the action word where there is none while the other field has one that it knows."""
    other = rxa.text(21 if profile.word_field == 20 else 20)
    return not rxa.text(profile.word_field) and len(other) > _CODE_LENGTH and profile.meaning(other) != "unclear"
