"""What must hold of any bytes whatever. A broken property is an AssertionError, or whatever escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from hl7_parsers import (
    HL7Error,
    Message,
    Peek,
    SenderProfile,
    load_profile,
    parse_message,
    peek,
    profile_names,
    split_messages,
)
from streams.mllp import Deframer, TooLong, frame

PROFILES = [load_profile(name) for name in profile_names()]
PROFILES.append(load_profile("standard").in_zone("America/New_York"))
_SPLIT_MAX = 20  # messages of one input that are read one by one
_LONGEST = 5000  # bytes, for the framing that throws long messages away


def check_reading(data: bytes, profiles: Sequence[SenderProfile] = PROFILES) -> int:
    """The bytes as one message, and each message that they split into, under every profile. Returns how many read."""
    return sum(_check_message(raw, profiles) for raw in _messages(data))


def _messages(data: bytes) -> Iterator[bytes]:
    yield data
    for raw in split_messages(data):
        assert raw.text.endswith(b"\r")
        assert b"\n" not in raw.text
        if raw.position <= _SPLIT_MAX:
            yield raw.text


def _check_message(raw: bytes, profiles: Sequence[SenderProfile]) -> int:
    looked = peek(raw)
    assert looked.is_readable or looked.problem is not None
    read = 0
    for profile in profiles:
        found = _outcome(raw, profile)
        if isinstance(found, HL7Error):
            assert found.reason
            assert found.place
            assert looked.problem is None or looked.problem.reason == found.reason
        else:
            _check_agreement(looked, found)
            assert msgspec.json.decode(msgspec.json.encode(found), type=Message) == found
            assert _outcome(raw, profile) == found
            read += 1
    return read


def _outcome(raw: bytes, profile: SenderProfile) -> Message | HL7Error:
    try:
        return parse_message(raw, profile)
    except HL7Error as refused:
        return refused


def _check_agreement(looked: Peek, message: Message) -> None:
    """A listener files a message under what it sees at a glance: that must be what the reader finds."""
    assert looked.problem is None
    assert (looked.control_id, looked.kind) == (message.header.control_id, message.header.kind)
    assert (looked.application, looked.facility) == (message.header.application, message.header.facility)
    assert (looked.patient_id, looked.patient_authority) == (message.patient.id, message.patient.authority)


def check_framing(data: bytes, cuts: Sequence[int]) -> None:
    """A stream cut anywhere gives the same messages, what is framed comes out, and memory is bounded."""
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    whole, cut = Deframer(len(data) + 1), Deframer(len(data) + 1)
    assert whole.feed(data) == [message for piece in pieces for message in cut.feed(piece)]
    assert whole.rest == cut.rest
    narrow = Deframer(_LONGEST)
    for piece in pieces:
        for message in narrow.feed(piece):
            assert message
            assert len(message) <= _LONGEST or isinstance(message, TooLong)
        assert len(narrow.rest) <= _LONGEST
    content = b"MSH|" + data.translate(None, b"\x0b\x1c")
    assert Deframer(len(content) + 1).feed(frame(content)) == [content]
