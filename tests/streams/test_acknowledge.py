"""What an answer says, field by field, read back with python-hl7."""

import re

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hl7_parsers
from streams.acknowledge import acknowledgement, next_id
from streams.answers import NOT_STORED, Problem

HEAD = "MSH|^~\\&|MAR^1.2^ISO|SYNTH|DRIP|BILL|20260302||RAS^O17^RAS_O17|C1|T|{version}||||||{charset}\r"
NO_PATIENT = Problem("NO_PATIENT", "PID-3", "send the patient's id")


def raw(version: str = "2.5.1", charset: str = "") -> bytes:
    return HEAD.format(version=version, charset=charset).encode()


def answer(code: str, problem: Problem | None = None, version: str = "2.5.1") -> hl7.Message:
    return hl7.parse(acknowledgement(hl7_parsers.peek(raw(version)), code, problem).decode())


def field(message: hl7.Message, segment: str, number: int) -> str:
    return str(message.segment(segment)[number])


def test_the_names_are_turned_around_and_version_type_and_processing_id_come_back() -> None:
    ack = answer("AA")
    assert [field(ack, "MSH", number) for number in (3, 4, 5, 6)] == ["DRIP", "BILL", "MAR^1.2^ISO", "SYNTH"]
    assert [field(ack, "MSH", number) for number in (9, 11, 12)] == ["ACK^O17^ACK", "T", "2.5.1"]
    assert re.fullmatch(r"\d{14}\+0000", field(ack, "MSH", 7))
    assert str(ack.segment("MSA")) == "MSA|AA|C1"


def test_a_receiver_that_was_not_named_answers_under_its_own_name() -> None:
    text = b"MSH|^~\\&|MAR|SYNTH|||20260302||RAS^O17|C1|P|2.5.1\r"
    assert acknowledgement(hl7_parsers.peek(text), "AA").startswith(b"MSH|^~\\&|DRIPCODE||MAR|SYNTH|")


def test_control_ids_of_answers_are_their_own_and_fit_the_standard() -> None:
    ids = [next_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert max(map(len, ids)) <= 20
    assert field(answer("AA"), "MSH", 10) != field(answer("AA"), "MSH", 10)


@pytest.mark.parametrize("code", ["AE", "AR", "CE", "CR"])
def test_a_refusal_says_where_and_what_to_do(code: str) -> None:
    ack = answer(code, NO_PATIENT)
    assert str(ack.segment("MSA")) == f"MSA|{code}|C1|NO_PATIENT at PID-3"
    assert [field(ack, "ERR", number) for number in (2, 3, 4, 5, 8)] == [
        "PID^1^3",
        "101^Required field missing^HL70357",
        "E",
        "NO_PATIENT",
        "send the patient's id",
    ]


@pytest.mark.parametrize("code", ["AA", "CA"])
def test_an_acceptance_says_nothing_of_problems(code: str) -> None:
    assert acknowledgement(hl7_parsers.peek(raw()), code, NO_PATIENT).endswith(f"\rMSA|{code}|C1\r".encode())


@pytest.mark.parametrize("version", ["2.1", "2.2", "2.3", "2.3.1", "2.4"])
def test_versions_before_2_5_get_the_error_in_err_1(version: str) -> None:
    ack = answer("AE", NO_PATIENT, version)
    assert str(ack.segment("ERR")) == "ERR|PID^1^3^101&Required field missing&HL70357"
    assert field(ack, "MSH", 12) == version


@pytest.mark.parametrize(
    ("place", "told"),
    [("MSH-9.1", "MSH^1^9^1^1"), ("PID[2]", "PID^2"), ("MSH[2]", "MSH^2"), ("MSH", "MSH^1"), ("", "")],
)
def test_the_place_is_told_as_a_location(place: str, told: str) -> None:
    assert field(answer("AE", Problem("NO_TYPE", place, "")), "ERR", 2) == told


def test_a_system_problem_is_an_internal_error() -> None:
    assert field(answer("AE", NOT_STORED), "ERR", 3) == "207^Application internal error^HL70357"


@pytest.mark.parametrize(
    ("declared", "codec"),
    [("UNICODE UTF-8", "utf-8"), ("8859/1", "iso8859_1"), ("8859/15", "iso8859_15"), ("", "cp1252")],
)
def test_the_answer_is_written_in_the_character_set_of_the_message(declared: str, codec: str) -> None:
    text = f"MSH|^~\\&|MÄR|SYNTH|||20260302||RAS^O17|CÜ1|P|2.5.1||||||{declared}\r".encode(codec)
    ack = acknowledgement(hl7_parsers.peek(text), "AA").decode(codec)
    assert "|MÄR|SYNTH|" in ack
    assert "MSA|AA|CÜ1\r" in ack
    assert field(hl7.parse(ack), "MSH", 12) == "2.5.1"
    assert ack.split("\r")[0].endswith(f"||||||{declared}" if declared else "|2.5.1")


def test_a_message_in_utf_16_is_answered_in_utf_8() -> None:
    ack = acknowledgement(hl7_parsers.peek(raw().decode().replace("MAR", "MÄR").encode("utf-16")), "AA")
    assert "|MÄR^1.2^ISO|SYNTH|" in ack.decode()
    assert b"||||||UNICODE UTF-8\r" in ack


def test_a_control_id_comes_back_whole_whatever_is_in_it() -> None:
    text = raw().replace(b"|C1|", b"|C1^A&B~2|")
    assert b"\rMSA|AA|C1^A&B~2\r" in acknowledgement(hl7_parsers.peek(text), "AA")


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40))
def test_nothing_of_a_message_breaks_out_of_its_field(name: bytes, kind: bytes, control_id: bytes) -> None:
    text = b"MSH|^~\\&|" + name + b"|SYNTH|||20260302||" + kind + b"|" + control_id + b"|P|2.5.1\r"
    ack = acknowledgement(hl7_parsers.peek(text), "AE", NO_PATIENT)
    assert [line[:4] for line in ack.split(b"\r")] == [b"MSH|", b"MSA|", b"ERR|", b""]
    assert not set(ack) & {0x0B, 0x1C, 0x0A}


@pytest.mark.parametrize(("kind", "answered"), [("RAS^O17", "ACK^O17^ACK"), ("RAS", "ACK"), ("", "ACK")])
def test_an_answer_to_a_message_without_a_trigger_names_none(kind: str, answered: str) -> None:
    msh = acknowledgement(hl7_parsers.Peek(is_readable=True, control_id="C1", kind=kind), "AA").split(b"\r")[0]
    assert msh.split(b"|")[8] == answered.encode()
