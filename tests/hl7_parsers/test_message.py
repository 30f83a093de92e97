"""Reading a whole message: whatever comes in, a Message or an HL7Error comes out."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hl7_parsers import (
    STANDARD,
    HL7Error,
    Message,
    Peek,
    SenderProfile,
    UnreadableMessage,
    UnsupportedMessage,
    load_profile,
    parse_message,
    peek,
    profile_names,
    split_messages,
)
from tests.hl7_parsers.samples import MSH, ORC, PID, PV1, RXR, message, ras, rxa

RXC = "RXC|A|SYN1^DRUG ONE|1|g"
FULL_RAS = ras(
    "RXO|SYN1", "RXR|IV", RXC, "RXC|B|SYN9|100|mL", "TQ1" + "|" * 13 + "60^min", "NTE|1||a\\F\\b", rxa(), RXR
)
FULL_RDE = message(MSH.replace("RAS^O17^RAS_O17", "RDE^O11"), PID, PV1, ORC, "RXE||SYN1|1|2|g", RXR, RXC)
FULL_ADT = message(MSH.replace("RAS^O17^RAS_O17", "ADT^A08"), "EVN|A08|20250106", PID, PV1 + "|" * 26 + '""')
WHOLE = [FULL_RAS, FULL_RDE, FULL_ADT]
PROFILES = [load_profile(name) for name in profile_names()]


def outcome(raw: bytes, profile: SenderProfile = STANDARD) -> Message | HL7Error:
    """What reading gives; anything but the two kinds fails the test."""
    looked = peek(raw)
    try:
        read = parse_message(raw, profile)
    except HL7Error as refused:
        return refused
    assert looked.is_readable
    assert (looked.control_id, looked.kind) == (read.header.control_id, read.header.kind)
    assert (looked.patient_id, looked.patient_authority) == (read.patient.id, read.patient.authority)
    return read


@pytest.mark.parametrize("raw", WHOLE)
def test_a_message_cut_anywhere_is_read_or_refused(raw: bytes) -> None:
    assert isinstance(outcome(raw), Message)
    for end in range(len(raw)):
        outcome(raw[:end])


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=6)), min_size=1, max_size=6)
)
def test_a_message_with_bytes_changed_is_read_or_refused(raw: bytes, changes: list[tuple[int, bytes]]) -> None:
    for place, what in changes:
        at = place % len(raw)
        raw = raw[:at] + what + raw[at + len(what) :]
    outcome(raw)


DELIMITERS = st.sampled_from(
    ["|", "^", "~", "\\", "&", "\r", '""', "\0", "\n", " ", "\x0b", "\x1c", "-", "H1", "9" * 30]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(FULL_RAS.decode().split("\r")), max_size=12),
    st.lists(DELIMITERS, max_size=40),
    st.randoms(),
)
def test_segments_in_any_order_with_anything_in_them_are_read_or_refused(lines, extra, random) -> None:  # type: ignore[no-untyped-def]
    text = list("\r".join([MSH, *lines]))
    for piece in extra:
        text.insert(random.randrange(len(text) + 1), piece)
    raw = "".join(text).encode()
    for profile in PROFILES:
        outcome(raw, profile)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_after_a_header_are_read_or_refused(data: bytes) -> None:
    outcome(data)
    outcome(f"{MSH}\r{PID}\r{ORC}\rRXA|".encode() + data)
    for raw in split_messages(data):
        outcome(raw.text)


@pytest.mark.parametrize("terminator", [b"\n", b"\r\n", b"\r\r"])
def test_terminators_do_not_change_the_events(terminator: bytes) -> None:
    for raw in WHOLE:
        assert parse_message(raw.replace(b"\r", terminator)) == parse_message(raw)


def test_delimiters_do_not_change_the_events() -> None:
    raw = FULL_RAS.replace(b"a\\F\\b", b"a b")
    other = raw.decode().translate(str.maketrans("|^~\\&", "^~|\\&")).encode()
    assert parse_message(other) == parse_message(raw)


def test_unknown_segments_and_missing_tails_do_not_change_the_events() -> None:
    lines = FULL_RAS.decode().rstrip("\r").split("\r")
    with_more = [each for line in lines for each in (line, "ZXE|1|local", "OBX|1|ST|X||y")]
    assert parse_message(message(*with_more)) == parse_message(FULL_RAS)
    assert parse_message(message(*[line + "|||" for line in lines])) == parse_message(FULL_RAS)


def test_reading_twice_gives_the_same_and_it_travels() -> None:
    for raw in WHOLE:
        read = parse_message(raw)
        assert parse_message(raw) == read
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(read), type=Message) == read
        assert msgspec.json.decode(msgspec.json.encode(read), type=Message) == read


@pytest.mark.parametrize(
    ("kind", "error", "reason"),
    [
        ("ACK^O17", UnsupportedMessage, "TYPE_NOT_CODED"),
        ("ORU^R01", UnsupportedMessage, "TYPE_NOT_CODED"),
        ("DFT^P03", UnsupportedMessage, "TYPE_NOT_CODED"),
        ("VXU^V99", UnsupportedMessage, "TRIGGER_NOT_CODED"),
        ("ORM^O01", UnsupportedMessage, "OTHER_ORDER"),
        ("RAS^O99", UnsupportedMessage, "TRIGGER_NOT_CODED"),
        ("RDE^O49", UnsupportedMessage, "TRIGGER_NOT_CODED"),
        ("", UnreadableMessage, "NO_TYPE"),
        ("^O17", UnreadableMessage, "NO_TYPE"),
    ],
)
def test_what_is_not_coded_from_is_refused_by_name(kind: str, error: type[HL7Error], reason: str) -> None:
    with pytest.raises(error) as refused:
        parse_message(message(MSH.replace("RAS^O17^RAS_O17", kind), PID))
    assert (refused.value.reason, refused.value.control_id) == (reason, "SYN-1")
    assert "SYN-1" in str(refused.value)


@pytest.mark.parametrize("kind", ["RAS", "RAS^O01", "RAS^O17", "RAS_O17"])
def test_every_way_to_name_an_administration_is_understood(kind: str) -> None:
    assert parse_message(message(MSH.replace("RAS^O17^RAS_O17", kind), PID, ORC, rxa())).events


def test_an_error_never_tells_what_a_field_held() -> None:
    secret = "SECRET"
    for raw in (
        message(MSH, f"PID|1||^^^{secret}||{secret}"),
        message(MSH, "PID|1||A", f"PID|1||{secret}"),
        secret.encode(),
    ):
        with pytest.raises(HL7Error) as refused:
            parse_message(raw)
        assert secret not in str(refused.value)


def test_a_glance_sees_what_a_listener_needs() -> None:
    header = MSH + "|||AL|NE"
    assert peek(message(header, PID, PV1)) == Peek(
        is_readable=True,
        control_id="SYN-1",
        echo_id="SYN-1",
        kind="RAS^O17",
        application="MAR",
        facility="SYNTH",
        version="2.5.1",
        processing_id="P",
        accept_ack="AL",
        application_ack="NE",
        patient_id="SYN001",
        patient_authority="SYNTH",
        sender=("MAR", "SYNTH"),
        receiver=("DRIP", "BILL"),
        charset="ascii",
    )


@pytest.mark.parametrize("raw", [b"", b"hello", b"PID|1||A"])
def test_a_glance_at_what_has_no_header_sees_only_that(raw: bytes) -> None:
    looked = peek(raw)
    assert looked.problem is not None
    assert looked.problem.reason == "NO_HEADER"
    assert looked == Peek(problem=looked.problem)


def test_a_glance_at_two_messages_in_one_still_sees_whom_to_answer() -> None:
    looked = peek(FULL_RAS + FULL_RAS)
    assert not looked.is_readable
    assert (looked.control_id, looked.sender) == ("SYN-1", ("MAR", "SYNTH"))


def test_a_glance_keeps_the_names_of_systems_whole_and_by_the_standards_delimiter() -> None:
    looked = peek(message("MSH@$~\\&@MAR$1.2.3$ISO@SYNTH@DRIP$9.9$ISO@BILL@@@RAS$O17@SYN-1@P@2.5.1@@@@@@UNICODE UTF-8"))
    assert (looked.sender, looked.receiver) == (("MAR^1.2.3^ISO", "SYNTH"), ("DRIP^9.9^ISO", "BILL"))
    assert looked.declared_charset == "UNICODE UTF-8"


def test_a_glance_gives_the_control_id_back_as_it_was_sent() -> None:
    assert peek(message(MSH.replace("SYN-1", "A^B&C"), PID)).echo_id == "A^B&C"
    assert peek(message("MSH@$~\\&@MAR@@@@@@RAS$O17@A|B@P@2.5.1")).echo_id == "A\\F\\B"


@pytest.mark.parametrize(
    "raw",
    [
        message(MSH, ORC, rxa()),
        message(MSH, "PID|1||^^^SYNTH", ORC, rxa()),
        message(MSH, "PID|1||A", "PID|1||B"),
        message(MSH.replace("RAS^O17^RAS_O17", "SIU^S12"), PID),
        message(MSH.replace("RAS^O17^RAS_O17", "ADT^A99"), PID),
        message(MSH.replace("RAS^O17^RAS_O17", ""), PID),
        FULL_RAS + FULL_RAS,
        b"hello",
    ],
)
def test_a_glance_sees_the_problem_that_reading_would_end_with(raw: bytes) -> None:
    with pytest.raises(HL7Error) as refused:
        parse_message(raw)
    looked = peek(raw).problem
    assert looked is not None
    assert (type(looked), looked.reason, looked.place) == (
        type(refused.value),
        refused.value.reason,
        refused.value.place,
    )


def test_a_glance_sees_no_problem_where_there_is_none() -> None:
    assert [peek(raw).problem for raw in WHOLE] == [None, None, None]


def test_a_glance_sees_the_patient_of_any_type_of_message() -> None:
    assert peek(message(MSH.replace("RAS^O17^RAS_O17", "SIU^S12"), PID)).patient_id == "SYN001"
