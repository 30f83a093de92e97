"""VXU: vaccines that were given here; those that were only told of, and those that were not given."""

import pytest

from hl7_parsers import Message, events, parse_message
from hl7_parsers.events import AdministrationEvent, Code, Remark
from tests.hl7_parsers.samples import MSH, ORC, PID, message, remarks, rxa

VACCINE = {4: "", 5: "115^SYNTHETIC VACCINE^CVX", 6: "0.5", 7: "mL", 9: "00^New immunization record^NIP001"}


def read(*segments: str) -> Message:
    return parse_message(message(MSH.replace("RAS^O17^RAS_O17", "VXU^V04"), PID, *segments))


def vaccines(*segments: str) -> list[AdministrationEvent]:
    return [event for event in read(*segments).events if isinstance(event, AdministrationEvent)]


def test_a_vaccine_that_was_given_is_an_administration() -> None:
    (found,) = vaccines(ORC, rxa(VACCINE), "RXR|IM")
    assert isinstance(found, events.AdministrationStarted)
    assert (found.drug, found.route) == (Code("115", "SYNTHETIC VACCINE", "CVX"), "intramuscular")
    assert remarks(found) == []


@pytest.mark.parametrize("source", ["01^Historical^NIP001", "01", "08^x", "00^^^^^~01"])
def test_what_was_only_told_is_history(source: str) -> None:
    found = read(ORC, rxa(VACCINE | {9: source}), "RXR|IM")
    assert found.events == ()
    assert found.remarks == (Remark("VACCINE_HISTORY", "RXA[1]-9"),)


def test_history_beside_what_was_given_is_left_out_alone() -> None:
    found = vaccines(ORC, rxa(VACCINE | {9: "01"}), "ORC|RE|ORD2", rxa(VACCINE))
    assert [each.placer for each in found] == ["ORD2"]


def test_no_vaccine_is_no_vaccine() -> None:
    assert read(rxa(VACCINE | {5: "998^none^CVX", 6: "999", 7: ""})).remarks == (Remark("NO_VACCINE", "RXA[1]-5"),)


def test_a_refusal_is_not_given_and_an_unknown_amount_no_fault() -> None:
    (found,) = vaccines(rxa(VACCINE | {6: "999", 7: "", 20: "RE"}))
    assert isinstance(found, events.AdministrationNotGiven)
    assert remarks(found) == []


def test_two_vaccines_of_one_moment_are_two() -> None:
    assert len(vaccines(rxa(VACCINE), rxa(VACCINE | {5: "140^OTHER^CVX"}))) == 2


def test_a_vaccine_goes_by_its_cvx_code_where_it_has_one() -> None:
    (found,) = vaccines(rxa(VACCINE | {5: "00000-0000-01^BRAND^NDC^115^SYNTHETIC VACCINE^CVX"}))
    assert (found.drug, found.alternate.system) == (Code("115", "SYNTHETIC VACCINE", "CVX"), "NDC")
