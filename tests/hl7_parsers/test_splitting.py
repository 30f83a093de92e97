"""Splitting: whatever messages are wrapped in, each comes out once, and nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7_parsers import UnreadableMessage, parse_message, split_messages
from tests.hl7_parsers.samples import MSH, ORC, PID, PV1, RXR, message, rxa

ONE = message(MSH, PID, PV1, ORC, rxa(), RXR)
TWO = message(MSH.replace("SYN-1", "SYN-2"), PID, PV1, ORC, rxa(), RXR)
FHS, BHS, BTS, FTS = b"FHS|^~\\&|A\r", b"BHS|^~\\&|A\r", b"BTS|2\r", b"FTS|1\r"


@pytest.mark.parametrize(
    "data",
    [
        ONE + TWO,
        b"\x0b" + ONE + b"\x1c\r\x0b" + TWO + b"\x1c\r",
        b"\x0b" + ONE + b"\x1c\x0b" + TWO + b"\x1c",  # the last CR is often missing
        ONE + b"\x1c\r" + TWO,  # so is the first VT
        b"\x0b" + ONE + b"\x1c\r\r\n\0\r\n\x0b" + TWO,
        FHS + BHS + ONE + TWO + BTS + FTS,
        BHS + ONE + TWO + b"BTS",
        FHS + BHS + ONE + TWO,  # cut off
        (ONE + TWO).replace(b"\r", b"\n"),
        (ONE + TWO).replace(b"\r", b"\r\n"),
        ONE.replace(b"\r", b"\n") + b"\n\n" + TWO.replace(b"\r", b"\r\n"),
        b"\xef\xbb\xbf" + ONE + b"\xef\xbb\xbf" + TWO,
        b"  " + ONE.replace(b"\r", b"\n  ") + b"\n" + TWO,
        (ONE + TWO).rstrip(b"\r"),
        (ONE + TWO).decode().encode("utf-16"),
        (ONE + TWO).decode().encode("utf-16-le"),
        (ONE + TWO).decode().encode("utf-16-be"),
    ],
)
def test_two_messages_are_two_however_they_are_wrapped(data: bytes) -> None:
    found = list(split_messages(data))
    assert [raw.position for raw in found] == [1, 2]
    messages = [parse_message(raw.text) for raw in found]
    assert [each.header.control_id for each in messages] == ["SYN-1", "SYN-2"]
    assert messages[0].events == messages[1].events
    assert all(raw.text.endswith(b"\r") and b"\n" not in raw.text for raw in found)


def test_the_offset_is_where_the_message_begins() -> None:
    for data in (b"\r\n\x0b" + ONE + b"\x1c\r\x0b" + TWO + b"\x1c\r", (ONE + TWO).decode().encode("utf-16-le")):
        for raw in split_messages(data):
            start = data[raw.offset :].replace(b"\0", b"")
            assert start.startswith(b"MSH|")
    marked = (ONE + TWO).decode().encode("utf-16")
    assert [marked[raw.offset : raw.offset + 2] for raw in split_messages(marked)] == [b"M\0", b"M\0"]


@pytest.mark.parametrize("junk", [b"hello", b"PID|1||X", b"MSH", b"<xml/>", b"MSHX|^~\\&|"])
def test_what_is_no_message_is_handed_on_to_be_refused(junk: bytes) -> None:
    for data in (junk + b"\r\n" + ONE, b"\x0b" + junk + b"\x1c\r\x0b" + ONE + b"\x1c\r", FHS + junk + b"\r" + ONE):
        first, second = split_messages(data)
        assert first.text == junk + b"\r"
        with pytest.raises(UnreadableMessage):
            parse_message(first.text)
        assert (second.text, second.position) == (ONE, 2)


def test_the_letters_of_a_header_inside_a_line_begin_nothing() -> None:
    note = b"NTE|1||see MSH|^~\\& and BTS|2\r"
    (only,) = split_messages(ONE + note)
    assert only.text == ONE + note


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\x0b\x1c\r", b"\xef\xbb\xbf", FHS + BHS + BTS + FTS, b"\0\0"])
def test_nothing_gives_nothing(data: bytes) -> None:
    assert list(split_messages(data)) == []


def test_a_file_separator_inside_a_message_does_not_end_it() -> None:
    (only,) = split_messages(ONE + b"NTE|1||a\x1cb\r")
    assert b"a\x1cb" in only.text


@given(
    st.lists(
        st.sampled_from([ONE, TWO, FHS, BHS, BTS, FTS, b"junk\r", b"\x0b", b"\x1c\r", b"\r\n", b"\0\r", b"MSH\r"]),
        max_size=12,
    )
)
def test_no_message_of_a_mixture_is_lost_or_doubled(pieces: list[bytes]) -> None:
    found = [raw.text for raw in split_messages(b"".join(pieces))]
    wanted = [piece for piece in pieces if piece in (ONE, TWO)]
    assert [text[: len(ONE)] for text in found if text.startswith(b"MSH|")] == wanted


@given(st.binary(max_size=300))
def test_every_byte_that_is_no_framing_comes_out(data: bytes) -> None:
    found = list(split_messages(data))
    assert [raw.position for raw in found] == list(range(1, len(found) + 1))
    assert all(0 <= raw.offset < len(data) for raw in found)
