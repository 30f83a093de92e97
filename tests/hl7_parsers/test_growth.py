"""Time grows with the length of what is sent and no faster, whatever it is made of. In processor time."""

import gc
import time
from collections.abc import Callable

import pytest

from hl7_parsers import HL7Error, parse_message, peek, split_messages
from streams.mllp import Deframer
from tests.hl7_parsers.samples import MSH, ORC, PID, PV1, RXR, message, ras, rxa

FULL = ras("RXO|SYN1", "RXR|IV", "RXC|A|SYN1^DRUG ONE|1|g", "NTE|1||a\\F\\b", rxa(), RXR)
KINDS = {
    kind: message(MSH.replace("RAS^O17^RAS_O17", kind), "EVN|A40|20250106", PID, PV1, ORC)
    for kind in ("RDE^O11", "ADT^A40", "ORU^R42", "VXU^V04", "RGV^O15", "RDS^O13")
}
SEPARATORS = ["|", "^", "~", "&", "\\", "\r", "\n", "\r\n", " ", "\0", "\x0b", "\x1c", "\x1c\r", "\x0b ", '"', "\\F\\"]
SEPARATORS += ["\\X41", "\\X41\\", "\\X41\\\\X42\\", "\\.br", "\\.br\\", "\\E\\F\\", "\x1b$B", "9", "-"]
SEGMENTS = ["RXA|\r", "NTE|1||a\r", "RXR|IV\rRXA|0|1|2025|||\r", "RXC|A|X\r", "ORC|RE|1\r", "PID|1||SYN001\r", "TQ1|\r"]
SEGMENTS += ["RXE||X\r", "RXC|A|X\rRXA|0|1|2025|||\r", "NTE|1||a\rRXA|0|1|2025||X\r"]
SEGMENTS += ["ORC|\rRXR|IV\rRXA|0|1|2025||X|1\r", "MSH\r", "OBX|1|NM|A||1\r"]
OF_OTHERS = {"RDE^O11": "ORC|NW|1\rRXE||X\r", "ADT^A40": "PID|1||A\rMRG|B\r", "ORU^R42": "OBR|1|X\rOBX|1|NM|A^B||1\r"}
OF_OTHERS |= {"VXU^V04": "ORC|RE\rRXA|0|1|2025||X\r", "RGV^O15": "RXG|1||20250106|X|1||g\r", "RDS^O13": "RXD|1|X\r"}
STREAMS = [b"\x0b", b"\x1c", b"\x1c\r", b"\x0b\x1c", b"\x0b \x0b", b"\r", b" ", b"\0", b"MSH", b"\x0bMSH|\x1c\r"]
STREAMS += [
    b"MSH|^~\\&|A\r",
    b"FHS|\r",
    b"BTS\r",
    b"\xef\xbb\xbf",
    b"\xef\xbb\xbf\x0b",
    b"\rMSH|\r",
    "MSH|A\r".encode("utf-16"),
]

RATIO_MAX = 8  # for four times the length; quadratic would be sixteen times
NOISE = 0.05  # seconds of processor time that a measurement may be off


def spent(work: Callable[[bytes], object], data: bytes, times: int) -> float:
    """The least seconds of processor time of some tries."""
    tries = []
    gc.collect()
    gc.disable()  # its full passes grow with everything else that is alive
    try:
        for _ in range(times):
            began = time.process_time()
            work(data)
            tries.append(time.process_time() - began)
    finally:
        gc.enable()
    return min(tries)


def assert_in_proportion(work: Callable[[bytes], object], start: bytes, filling: bytes, longest: int) -> None:
    """Four times the length takes less than eight times as long; measured again when it seems to."""
    quarter, whole = (start + filling * (size // len(filling)) for size in (longest // 4, longest))
    for times in (1, 3):
        if spent(work, whole, times) < NOISE + RATIO_MAX * spent(work, quarter, times):
            return
    pytest.fail(f"{filling!r}: more than {RATIO_MAX} times as long for four times the length")


def read(raw: bytes) -> None:
    peek(raw)
    try:
        parse_message(raw)
    except HL7Error:
        return


def split(data: bytes) -> None:
    for _ in split_messages(data):
        pass


def deframe(data: bytes) -> None:
    deframer = Deframer(2 * len(data))
    for start in range(0, len(data), 4096):
        deframer.feed(data[start : start + 4096])


@pytest.mark.parametrize("filling", SEPARATORS)
def test_a_megabyte_of_separators_is_read_in_proportion(filling: str) -> None:
    assert_in_proportion(read, FULL, filling.encode(), 1_000_000)
    assert_in_proportion(read, message(MSH, PID) + b"ORC|RE|ORD1|||||", filling.encode(), 1_000_000)


@pytest.mark.parametrize("filling", SEGMENTS)
def test_many_segments_are_read_in_proportion(filling: str) -> None:
    assert_in_proportion(read, FULL, filling.encode(), 200_000)


@pytest.mark.parametrize("kind", OF_OTHERS)
def test_many_segments_of_other_messages_are_read_in_proportion(kind: str) -> None:
    assert_in_proportion(read, KINDS[kind], OF_OTHERS[kind].encode(), 200_000)


@pytest.mark.parametrize("filling", STREAMS, ids=repr)
def test_a_megabyte_of_a_stream_is_split_in_proportion(filling: bytes) -> None:
    assert_in_proportion(split, FULL, filling, 1_000_000)
    assert_in_proportion(split, FULL.decode().encode("utf-16"), filling, 1_000_000)


@pytest.mark.parametrize("filling", STREAMS, ids=repr)
def test_a_megabyte_of_a_stream_is_deframed_in_proportion(filling: bytes) -> None:
    assert_in_proportion(deframe, b"", filling, 1_000_000)
