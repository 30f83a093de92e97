"""ADT: which trigger does what to an encounter, and when it happened."""

import pytest

from hl7_parsers import Message, UnsupportedMessage, events, parse_message
from hl7_parsers.events import EncounterEvent
from tests.hl7_parsers.samples import MSH, PID, message

EVN = "EVN||20250106100000-0500||||20250106095500-0500"
PV1 = "PV1|1|O|INFUSION" + "|" * 16 + "V001" + "|" * 25 + "20250106080000-0500|20250106110000-0500"


def read(trigger: str, evn: str = EVN, pv1: str = PV1) -> Message:
    return parse_message(message(MSH.replace("RAS^O17^RAS_O17", f"ADT^{trigger}"), evn, PID, pv1))


def event(trigger: str, evn: str = EVN, pv1: str = PV1) -> EncounterEvent:
    (found,) = read(trigger, evn, pv1).events
    assert isinstance(found, EncounterEvent)
    return found


@pytest.mark.parametrize(
    ("trigger", "kind", "place"),
    [
        ("A01", events.EncounterOpened, "PV1-44"),
        ("A04", events.EncounterOpened, "PV1-44"),
        ("A03", events.EncounterClosed, "PV1-45"),
        ("A08", events.EncounterUpdated, "EVN-6"),
        ("A13", events.EncounterReopened, "EVN-6"),
        ("A11", events.EncounterCancelled, "EVN-6"),
        ("A02", events.EncounterMoved, "EVN-6"),
        ("A12", events.EncounterMoved, "EVN-6"),
        ("A06", events.EncounterClassChanged, "EVN-6"),
        ("A07", events.EncounterClassChanged, "EVN-6"),
    ],
)
def test_a_trigger_says_what_happened_to_the_encounter(trigger: str, kind: type, place: str) -> None:
    found = event(trigger)
    assert type(found) is kind
    assert found.places == {"at": place, "entered": "EVN-2"}


@pytest.mark.parametrize(
    ("evn", "pv1", "place"),
    [
        (EVN, PV1, "PV1-45"),
        (EVN, "PV1|1|O", "EVN-6"),
        ("EVN||20250106100000-0500", "PV1|1|O", "EVN-2"),
        ("EVN|A03", "PV1|1|O", "MSH-7"),
        ("EVN||junk", "PV1|1|O", "MSH-7"),
    ],
)
def test_when_it_happened_is_the_best_time_there_is(evn: str, pv1: str, place: str) -> None:
    assert event("A03", evn, pv1).places["at"] == place


def test_an_unreadable_time_is_remarked_on() -> None:
    found = event("A03", "EVN||junk", "PV1|1|O")
    assert [(remark.id, remark.place) for remark in found.remarks] == [("TIME_UNREADABLE", "EVN-2")]


def test_the_header_governs_and_the_event_segment_fills_in() -> None:
    assert type(event("A03", "EVN|A01")) is events.EncounterClosed
    header = MSH.replace("RAS^O17^RAS_O17", "ADT")
    (found,) = parse_message(message(header, "EVN|A04|20250106100000", PID, PV1)).events
    assert type(found) is events.EncounterOpened


def test_a_discharge_that_is_deleted_stands_in_the_visit() -> None:
    assert read("A08", EVN, PV1.replace("20250106110000-0500", '""')).visit.is_discharge_deleted


@pytest.mark.parametrize("trigger", ["A05", "A28", "A40", "A60", "", "O17", "Z99"])
def test_other_triggers_are_refused_as_not_coded(trigger: str) -> None:
    with pytest.raises(UnsupportedMessage) as refused:
        read(trigger, "EVN")
    assert (refused.value.reason, refused.value.place) == ("TRIGGER_NOT_CODED", "MSH-9.2")
