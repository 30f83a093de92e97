"""Which code a message is answered with: every pair of MSH-15 and MSH-16 with every verdict, and the site's policy."""

import itertools

import pytest

import hl7_parsers
from hl7_parsers import Peek
from streams.answers import AnswerPolicy, answer_code
from streams.settings import SettingsError, load_settings

CONDITIONS = ("", "AL", "NE", "ER", "SU")
VERDICTS = ("accept", "error", "reject")
# By MSH-15 and MSH-16: the answers to accept, error and reject, as table 0155 says; "-" for none.
ORIGINAL = "AA AE AR"
ACCEPT_ALWAYS = "CA CE CR"
MATRIX = {
    ("", ""): ORIGINAL,
    ("", "AL"): "AA AE AR",
    ("", "NE"): "- - -",
    ("", "ER"): "- AE AR",
    ("", "SU"): "AA - -",
    ("AL", ""): ACCEPT_ALWAYS,
    ("AL", "AL"): ACCEPT_ALWAYS,
    ("AL", "NE"): ACCEPT_ALWAYS,
    ("AL", "ER"): ACCEPT_ALWAYS,
    ("AL", "SU"): ACCEPT_ALWAYS,
    ("NE", ""): "- - -",
    ("NE", "AL"): "AA AE AR",
    ("NE", "NE"): "- - -",
    ("NE", "ER"): "- AE AR",
    ("NE", "SU"): "AA - -",
    ("ER", ""): "- CE CR",
    ("ER", "AL"): "AA CE CR",
    ("ER", "NE"): "- CE CR",
    ("ER", "ER"): "- CE CR",
    ("ER", "SU"): "AA CE CR",
    ("SU", ""): "CA - -",
    ("SU", "AL"): "CA AE AR",
    ("SU", "NE"): "CA - -",
    ("SU", "ER"): "CA AE AR",
    ("SU", "SU"): "CA - -",
}


def test_the_matrix_is_whole() -> None:
    assert set(MATRIX) == set(itertools.product(CONDITIONS, CONDITIONS))


@pytest.mark.parametrize(("asked", "codes"), MATRIX.items(), ids=["/".join(pair) for pair in MATRIX])
def test_the_answer_follows_the_mode_and_conditions_that_the_sender_asks_for(
    asked: tuple[str, str], codes: str
) -> None:
    peek = Peek(accept_ack=asked[0], application_ack=asked[1])
    assert [answer_code(peek, verdict) or "-" for verdict in VERDICTS] == codes.split()


@pytest.mark.parametrize("odd", ["P", "al", "X-12", '""'])
def test_a_condition_that_there_is_not_is_none(odd: str) -> None:
    assert answer_code(Peek(accept_ack=odd, application_ack=odd), "accept") == "AA"


HEAD = b"MSH|^~\\&|MAR|SYNTH|||20260302||%s|C1|P|2.5.1\r"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (HEAD % b"RAS^O17" + b"PID|1||SYN1\r", "accept"),
        (HEAD % b"RAS^O17", "no_patient"),
        (HEAD % b"RAS^O17" + b"PID|1||A\rPID|2||B\r", "no_patient"),
        (HEAD % b"SIU^S12" + b"PID|1||SYN1\r", "not_coded"),
        (HEAD % b"ADT^A99" + b"PID|1||SYN1\r", "not_coded"),
        (HEAD % b"" + b"PID|1||SYN1\r", "unreadable"),
        (b"MSH PID\r", "unreadable"),
        (b"hello", "unreadable"),
        ((HEAD % b"RAS^O17" + b"PID|1||SYN1\r") * 2, "unreadable"),
    ],
)
def test_each_problem_is_answered_by_the_setting_of_its_name(text: bytes, kind: str) -> None:
    policy = AnswerPolicy(unreadable="unreadable", no_patient="no_patient", not_coded="not_coded")
    assert policy.says_to(hl7_parsers.peek(text).problem) == kind


def test_the_policy_comes_from_the_settings() -> None:
    names = ("not_stored", "too_long", "unreadable", "no_patient", "not_coded")
    settings = load_settings(environment={}, given={f"ack_when_{name}": "reject" for name in names})[0]
    assert AnswerPolicy.of(settings) == AnswerPolicy(*["reject"] * 5)
    assert AnswerPolicy.of(load_settings(environment={})[0]) == AnswerPolicy()


@pytest.mark.parametrize(
    ("name", "value"), [("ack_when_not_stored", "accept"), ("ack_when_no_patient", "close"), ("ack_when_too_long", "x")]
)
def test_an_answer_that_would_lie_cannot_be_set(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load_settings(environment={}, given={name: value})
