"""Character sets: MSH-18 is a hint, the bytes decide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7_parsers.charsets import decode

HEADER = "MSH|^~\\&|A|B|C|D|||RAS^O17|1|P|2.5||||||{}\rPID|1||1||{}\r"


@pytest.mark.parametrize(
    ("named", "encoded", "read", "text"),
    [
        ("", "ascii", "ascii", "PLAIN"),
        ("UNICODE UTF-8", "utf-8", "utf-8", "SYNTHÉTIQUE"),
        ("ASCII", "utf-8", "utf-8", "SYNTHÉTIQUE"),  # declared wrongly
        ("CAN", "utf-8", "utf-8", "SYNTHÉTIQUE"),  # one field off
        ("8859/1", "latin-1", "iso8859_1", "SYNTHÉTIQUE"),
        ("", "latin-1", "cp1252", "SYNTHÉTIQUE"),
        ("8859/2", "iso8859_2", "iso8859_2", "SYNTETYCZNY Łódź"),
        ("~ISO IR87", "iso2022_jp", "iso-2022-jp", "患者^太郎"),
        ("", "iso2022_jp", "iso-2022-jp", "患者^太郎"),
        ("ISO IR14", "cp932", "cp932", "患者ソ表"),  # second bytes that look like delimiters
        ("GB 18030-2000", "gb18030", "gb18030", "测试患者"),
        ("", "utf-16", "utf-16", "SYNTHÉTIQUE 患者"),
        ("", "utf-16-le", "utf-16-le", "SYNTHÉTIQUE"),
        ("", "utf-16-be", "utf-16-be", "SYNTHÉTIQUE"),
        ("", "utf-8-sig", "utf-8", "SYNTHÉTIQUE"),
    ],
)
def test_text_is_read_in_the_set_that_its_bytes_are_in(named: str, encoded: str, read: str, text: str) -> None:
    whole = HEADER.format(named, text)
    assert decode(whole.encode(encoded)) == (whole, read)


def test_a_nul_is_left_out() -> None:
    assert decode(b"MSH|^~\\&|A\0B\r") == ("MSH|^~\\&|AB\r", "ascii")


@given(st.binary(max_size=200))
def test_any_bytes_are_some_text(raw: bytes) -> None:
    text, charset = decode(raw)
    assert charset
    assert "\0" not in text
