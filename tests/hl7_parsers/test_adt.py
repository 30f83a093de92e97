"""ADT: which trigger does what to an encounter, and when it happened."""

import pytest

from hl7_parsers import Message, UnreadableMessage, UnsupportedMessage, events, parse_message
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


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [
        ("A05", "PLANNED_ONLY"),
        ("A38", "PLANNED_ONLY"),
        ("A14", "PLANNED_ONLY"),
        ("A27", "PLANNED_ONLY"),
        ("A10", "WHEREABOUTS_ONLY"),
        ("A24", "LINK_ONLY"),
        ("A37", "LINK_ONLY"),
        ("A21", "LEAVE_ONLY"),
        ("A53", "LEAVE_ONLY"),
        ("A54", "STAFF_ONLY"),
        ("", "TRIGGER_NOT_CODED"),
        ("O17", "TRIGGER_NOT_CODED"),
        ("Z99", "TRIGGER_NOT_CODED"),
    ],
)
def test_other_triggers_are_refused_for_a_reason(trigger: str, reason: str) -> None:
    with pytest.raises(UnsupportedMessage) as refused:
        read(trigger, "EVN")
    assert (refused.value.reason, refused.value.place) == (reason, "MSH-9.2")


@pytest.mark.parametrize("trigger", ["A28", "A29", "A31", "A60"])
def test_news_about_a_person_says_nothing_of_an_encounter(trigger: str) -> None:
    found = read(trigger, EVN, "PV1|1|O")
    assert found.events == ()
    assert found.remarks == (events.Remark("PERSON_ONLY", "MSH-9.2"),)


def test_news_about_a_person_that_names_a_visit_updates_it() -> None:
    assert type(event("A31")) is events.EncounterUpdated


def test_a_deleted_visit_is_cancelled() -> None:
    assert type(event("A23")) is events.EncounterCancelled


def test_a_swap_names_both_patients_and_their_visits() -> None:
    other = [PID.replace("SYN001", "SYN002"), PV1.replace("V001", "V002")]
    raw = message(MSH.replace("RAS^O17^RAS_O17", "ADT^A17"), EVN, PID, PV1, *other)
    found = parse_message(raw)
    (swap,) = found.events
    assert isinstance(swap, events.EncounterSwapped)
    assert (found.patient.id, found.visit.id) == ("SYN001", "V001")
    assert (swap.other_patient.id, swap.other_visit.id) == ("SYN002", "V002")


def test_a_swap_with_one_patient_is_no_swap() -> None:
    with pytest.raises(UnreadableMessage) as refused:
        read("A17")
    assert (refused.value.reason, refused.value.place) == ("SWAP_INCOMPLETE", "PID[2]-3")
