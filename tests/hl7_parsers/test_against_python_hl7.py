"""Our reader against python-hl7: the same values on generated messages, and each difference named.

Where we differ on purpose: a value is trimmed, the HL7 null is empty, an escape that the standard does not know stays
as sent, `.br` is a line feed, bytes in hex are UTF-8, and lines may end in LF.
"""

import hl7
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hl7_parsers import er7
from tests.hl7_parsers.samples import MSH, message

PLAIN = st.text(st.characters(codec="ascii", categories=["L", "N"]) | st.sampled_from("-+./'\"é患 "), max_size=6).map(
    str.strip
)
ESCAPED = st.lists(
    PLAIN.filter(lambda text: '""' not in text) | st.sampled_from([r"\F\ ", r"\S\ ", r"\T\ ", r"\R\ ", r"\E\ "]),
    max_size=3,
).map(lambda parts: "".join(part.strip() for part in parts).strip())
COMPONENT = st.lists(ESCAPED.filter(lambda text: text != '""'), min_size=1, max_size=3).map("&".join)
REPETITION = st.lists(COMPONENT, min_size=1, max_size=4).map("^".join)
FIELD = st.lists(REPETITION, min_size=1, max_size=3).map("~".join)
SEGMENT = st.tuples(st.sampled_from(["PID", "PV1", "ORC", "RXA", "ZZ1"]), st.lists(FIELD, min_size=1, max_size=8)).map(
    lambda parts: "|".join([parts[0], *parts[1]])
)


def theirs(read: hl7.Message, segment: str, number: int, *place: int) -> str:
    try:
        return str(read.extract_field(segment, number, *place))
    except IndexError:  # python-hl7 has it both ways for what is not there
        return ""


@settings(max_examples=50, deadline=None)
@given(st.lists(SEGMENT, min_size=1, max_size=6))
def test_every_value_of_a_generated_message_is_the_same(segments: list[str]) -> None:
    raw = message(MSH, *segments)
    ours, other = er7.read(raw), hl7.parse(raw.decode())
    for segment in ours.all():
        for field in range(3, len(segment.fields) + 2) if segment.name == "MSH" else range(1, len(segment.fields) + 2):
            for repetition, sent in enumerate(segment.repetitions(field), 1):
                for component in range(1, 5):
                    for part in range(1, 4):
                        mine = er7.value_in(sent, component, part, ours.delimiters)
                        same = theirs(other, segment.name, segment.number, field, repetition, component, part)
                        assert mine == same.strip(), (segment.line, field, repetition, component, part)


@pytest.mark.parametrize(
    ("sent", "ours", "python_hl7"),
    [
        ("  a ", "a", "  a "),
        ('""', "", '""'),
        (r"a\Zx\b", r"a\Zx\b", "ab"),
        (r"5\mL", r"5\mL", "5"),
        (r"a\.br\b", "a\nb", "a\rb"),
        (r"\XC3A9\e", "ée", "Ã©e"),
    ],
)
def test_where_we_differ_is_known(sent: str, ours: str, python_hl7: str) -> None:
    raw = message(MSH, f"NTE|1||{sent}|x")
    segment = er7.read(raw).first("NTE")
    assert segment is not None
    assert segment.text(3) == ours
    assert theirs(hl7.parse(raw.decode()), "NTE", 1, 3) == python_hl7


def test_line_feeds_end_segments_here_and_not_there() -> None:
    text = f"{MSH}\nPID|1||A\n"
    assert [segment.name for segment in er7.read(text.encode()).all()] == ["MSH", "PID"]
    assert len(hl7.parse(text)) == 1
