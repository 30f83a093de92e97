"""The sender map: who is read how, and what is said of a map that cannot be used."""

from pathlib import Path

import pytest

from hl7_parsers import HL7Error, UnsupportedMessage
from streams.senders import parser_of, read_sender_map
from streams.settings import Settings, SettingsError, load_settings


def message(application: str, facility: str) -> bytes:
    return (
        f"MSH|^~\\&|{application}|{facility}|||20260302090000||RAS^O17|C1|P|2.5.1\rPID|1||SYN1^^^SYNTH^MR\r"
        "PV1|1|O||||||||||||||||||V1\rORC|RE|O1\rRXA|0|1|20260302090000||D1^drug|5|mg\r"
    ).encode()


def settings(tmp_path: Path, text: str, **given: object) -> Settings:
    path = tmp_path / "senders.toml"
    path.write_text(text)
    return load_settings(environment={}, given={"sender_map": str(path), **given})[0]


MAP = """
[[sender]]
application = "MAR"
facility = "NORTH"
time_zone = "America/Chicago"

[[sender]]
application = "MAR"
time_zone = "America/Denver"

[[sender]]
facility = "SOUTH"
profile = "own.toml"
"""


def test_the_closest_row_of_the_map_reads_a_message(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('based_on = "epic"\ntime_zone = "America/Phoenix"\n')
    parse = parser_of(settings(tmp_path, MAP, time_zone="America/New_York"))

    def offset(application: str, facility: str) -> float:
        (event,) = parse(message(application, facility)).events
        assert event.at is not None  # type: ignore[union-attr]
        moment = event.at.at.utcoffset()  # type: ignore[union-attr]
        assert moment is not None
        return moment.total_seconds() / 3600

    assert offset("MAR", "NORTH") == -6
    assert offset("MAR", "EAST") == -7
    assert offset("PHARM", "SOUTH") == -7
    assert offset("PHARM", "EAST") == -5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sender = 1", "holds [[sender]] tables and nothing else"),
        ("[[sender]]\naplication = 'MAR'", "sender 1: unknown key 'aplication'; did you mean 'application'?"),
        ("[[sender]]\nprofile = 'epick'", "sender 1: no profile 'epick'; there are cerner,"),
        ("[[sender]]\nprofile = 'nowhere.toml'", "nowhere.toml cannot be read"),
        ("[[sender]]\ntime_zone = 'Chicago'", "sender 1: "),
        ("[[sender]]\n[[sender]]", "sender 2: this application and facility are named before"),
        ("[[sender", "is not TOML"),
        ("[[sender]]\napplication = 1", "sender 1: application must be a text"),
    ],
)
def test_a_map_that_cannot_be_used_names_the_row(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "senders.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as wrong:
        read_sender_map(str(path))
    assert said in str(wrong.value)
    assert "senders.toml" in str(wrong.value) or "nowhere.toml" in str(wrong.value)


def test_messages_for_tests_and_training_are_left_out_where_the_site_says_so(tmp_path: Path) -> None:
    for_tests = message("MAR", "NORTH").replace(b"|P|2.", b"|T|2.")
    assert for_tests != message("MAR", "NORTH")
    assert parser_of(Settings())(for_tests).header.application == "MAR"
    production = parser_of(Settings(processing_ids="P, D"))
    with pytest.raises(UnsupportedMessage) as refused:
        production(for_tests)
    assert (refused.value.reason, refused.value.place) == ("OTHER_PROCESSING_ID", "MSH-11")
    assert production(message("MAR", "NORTH")).header.application == "MAR"
    assert production(message("MAR", "NORTH").replace(b"|P|2.", b"||2.")).header.application == "MAR"


def test_a_sender_that_the_map_does_not_name_is_read_as_standard_or_put_aside_as_the_site_says(tmp_path: Path) -> None:
    text = '[[sender]]\napplication = "OTHER"\n'
    assert parser_of(settings(tmp_path, text))(message("MAR", "NORTH")).header.application == "MAR"
    strict = parser_of(settings(tmp_path, text, unknown_senders="dead-letter"))
    with pytest.raises(HL7Error) as refused:
        strict(message("MAR", "NORTH"))
    assert (refused.value.reason, refused.value.place, refused.value.control_id) == ("UNKNOWN_SENDER", "MSH-3", "C1")
    assert strict(message("OTHER", "NORTH")).header.application == "OTHER"
    with pytest.raises(HL7Error, match="NO_HEADER"):
        strict(b"hello")
