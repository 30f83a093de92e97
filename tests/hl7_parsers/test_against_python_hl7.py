"""Our reader against python-hl7: the same values on generated messages, and each difference named.

The classes of difference stand in beside_python_hl7.py; besides them, lines may end in LF here, and a value is trimmed.
The corpus of messages by others is compared in the same way in tests/acceptance.
"""

from collections import Counter

import hl7
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hl7_parsers import er7, split_messages
from tests.hl7_parsers.beside_python_hl7 import UNEXPLAINED, WHY, compared, extracted
from tests.hl7_parsers.samples import MSH, message

# python-hl7 tells of inline character sets by a method that Python has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning")

USUAL = "|^~\\&"
DELIMITERS = [USUAL, "|~^\\&", "^~|\\&", "|$*@!", "#^~\\&"]  # among them VistA's, MSH^~|\&
TEXT = st.text(st.characters(codec="utf-8", categories=["L", "N"]) | st.sampled_from("-+./'\" "), max_size=6)
ESCAPES = [rf"\{letter}\ ".strip() for letter in "FSTREHN"]
ESCAPES += [r"\X41\ ".strip(), r"\X4142\ ".strip(), r"\XC3A9\ ".strip(), r"\XE9\ ".strip(), r"\.br\ ".strip()]
ESCAPES += [r"\.sp3\ ".strip(), r"\.in+4\ ".strip(), r"\Zab\ ".strip(), r"\X4\ ".strip(), r"\C2842\ ".strip()]
VALUE = st.lists(TEXT | st.sampled_from(ESCAPES), max_size=3).map("".join) | st.just('""')
COMPONENT = st.lists(VALUE, min_size=1, max_size=3).map("&".join)
REPETITION = st.lists(COMPONENT, min_size=1, max_size=4).map("^".join)
FIELD = st.lists(REPETITION, min_size=1, max_size=3).map("~".join)
SEGMENT = st.tuples(st.sampled_from(["PID", "PV1", "ORC", "RXA", "ZZ1"]), st.lists(FIELD, min_size=1, max_size=8)).map(
    lambda parts: "|".join([parts[0], *parts[1]])
)


def differences(ours: er7.Er7, theirs: hl7.Message) -> Counter[str]:
    """How many values agree (""), and differ, by why; none may be unexplained."""
    found = list(compared(ours, theirs))
    assert not [each for each in found if each.why == UNEXPLAINED]
    return Counter(each.why for each in found)


def same_names(ours: er7.Er7, theirs: hl7.Message) -> None:
    assert [segment.name for segment in ours.all()] == [str(segment[0][0]) for segment in theirs]


@settings(max_examples=80)
@given(st.lists(SEGMENT, min_size=1, max_size=6), st.sampled_from(DELIMITERS), st.sampled_from(["\r", "\n", "\r\n"]))
def test_every_value_of_a_generated_message_is_the_same(segments: list[str], marks: str, line_end: str) -> None:
    plain = message(MSH, *segments).decode()
    text = plain.translate(str.maketrans(USUAL, marks))
    ours, theirs = er7.read(text.replace("\r", line_end).encode()), hl7.parse(text)
    same_names(ours, theirs)
    assert differences(ours, theirs)[""] > 0


@settings(max_examples=40)
@given(st.lists(SEGMENT, min_size=1, max_size=4), st.sampled_from(DELIMITERS))
def test_what_is_not_there_is_empty_for_both(segments: list[str], marks: str) -> None:
    plain = message(MSH, *segments).decode()
    text = plain.translate(str.maketrans(USUAL, marks))
    ours, theirs = er7.read(text.encode()), hl7.parse(text)
    for segment in ours.all():
        fields = len(segment.fields)
        for place in ((fields, 1, 1, 1), (fields + 5, 1, 1, 1), (fields - 1, 9, 1, 1), (fields - 1, 1, 9, 1)):
            field, repetition, component, sub = place
            sent = segment.repetitions(field)
            mine = (
                er7.value_in(sent[repetition - 1], component, sub, ours.delimiters) if repetition <= len(sent) else ""
            )
            assert mine == extracted(theirs, segment.name, segment.number, *place) == ""


@pytest.mark.parametrize("codec", ["utf-8", "latin-1", "iso2022_jp", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_the_bytes_of_a_character_set_are_the_same_text(codec: str) -> None:
    name = "患者^太郎" if codec == "iso2022_jp" else "MÜLLER^ZOË"
    text = message(
        MSH + "||||||", f"PID|1||A1||{name}", "NTE|1||ø ~ 100 µg" if "2022" not in codec else "NTE|1||薬"
    ).decode()
    ours, theirs = er7.read(text.encode(codec)), hl7.parse(text)
    same_names(ours, theirs)
    assert set(differences(ours, theirs)) == {""}


def test_the_messages_of_a_batch_are_the_same() -> None:
    messages = [message(MSH.replace("SYN-1", f"SYN-{n}"), f"PID|1||A{n}^^^X~B", "NTE|1||x").decode() for n in range(3)]
    file = "FHS|^~\\&|A\rBHS|^~\\&|A\r" + "".join(messages) + "BTS|3\rFTS|1\r"
    ours = [er7.read(raw.text) for raw in split_messages(file.encode())]
    theirs = [each for batch in hl7.parse_file(file) for each in batch]
    assert len(ours) == len(theirs) == 3
    for mine, other in zip(ours, theirs, strict=True):
        same_names(mine, other)
        assert set(differences(mine, other)) == {""}


@pytest.mark.parametrize(
    ("why", "sent", "ours", "python_hl7"),
    [
        ("", "  a ", "a", "  a "),
        ("null", '""', "", '""'),
        ("unknown escape", r"a\Zx\b", r"a\Zx\b", "ab"),
        ("unknown escape", r"5\mL", r"5\mL", "5"),
        ("formatting", r"a\.br\b", "a\nb", "a\rb"),
        ("hex", r"\XC3A9\e", "ée", "Ã©e"),
        ("highlighting", r"\H\a\N\b", "ab", "_a_b"),
        ("truncation", r"a\P\b", r"a#b", "ab"),
    ],
)
def test_where_we_differ_is_known(why: str, sent: str, ours: str, python_hl7: str) -> None:
    raw = message(MSH.replace("^~\\&", "^~\\&#"), f"NTE|1||{sent}|x")
    (found,) = [each for each in compared(er7.read(raw), hl7.parse(raw.decode())) if each.place == "NTE[1]-3(1).1.1"]
    assert (found.why, found.ours, found.theirs) == (why, ours, python_hl7)


def test_every_class_of_difference_is_explained() -> None:
    known = {"null", "unknown escape", "formatting", "hex", "highlighting", "truncation", "segment name"}
    assert set(WHY) == known


def test_a_name_is_read_in_capitals_here_and_as_sent_there() -> None:
    raw = message(MSH, "pid|1||A")
    found = [each for each in compared(er7.read(raw), hl7.parse(raw.decode())) if each.place.startswith("PID")]
    assert {each.why for each in found} == {"segment name"}


def test_line_feeds_end_segments_here_and_not_there() -> None:
    text = f"{MSH}\nPID|1||A\n"
    assert [segment.name for segment in er7.read(text.encode()).all()] == ["MSH", "PID"]
    assert len(hl7.parse(text)) == 1
