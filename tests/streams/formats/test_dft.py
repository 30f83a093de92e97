"""DFT^P03: read back by python-hl7 and by our own reader, the same charges."""

from typing import Any

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7_parsers import er7
from streams.formats.charge import Charge, News
from streams.formats.dft import VERSIONS, Addressee, dft
from tests.streams.issued import drug_line, line

CHANGED = News(
    "SYNTH\x1fSYNV1\x1fV1",
    5,
    reversed=[Charge("AAAAAAAAAAAA", line("a", modifiers=["59"]))],
    made=[Charge("BBBBBBBBBBBB", line("b", units=3, modifiers=["XU", "GC"])), Charge("CCCCCCCCCCCC", drug_line("c"))],
    standing=[],
    was_told=True,
)


def by_python_hl7(content: bytes) -> Any:
    return hl7.parse(content.decode())


def test_charges_and_reversals_as_python_hl7_reads_them() -> None:
    document = dft(CHANGED, Addressee("BILLING", "SYNTH"))
    message = by_python_hl7(document.content)
    assert message["MSH.F9.R1.C1"] == "DFT"
    assert message["MSH.F9.R1.C2"] == "P03"
    assert message["MSH.F10"] == document.name
    assert (message["MSH.F5"], message["MSH.F6"]) == ("BILLING", "SYNTH")
    assert message["PID.F3.R1.C1"] == "SYNV1"
    assert message["PID.F3.R1.C4"] == "SYNTH"
    assert message["PV1.F19"] == "V1"
    rows = message.segments("FT1")
    assert [str(row[1]) for row in rows] == ["1", "2", "3"]
    assert [str(row[2]) for row in rows] == ["AAAAAAAAAAAA", "BBBBBBBBBBBB", "CCCCCCCCCCCC"]
    assert [str(row[4]) for row in rows] == ["20260302"] * 3
    assert [str(row[6]) for row in rows] == ["CD", "CG", "CG"]
    assert [str(row[10]) for row in rows] == ["1", "3", "30"]
    assert [str(row[25]) for row in rows] == ["96365^^C4", "96365^^C4", "J1745^^HCPCS"]
    assert [str(row[26]) for row in rows] == ["59", "XU~GC", "JZ"]
    assert str(rows[2][29]) == "57894003001^^NDC"
    assert str(rows[2][13]) == "PHARM"


def test_a_drug_without_a_code_of_its_own_is_told_by_name_and_dose() -> None:
    drug = {"code": "X", "system": "99SYN", "name": "new^drug"}
    of_drug = {**drug_line("n"), "code": "J3590", "hcpcs": "J3590", "drug": drug}
    news = News("k", 1, [], [Charge("NOC", of_drug)], [], was_told=False)
    row = by_python_hl7(dft(news, Addressee()).content).segments("FT1")[0]
    assert (str(row[7]), str(row[25])) == ("J3590^new\\S\\drug 300 mg^HCPCS",) * 2


def test_our_own_reader_reads_the_same() -> None:
    content = dft(CHANGED, Addressee()).content
    ours, theirs = er7.read(content), by_python_hl7(content)
    assert [segment.name for segment in ours.all()] == [str(segment[0]) for segment in theirs]
    for mine, other in zip(ours.all(), theirs, strict=True):
        for number in range(1, 32):
            expected = str(other[number]) if number < len(other) else ""
            assert mine.raw(number) == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_fields_are_those_of_the_version(version: str) -> None:
    message = by_python_hl7(dft(CHANGED, Addressee(version=version)).content)
    assert message["MSH.F12"] == version
    last = len(message.segments("FT1")[2]) - 1
    assert last == {"2.3.1": 26, "2.5.1": 29, "2.7": 43}[version]
    if version == "2.7":
        assert str(message.segments("FT1")[2][41]) == "0636"
        assert str(message.segments("FT1")[2][43]) == "3^UN"


def test_units_of_a_reversal_are_below_zero_only_where_asked() -> None:
    rows = by_python_hl7(dft(CHANGED, Addressee(is_negative=True)).content).segments("FT1")
    assert [str(row[10]) for row in rows] == ["-1", "3", "30"]


def test_the_same_news_is_the_same_message_and_other_news_another() -> None:
    assert dft(CHANGED, Addressee()) == dft(CHANGED, Addressee())
    other = News(CHANGED.key, 6, [], CHANGED.made, [], was_told=True)
    assert dft(other, Addressee()).name != dft(CHANGED, Addressee()).name
    assert len(dft(CHANGED, Addressee()).name) <= 20


@given(text=st.text(min_size=1, max_size=40).filter(lambda text: text.strip() != '""'))
def test_no_value_breaks_out_of_its_field(text: str) -> None:
    news = News("k", 1, [], [Charge("A", line("a", text, patient_id=text, facility=text))], [], was_told=False)
    content = dft(news, Addressee()).content
    segments = er7.read(content).all()
    assert [segment.name for segment in segments] == ["MSH", "EVN", "PID", "PV1", "FT1"]
    kept = "".join(letter for letter in text if letter.isprintable() or letter in "\r\n")
    assert segments[3].text(19).strip() == kept.strip()
    assert segments[4].text(6) == "CG"


def test_a_name_beyond_ascii_is_declared_and_survives() -> None:
    news = News("k", 1, [], [Charge("A", line("a", facility="SYNTHÉTIQUE"))], [], was_told=False)
    content = dft(news, Addressee()).content
    assert by_python_hl7(content)["MSH.F18"] == "UNICODE UTF-8"
    assert er7.read(content).header.text(4) == "SYNTHÉTIQUE"
