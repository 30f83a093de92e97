"""Our ER7 reader: delimiters, terminators, escapes, missing parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7_parsers import UnreadableMessage, er7
from tests.hl7_parsers.samples import MSH, ORC, PID, PV1, RXR, message, rxa

SEGMENTS = [MSH, PID, PV1, ORC, rxa(), RXR]


def test_a_value_is_found_by_field_component_and_subcomponent() -> None:
    read = er7.read(message(MSH, "PID|1||A&B&C^^^NS&1.2&ISO^MR~SECOND^^^X"))
    pid = read.first("PID")
    assert pid is not None
    assert pid.text(3) == "A"
    assert pid.text(3, 1, 2) == "B"
    assert pid.text(3, 4, 3) == "ISO"
    assert pid.text(3, 5) == "MR"
    assert pid.repetitions(3) == ["A&B&C^^^NS&1.2&ISO^MR", "SECOND^^^X"]


@pytest.mark.parametrize(
    ("field", "component", "subcomponent"), [(99, 1, 1), (1, 2, 1), (1, 1, 2), (3, 9, 1), (2, 1, 1)]
)
def test_what_is_not_there_is_empty(field: int, component: int, subcomponent: int) -> None:
    pid = er7.read(message(MSH, PID)).first("PID")
    assert pid is not None
    assert pid.text(field, component, subcomponent) == ""


def test_msh_counts_its_separator_as_a_field() -> None:
    header = er7.read(message(MSH)).header
    assert (header.raw(1), header.raw(2), header.text(3), header.text(9, 2)) == ("|", "^~\\&", "MAR", "O17")


def test_the_null_is_no_value_but_can_be_told() -> None:
    pid = er7.read(message(MSH, 'PID|1||""||X|""')).first("PID")
    assert pid is not None
    assert pid.text(3) == ""
    assert pid.is_null(3)
    assert not pid.is_null(4)


@pytest.mark.parametrize("terminator", ["\r", "\n", "\r\n", "\r\r", "\n\n"])
@pytest.mark.parametrize(("before", "after"), [("", ""), ("\x0b", "\x1c\r"), ("\r\n  ", "\x1c"), ("\ufeff", "\r\n")])
def test_terminators_and_framing_do_not_matter(terminator: str, before: str, after: str) -> None:
    raw = (before + terminator.join(SEGMENTS) + terminator + after).encode()
    assert [segment.fields for segment in er7.read(raw).all()] == [s.fields for s in er7.read(message(*SEGMENTS)).all()]


def test_indented_and_framed_lines_are_segments() -> None:
    read = er7.read(f"  {MSH}\n  {PID}\n\x0b{ORC}\n".encode())
    assert [segment.name for segment in read.all()] == ["MSH", "PID", "ORC"]


@pytest.mark.parametrize(
    ("encoding", "delimiters"),
    [
        ("^~\\&", er7.Delimiters("|", "^", "~", "\\", "&", er7.NO_DELIMITER)),
        ("^~\\&#", er7.Delimiters("|", "^", "~", "\\", "&", "#")),
        ("^~\\", er7.Delimiters("|", "^", "~", "\\", "&", er7.NO_DELIMITER)),
        ("^~", er7.Delimiters("|", "^", "~", "\\", "&", er7.NO_DELIMITER)),
        ("^&", er7.Delimiters("|", "^", "&", "\\", er7.NO_DELIMITER, er7.NO_DELIMITER)),
        ("^", er7.Delimiters("|", "^", "~", "\\", "&", er7.NO_DELIMITER)),
        ("", er7.Delimiters("|", "^", "~", "\\", "&", er7.NO_DELIMITER)),
        ("$*@!", er7.Delimiters("|", "$", "*", "@", "!", er7.NO_DELIMITER)),
        ("^~\\\\", er7.Delimiters("|", "^", "~", "\\", er7.NO_DELIMITER, er7.NO_DELIMITER)),
    ],
)
def test_delimiters_are_those_of_the_header(encoding: str, delimiters: er7.Delimiters) -> None:
    assert er7.read(f"MSH|{encoding}|A|B\r".encode()).delimiters == delimiters


def test_any_delimiters_give_the_same_values() -> None:
    usual = message(*SEGMENTS).decode()
    other = usual.translate(str.maketrans("|^~\\&", "^~|\\&")).encode()
    first, second = (er7.read(raw) for raw in (usual.encode(), other))
    for one, same in zip(first.all(), second.all(), strict=True):
        assert [one.text(n, c) for n in range(3, 26) for c in (1, 2, 3)] == [
            same.text(n, c) for n in range(3, 26) for c in (1, 2, 3)
        ]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"PID|1",
        b"MSH",
        b"MSH ^~\\&",
        b"MSHA^~\\&",
        b"MSH|^~\\&amp;|APP",
        b"MSH|ABCD|APP",
        b"MSH|^~\\&ABCDEF",
        b"MSH|^ \\&|APP",
        b"\x00\x01\x02",
    ],
)
def test_a_header_that_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        er7.read(raw)


def test_two_messages_in_one_are_refused() -> None:
    with pytest.raises(UnreadableMessage, match="TWO_HEADERS"):
        er7.read(message(*SEGMENTS, *SEGMENTS))
    assert er7.read(message(*SEGMENTS, "MSH")).first("RXA") is not None


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (r"a\F\b\S\c\R\d\T\e\E\f", r"a|b^c~d&e\f"),
        (r"\X41\\X42\C", "ABC"),
        (r"\XC3A9\ and \XE9\ ", "é and é"),
        (r"\XC3\\XA9\ ", "é"),
        (r"line\.br\line\.sp2\end", "line\nline\nend"),
        (r"\H\loud\N\ text", "loud text"),
        (r"5\mL, C:\dir\file", r"5\mL, C:\dir\file"),
        (r"\Zsite\ stays", r"\Zsite\ stays"),
        (r"\X4\ stays", r"\X4\ stays"),
        ("\\", "\\"),
        (r"\.in+4\text", "text"),
    ],
)
def test_escapes_mean_what_they_stand_for(sent: str, meant: str) -> None:
    segment = er7.read(message(MSH, f"NTE|1||{sent}")).first("NTE")
    assert segment is not None
    assert segment.text(3) == meant.strip()


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=60))
def test_a_text_that_is_escaped_and_read_comes_back(text: str) -> None:
    for delimiters in (
        er7.Delimiters(),
        er7.Delimiters("^", "~", "|", "\\", "&"),
        er7.Delimiters("|", "$", "*", "@", "!"),
    ):
        assert er7.unescape(er7.escape(text, delimiters), delimiters) == text
