"""The named examples: which drug ran from when to when, and where."""

from datetime import date

import hl7
import pytest

from streams.demo.hospital_day import Sent, seed_examples

DAY = date(2026, 3, 2)
EXAMPLES = seed_examples(DAY)


def charted(name: str) -> list[tuple[str, str, str, str]]:
    """Drug's first word, start, stop and access site of each RXA of the example, in the order of sending."""
    rows = []
    for message in EXAMPLES:
        read = hl7.parse(message.text.decode("ascii"))
        if str(read.segment("PID")[5]).startswith(f"SYNTHETIC-{name}^") and message.kind == "RAS^O17":
            rxa, rxr = read.segment("RXA"), read.segment("RXR")
            drug = str(rxa[5]).split("^")[1].split()[0]
            rows.append((drug, str(rxa[3])[8:12], str(rxa[4])[8:12], str(rxr[2]).split("^")[0]))
    return rows


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("IVIG", [("immune", "0800", "1000", "LA-PIV")]),
        ("SEQUENTIAL", [("ciprofloxacin", "1400", "1450", "LA-PIV"), ("metronidazole", "1500", "1530", "LA-PIV")]),
        ("DOUBLE-LUMEN", [("norepinephrine", "1000", "1100", "RIJ-CVC"), ("vancomycin", "1000", "1100", "RIJ-CVC")]),
        ("TWICE-ONE-LINE", [("ceftriaxone", "1000", "1100", "LA-PIV"), ("vancomycin", "1600", "1700", "LA-PIV")]),
        ("TWICE-TWO-LINES", [("ceftriaxone", "1000", "1100", "LA-PIV"), ("vancomycin", "1600", "1700", "RA-PIV")]),
        ("15-MINUTES", [("iron", "0900", "0915", "LA-PIV")]),
        ("90-MINUTES", [("vancomycin", "0900", "1030", "RA-PICC")]),
        ("91-MINUTES", [("vancomycin", "0900", "1031", "RA-PICC")]),
        ("HYDRATION", [("ceftriaxone", "1700", "1800", "LA-PIV"), ("normal", "1600", "1900", "LA-PIV")]),
    ],
)
def test_an_example_charts_its_times(name: str, rows: list[tuple[str, str, str, str]]) -> None:
    assert charted(name) == rows


def test_the_paused_example_has_four_rows_of_one_order() -> None:
    rows = [
        hl7.parse(message.text.decode("ascii"))
        for message in EXAMPLES
        if b"SYNTHETIC-PAUSED^" in message.text and message.kind == "RAS^O17"
    ]
    assert [(str(row.segment("RXA")[20]), str(row.segment("RXA")[3])[8:12]) for row in rows] == [
        ("New Bag", "0900"),
        ("Paused", "0940"),
        ("Restarted", "1010"),
        ("Stopped", "1050"),
    ]
    assert len({str(row.segment("ORC")[2]) for row in rows}) == 1
    assert {str(row.segment("RXA")[4]) for row in rows} == {""}


def test_every_example_is_registered_ordered_and_discharged_as_an_outpatient() -> None:
    visits: dict[str, list[Sent]] = {}
    for message in EXAMPLES:
        visits.setdefault(message.encounter_id, []).append(message)
    assert len(visits) == 10
    for messages in visits.values():
        assert messages[0].kind == "ADT^A04"
        assert messages[-1].kind == "ADT^A03"
        assert {message.fate for message in messages} == {"applied"}
        classes = {str(hl7.parse(message.text.decode("ascii")).segment("PV1")[2]) for message in messages}
        assert classes <= {"O", "E"}
        assert any(message.kind == "RDE^O11" for message in messages)
