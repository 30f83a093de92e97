"""Header, patient and visit: whom and which encounter a message is about."""

import pytest

from hl7_parsers import Message, MissingPatient, UnreadableMessage, parse_message
from hl7_parsers.events import Patient
from tests.hl7_parsers.samples import MSH, ORC, PV1, RXR, message, rxa


def read(pid: str, pv1: str = PV1) -> Message:
    return parse_message(message(MSH, pid, pv1, ORC, rxa(), RXR))


@pytest.mark.parametrize(
    ("pid", "patient"),
    [
        ("PID|1||A^^^NS^MR", Patient("A", "NS", "PID-3")),
        ("PID|1||A^^^NS^PI~B^^^NS^MR~C^^^NS^PT", Patient("B", "NS", "PID-3")),
        ("PID|1||A^^^NS^SS~B^^^NS^PT", Patient("B", "NS", "PID-3")),
        ("PID|1||A^^^NS^SS~B^^^NS^AN", Patient("A", "NS", "PID-3")),  # none of the types: the first
        ("PID|1||^^^NS^MR~B^^^NS^XX", Patient("B", "NS", "PID-3")),  # a type without an id
        ("PID|1||A^^^NS&1.2&ISO^mrn", Patient("A", "NS", "PID-3")),
        ("PID|1||A^^^&1.2&ISO^MR", Patient("A", "1.2", "PID-3")),  # an authority by its number alone
        ("PID|1||A", Patient("A", "", "PID-3")),
        ("PID|1|B^^^OLD", Patient("B", "OLD", "PID-2")),
        ('PID|1||""|D', Patient("D", "", "PID-4")),
        (r"PID|1||A\T\B^^^NS^MR", Patient("A&B", "NS", "PID-3")),
    ],
)
def test_the_patient_is_the_best_typed_id(pid: str, patient: Patient) -> None:
    assert read(pid).patient == patient


@pytest.mark.parametrize("pid", ["PID|1", 'PID|1||""', "PID|1||^^^NS^MR", "ZZZ|1"])
def test_a_message_without_a_patient_is_refused(pid: str) -> None:
    with pytest.raises(MissingPatient) as refused:
        read(pid)
    assert (refused.value.place, refused.value.control_id) == ("PID-3", "SYN-1")


def test_two_patients_in_one_message_are_refused() -> None:
    one, other = "PID|1||A^^^NS^MR", "PID|2||B^^^NS^MR"
    with pytest.raises(UnreadableMessage, match="TWO_PATIENTS"):
        parse_message(message(MSH, one, other, ORC, rxa()))
    assert parse_message(message(MSH, one, one, ORC, rxa())).patient.id == "A"


@pytest.mark.parametrize(
    ("pid_18", "pv1_19", "pv1_50", "found", "place"),
    [
        ("ACC", "VIS", "ALT", "VIS", "PV1-19"),
        ("ACC", "", "ALT", "ACC", "PID-18"),
        ("", "", "ALT", "ALT", "PV1-50"),
        ("", '""', "ALT", "ALT", "PV1-50"),
        ("", "", "", "", ""),
    ],
)
def test_the_visit_is_the_visit_number_else_the_account(
    pid_18: str, pv1_19: str, pv1_50: str, found: str, place: str
) -> None:
    pid = "PID|1||A^^^NS^MR" + "|" * 15 + pid_18
    pv1 = "PV1|1|O" + "|" * 17 + pv1_19 + "|" * 31 + pv1_50
    visit = read(pid, pv1).visit
    assert (visit.id, visit.place) == (found, place)


def test_without_a_pv1_the_account_is_the_visit() -> None:
    assert read("PID|1||A" + "|" * 15 + "ACC^^^NS", "ZZZ|1").visit.id == "ACC"


def test_the_visits_class_place_and_times_are_read() -> None:
    pv1 = "PV1|1|I|WARD^12^A^HOSP&1.2" + "|" * 16 + "V1" + "|" * 20 + "FAC" + "|" * 5 + "20250106080000|202501071200"
    visit = read("PID|1||A", pv1).visit
    assert (visit.patient_class, visit.location, visit.facility) == ("I", "WARD", "FAC")
    assert visit.admitted is not None
    assert visit.discharged is not None
    assert visit.admitted.at.isoformat() == "2025-01-06T08:00:00-05:00"
    assert visit.discharged.precision == "minute"
    assert not visit.is_discharge_deleted


def test_a_discharge_that_was_taken_back_can_be_told() -> None:
    visit = read("PID|1||A", "PV1|1|I" + "|" * 43 + '""').visit
    assert visit.is_discharge_deleted
    assert visit.discharged is None


def test_a_visits_unreadable_time_is_remarked_on() -> None:
    found = read("PID|1||A", "PV1|1|I" + "|" * 42 + "20251340")
    assert [(remark.id, remark.place) for remark in found.remarks] == [("TIME_UNREADABLE", "PV1-44")]


def test_the_header_says_who_sent_it_and_when() -> None:
    header = read("PID|1||A").header
    assert (header.control_id, header.kind, header.version) == ("SYN-1", "RAS^O17", "2.5.1")
    assert (header.application, header.facility) == ("MAR", "SYNTH")
    assert header.time is not None
    assert header.time.at.isoformat() == "2025-01-06T09:30:00-05:00"
