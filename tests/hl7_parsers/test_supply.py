"""RGV and RDS: doses that are to be given and drugs that were handed out, each with its order, route and parts."""

from decimal import Decimal

import pytest

from hl7_parsers import parse_message
from hl7_parsers.events import Code, DrugDispensed, DrugGiveOrdered, Event, Quantity, Remark
from tests.hl7_parsers.samples import MSH, ORC, PID, PV1, message, remarks

RXG = "RXG|1||^^^20250106080000-0500|SYN1^DRUG ONE^99SYN|250||mL||||||||100|mL/hr|400|mg|||||250|mL"
RXD = "RXD|1|SYN1^DRUG ONE^99SYN|20250106080000-0500|30|CAP^capsule|form|RX77"


def events(kind: str, *segments: str) -> list[Event]:
    return list(parse_message(message(MSH.replace("RAS^O17^RAS_O17", kind), PID, PV1, ORC, *segments)).events)


def give(*segments: str) -> DrugGiveOrdered:
    (found,) = events("RGV^O15", *segments)
    assert isinstance(found, DrugGiveOrdered)
    return found


def dispense(*segments: str) -> DrugDispensed:
    (found,) = events("RDS^O13", *segments)
    assert isinstance(found, DrugDispensed)
    return found


def test_a_dose_to_be_given_has_its_drug_amounts_rate_and_time() -> None:
    found = give(RXG, "RXR|IV||IVP", "NTE|1||slowly")
    assert (found.placer, found.filler, found.control, found.sub_id) == ("ORD1", "FIL1", "RE", "1")
    assert found.drug == Code("SYN1", "DRUG ONE", "99SYN")
    assert (found.dose, found.rate) == (Quantity(Decimal(250), "mL"), Quantity(Decimal(100), "mL/hr"))
    assert (found.strength, found.volume) == (Quantity(Decimal(400), "mg"), Quantity(Decimal(250), "mL"))
    assert (found.route, found.device, found.note) == ("intravenous", "pump", "slowly")
    assert found.at is not None
    assert (found.at.at.hour, found.places["at"], found.places["rate"]) == (8, "RXG[1]-3", "RXG[1]-15")


@pytest.mark.parametrize(
    ("field", "unit"),
    [
        ("mL/hr", "mL/hr"),
        ("3122^mL/h^UCUM^265266^MDC_DIM_MILLI_L_PER_HR^MDC", "mL/h"),
        ("265266^MDC_DIM_MILLI_L_PER_HR^MDC^mL/h^mL/h^UCUM", "mL/h"),
        ("265266^MDC_DIM_MILLI_L_PER_HR^MDC", "mL/h"),
    ],
)
def test_a_unit_is_that_of_ucum_wherever_it_stands(field: str, unit: str) -> None:
    found = give(RXG.replace("mL/hr", field))
    assert found.rate == Quantity(Decimal(100), unit)


def test_a_range_and_what_is_no_number_are_no_dose() -> None:
    assert remarks(give(RXG.replace("|250||mL|", "|250|500|mL|"))) == [("AMOUNT_UNREADABLE", "RXG[1]-5")]
    assert give(RXG.replace("|250||mL|", "|250|250|mL|")).dose == Quantity(Decimal(250), "mL")
    assert remarks(give(RXG.replace("|100|mL/hr", "|fast|mL/hr"))) == [("AMOUNT_UNREADABLE", "RXG[1]-15")]


def test_what_was_handed_out_has_its_drug_amount_time_and_prescription() -> None:
    found = dispense("RXE||SYN9^OTHER|1||mg", RXD, "RXR|PO", "RXC|A|SYN2^PART|5|mg")
    assert (found.placer, found.sub_id, found.prescription, found.route) == ("ORD1", "1", "RX77", "oral")
    assert (found.drug, found.quantity) == (Code("SYN1", "DRUG ONE", "99SYN"), Quantity(Decimal(30), "CAP"))
    assert [part.drug.id for part in found.components] == ["SYN2"]
    assert found.at is not None


def test_each_item_has_its_own_route_and_parts_and_the_orders_where_it_has_none() -> None:
    second = RXD.replace("SYN1", "SYN3")
    one, other = events("RDS^O13", "RXR|IV", RXD, "RXR|PO", "RXC|A|SYN2", second)
    assert isinstance(one, DrugDispensed)
    assert isinstance(other, DrugDispensed)
    assert (one.route, other.route) == ("oral", "intravenous")
    assert (len(one.components), len(other.components)) == (1, 0)


def test_each_item_is_of_the_order_before_it() -> None:
    found = events("RGV^O15", RXG, "ORC|RE|ORD2", RXG)
    assert [each.placer for each in found if isinstance(each, DrugGiveOrdered)] == ["ORD1", "ORD2"]


@pytest.mark.parametrize(("kind", "remark"), [("RGV^O15", "NO_GIVE"), ("RDS^O13", "NO_DISPENSE")])
def test_a_message_without_an_item_says_so(kind: str, remark: str) -> None:
    found = parse_message(message(MSH.replace("RAS^O17^RAS_O17", kind), PID, PV1, ORC))
    assert found.events == ()
    assert found.remarks == (Remark(remark, "RXG" if remark == "NO_GIVE" else "RXD"),)


def test_a_time_that_cannot_be_read_is_remarked_on() -> None:
    assert remarks(dispense(RXD.replace("20250106080000-0500", "soon"))) == [("TIME_UNREADABLE", "RXD[1]-3")]
