"""Framing: whatever the pieces, the same messages come out."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.mllp import Deframer, TooLong, frame

HEADER = b"MSH|^~\\&|MAR|SYNTH|||20260302||RAS^O17|C1|P|2.5.1\r"
messages = st.lists(
    st.binary(max_size=60).map(lambda tail: HEADER + tail.translate(None, b"\x0b\x1c") + b"\r"), max_size=6
)


@given(messages=messages, cuts=st.lists(st.integers(0, 500), max_size=12))
def test_cutting_the_stream_anywhere_changes_nothing(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(message) for message in messages)
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    deframer = Deframer(10_000)
    found = [m for start, end in pairwise(places) for m in deframer.feed(stream[start:end])]
    assert found == messages
    assert deframer.rest == b""


@pytest.mark.parametrize(
    "stream",
    [
        b"\x0b" + HEADER + b"\x1c",  # no CR after the end block
        b"\r\n\x00\x0b" + HEADER + b"\x1c\r",  # noise between frames
        HEADER + b"\x1c\r",  # no start block
        b"garbage\x0b" + HEADER + b"\x1c\r",
        b"\x0bMSH|cut\r\x0b" + HEADER + b"\x1c\r",  # a frame that was cut, and sent again from its start
    ],
)
def test_a_sloppy_frame_is_read_all_the_same(stream: bytes) -> None:
    assert Deframer(10_000).feed(stream) == [HEADER]


def test_a_start_block_inside_a_message_does_not_begin_another() -> None:
    message = HEADER + b"NTE|1||odd\x0btext\r"
    assert Deframer(10_000).feed(frame(message)) == [message]


def test_noise_alone_is_no_message() -> None:
    assert Deframer(10_000).feed(b"\x1c\r\x1c\r\n\x1c\r") == []


def test_text_that_is_not_hl7_is_handed_on_so_that_it_can_be_kept() -> None:
    assert Deframer(10_000).feed(frame(b"hello")) == [b"hello"]


def test_a_message_cut_by_the_end_of_the_connection_is_not_one() -> None:
    deframer = Deframer(10_000)
    assert deframer.feed(b"\x0b" + HEADER) == []
    assert deframer.rest == HEADER


@pytest.mark.parametrize("piece", [1, 100, 5000])
def test_of_a_message_that_is_too_long_the_beginning_stays_and_the_next_is_read_whole(piece: int) -> None:
    deframer = Deframer(1000)
    stream = frame(HEADER) + frame(HEADER + b"x" * 2000) + frame(HEADER)
    found = [m for at in range(0, len(stream), piece) for m in deframer.feed(stream[at : at + piece])]
    assert [isinstance(message, TooLong) for message in found] == [False, True, False]
    assert found[0] == found[2] == HEADER
    assert found[1].startswith(HEADER)
    assert not deframer.has_begun


def test_a_message_without_end_does_not_fill_the_memory() -> None:
    deframer = Deframer(1000)
    deframer.feed(b"\x0b" + HEADER)
    for _ in range(1000):
        assert deframer.feed(b"x" * 10_000) == []
    assert deframer.is_too_long
    assert deframer.has_begun
    assert len(deframer.rest) <= 4096
    assert [type(message) for message in deframer.feed(b"\x1c\r")] == [TooLong]
    assert not deframer.is_too_long


def test_a_message_of_just_the_limit_is_whole() -> None:
    for length, kind in ((1000, bytes), (1001, TooLong)):
        text = HEADER + b"x" * (length - len(HEADER))
        assert [type(message) for message in Deframer(1000).feed(frame(text))] == [kind]


@pytest.mark.parametrize("noise", [b"\r", b"\r\n", b"\x00" * 50, b""])
def test_noise_between_messages_does_not_begin_one(noise: bytes) -> None:
    deframer = Deframer(1000)
    deframer.feed(frame(HEADER) + noise)
    assert not deframer.has_begun
    deframer.feed(b"\x0b")
    assert deframer.has_begun


def test_a_large_message_in_small_pieces_takes_linear_time() -> None:
    def seconds(size: int) -> float:
        """Processor time, the least of a few tries: others on the machine only add to it."""
        tries = []
        for _ in range(5):
            deframer = Deframer(64 * size)
            began = time.process_time()
            for piece in range(0, size, 1000):
                deframer.feed((b"\x0b" if piece == 0 else b"") + b"x" * 1000)
            tries.append(time.process_time() - began)
        return min(tries)

    # Quadratic would be 64 times as long for 8 times the bytes.
    assert seconds(8_000_000) < 30 * max(seconds(1_000_000), 0.001)
