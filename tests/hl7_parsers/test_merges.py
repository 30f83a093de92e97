"""Merges, moves and changes of identifiers: what goes, what stays, and what cannot be told."""

import msgspec
import pytest

from hl7_parsers import Message, UnreadableMessage, parse_message, peek
from hl7_parsers.events import EncounterClassChanged, EncounterMerged, Patient, Remark
from tests.hl7_parsers.samples import MSH, message

EVN = "EVN||20250106100000-0500||||20250106095500-0500"
ACCOUNT = "|" * 15 + "ACC1"
PID = "PID|1||SYN001^^^SYNTH^MR"
MRG = "MRG|SYN009^^^SYNTH^MR||ACC9||VIS9|ALT9"
PV1 = "PV1|1|O" + "|" * 17 + "VIS1" + "|" * 31 + "ALT1"
NEW, OLD = Patient("SYN001", "SYNTH", "PID-3"), Patient("SYN009", "SYNTH", "MRG[1]-1")


def raw(trigger: str, *segments: str) -> bytes:
    return message(MSH.replace("RAS^O17^RAS_O17", f"ADT^{trigger}"), EVN, *segments)


def read(trigger: str, *segments: str) -> Message:
    return parse_message(raw(trigger, *segments))


def merge(trigger: str, *segments: str) -> EncounterMerged:
    (found,) = read(trigger, *segments).events
    assert isinstance(found, EncounterMerged)
    return found


@pytest.mark.parametrize("trigger", ["A18", "A30", "A34", "A39", "A40", "A43", "A46", "A47"])
def test_a_patient_goes_under_another(trigger: str) -> None:
    found = merge(trigger, PID + ACCOUNT, MRG, PV1)
    assert (found.scope, found.old_patient, found.new_patient) == ("patient", OLD, NEW)
    assert (found.old_id, found.new_id) == ("", "")
    assert found.at is not None
    assert found.places == {"old_patient": "MRG[1]-1", "new_patient": "PID[1]-3", "at": "EVN-6", "entered": "EVN-2"}


@pytest.mark.parametrize("trigger", ["A35", "A41", "A44", "A49"])
def test_an_account_goes_under_another_number(trigger: str) -> None:
    found = merge(trigger, PID + ACCOUNT, MRG, PV1)
    assert (found.scope, found.old_id, found.new_id) == ("account", "ACC9", "ACC1")
    assert (found.places["old_id"], found.places["new_id"]) == ("MRG[1]-3", "PID[1]-18")
    assert (found.old_patient, found.new_patient) == (OLD, NEW)


@pytest.mark.parametrize("trigger", ["A42", "A45", "A50"])
def test_a_visit_goes_under_another_number(trigger: str) -> None:
    found = merge(trigger, PID + ACCOUNT, MRG, PV1)
    assert (found.scope, found.old_id, found.new_id) == ("visit", "VIS9", "VIS1")
    assert (found.places["old_id"], found.places["new_id"]) == ("MRG[1]-5", "PV1[1]-19")


def test_an_alternate_visit_number_changes() -> None:
    found = merge("A51", PID, MRG, PV1)
    assert (found.scope, found.old_id, found.new_id) == ("visit", "ALT9", "ALT1")
    assert (found.places["old_id"], found.places["new_id"]) == ("MRG[1]-6", "PV1[1]-50")


def test_a_visit_may_go_by_its_alternate_number() -> None:
    found = merge("A45", PID, "MRG|SYN009^^^SYNTH^MR|||||VIS8", PV1)
    assert (found.old_id, found.places["old_id"]) == ("VIS8", "MRG[1]-6")


def test_patient_and_account_go_in_one_message() -> None:
    found = read("A36", PID + ACCOUNT, MRG).events
    assert [(each.scope, each.old_id) for each in found if isinstance(each, EncounterMerged)] == [
        ("patient", ""),
        ("account", "ACC9"),
    ]


def test_a_number_may_stay_while_its_patient_changes() -> None:
    found = merge("A44", PID, MRG)
    assert (found.old_id, found.new_id, found.old_patient.id) == ("ACC9", "", "SYN009")
    assert "new_id" not in found.places


def test_a_number_may_change_while_its_patient_stays() -> None:
    found = merge("A50", PID, "MRG|||||VIS9", PV1)
    assert (found.old_patient, found.new_patient) == (NEW, NEW)


def test_the_group_of_both_may_repeat() -> None:
    second = ["PID|2||SYN002^^^SYNTH^MR", "MRG|SYN008^^^SYNTH^MR"]
    found = read("A40", PID, "PD1|x", MRG, *second)
    merged = [each for each in found.events if isinstance(each, EncounterMerged)]
    assert [(each.old_patient.id, each.new_patient.id) for each in merged] == [
        ("SYN009", "SYN001"),
        ("SYN008", "SYN002"),
    ]
    assert merged[1].places["new_patient"] == "PID[2]-3"
    assert merged[1].places["old_patient"] == "MRG[2]-1"
    assert found.patient == NEW
    assert peek(raw("A40", PID, MRG, *second)).patient_id == "SYN001"


def test_visits_may_repeat_under_one_patient() -> None:
    found = read("A45", PID, MRG, PV1, "MRG|SYN009^^^SYNTH^MR||||VIS8", PV1.replace("VIS1", "VIS2")).events
    assert [(m.old_id, m.new_id) for m in found if isinstance(m, EncounterMerged)] == [
        ("VIS9", "VIS1"),
        ("VIS8", "VIS2"),
    ]


@pytest.mark.parametrize(
    ("mrg", "old"),
    [
        ("MRG|N1^^^NATION^SS~SYN009^^^SYNTH^MR", Patient("SYN009", "SYNTH", "MRG[1]-1")),
        ("MRG|A1^^^OTHER^MR~SYN009^^^SYNTH^MR", Patient("SYN009", "SYNTH", "MRG[1]-1")),
        ("MRG|A1^^^OTHER^MR~A2^^^THIRD^MR", Patient("A1", "OTHER", "MRG[1]-1")),
        ("MRG|SYN009", Patient("SYN009", "", "MRG[1]-1")),
        ("MRG||||SYN009", Patient("SYN009", "", "MRG[1]-4")),
    ],
)
def test_the_id_that_goes_is_of_the_kind_that_stays(mrg: str, old: Patient) -> None:
    assert merge("A40", PID, mrg).old_patient == old


@pytest.mark.parametrize(
    ("trigger", "segments", "place"),
    [
        ("A40", [PID], "MRG"),
        ("A40", [PID, "MRG|"], "MRG[1]-1"),
        ("A40", [PID, "MRG|||ACC9"], "MRG[1]-1"),
        ("A41", [PID, "MRG|SYN009"], "MRG[1]-3"),
        ("A45", [PID, "MRG|SYN009"], "MRG[1]-5"),
    ],
)
def test_a_merge_that_does_not_say_what_goes_is_refused(trigger: str, segments: list[str], place: str) -> None:
    with pytest.raises(UnreadableMessage) as refused:
        read(trigger, *segments)
    assert (refused.value.reason, refused.value.place) == ("MERGE_INCOMPLETE", place)


def test_an_incomplete_group_beside_a_whole_one_is_remarked_on() -> None:
    found = read("A40", PID, "MRG|", "PID|2||SYN002^^^SYNTH^MR", "MRG|SYN008^^^SYNTH^MR")
    assert len(found.events) == 1
    assert found.remarks == (Remark("MERGE_INCOMPLETE", "MRG[1]-1"),)


@pytest.mark.parametrize(
    ("trigger", "segments"),
    [
        ("A40", [PID, "MRG|SYN001^^^SYNTH^MR"]),
        ("A45", [PID, "MRG|SYN001^^^SYNTH^MR||||VIS1", PV1]),
        ("A44", [PID, "MRG|SYN001^^^SYNTH^MR||ACC9"]),
    ],
)
def test_the_same_on_both_sides_changes_nothing(trigger: str, segments: list[str]) -> None:
    found = read(trigger, *segments)
    assert found.events == ()
    assert [remark.id for remark in found.remarks] == ["MERGE_OF_SAME"]


@pytest.mark.parametrize("trigger", ["A06", "A07"])
@pytest.mark.parametrize(
    ("mrg", "numbers"),
    [
        ("MRG|SYN001^^^^MR||||VIS9", [("visit", "VIS9", "VIS1")]),
        ("MRG|||ACC9", [("account", "ACC9", "ACC1")]),
        ("MRG|SYN001^^^SYNTH^MR||ACC9||VIS9", [("visit", "VIS9", "VIS1"), ("account", "ACC9", "ACC1")]),
        ("MRG|SYN001^^^SYNTH^MR||ACC1||VIS1", []),
        ("MRG|SYN001^^^SYNTH^MR", []),
    ],
)
def test_a_change_of_class_may_change_the_number_of_the_stay(
    trigger: str, mrg: str, numbers: list[tuple[str, str, str]]
) -> None:
    first, *rest = read(trigger, PID + ACCOUNT, mrg, PV1).events
    assert isinstance(first, EncounterClassChanged)
    assert [(m.scope, m.old_id, m.new_id) for m in rest if isinstance(m, EncounterMerged)] == numbers
    assert all(m.old_patient.id == m.new_patient.id for m in rest if isinstance(m, EncounterMerged))


def test_a_number_without_its_authority_is_the_same_patient() -> None:
    assert merge("A50", PID, "MRG|SYN001||||VIS9", PV1).old_patient == NEW


def test_one_number_of_two_authorities_is_two_patients() -> None:
    assert merge("A40", PID, "MRG|SYN001^^^OTHER^MR").old_patient.authority == "OTHER"


def test_other_messages_still_name_one_patient() -> None:
    with pytest.raises(UnreadableMessage) as refused:
        read("A08", PID, PV1, "PID|2||SYN002^^^SYNTH^MR")
    assert refused.value.reason == "TWO_PATIENTS"


def test_the_event_survives_travel() -> None:
    sent = read("A45", PID, MRG, PV1)
    assert msgspec.json.decode(msgspec.json.encode(sent), type=Message) == sent
