"""What pumps report beside the chart: the stop that nobody charted, and nothing that the chart has not."""

import random

import pytest

import coding
from hl7_parsers import events as hl7
from hl7_parsers.events import Code, Message
from streams.assemble import Gathered, Site, assemble
from tests.streams.build import clock, fact, given, message, moment, started, voided

START, PAUSE, DONE = hl7.AdministrationStarted, hl7.AdministrationPaused, hl7.AdministrationStopped
CHANGE, KEPT = hl7.AdministrationRateChanged, hl7.LineKeptOpen


def pump(
    kind: type[hl7.AdministrationEvent], at: str, order: str = "O1", *, filler: str = "", name: str = "P1/1.1"
) -> Message:
    event = kind(
        placer=order, filler=filler, at=clock(at) if at else None, drug=Code("X9", "pump name"), pump=name,
        device="pump", method="infusion", word=f"{kind.__name__}",
    )  # fmt: skip
    return message(event, at=at or "09:00", kind="ORU^R42")  # type: ignore[arg-type]


def administrations(*messages: Message) -> tuple[coding.Administration, ...]:
    return assemble([fact(one) for one in messages], Site()).administrations


def runs(administration: coding.Administration) -> list[tuple[str, str]]:
    return [
        (f"{run.start:%H:%M}" if run.start else "", f"{run.stop:%H:%M}" if run.stop else "")
        for run in administration.runs
    ]


def test_the_pump_gives_the_stop_that_nobody_charted() -> None:
    (one,) = administrations(started("O1", at="09:00"), pump(START, "09:02"), pump(DONE, "10:00"))
    assert runs(one) == [("09:00", "10:00")]
    assert (one.stop_source, one.device, one.drug.name) == ("pump", coding.Device.PUMP, "ceftriaxone")
    assert len(one.message_control_ids) == 3
    assert one.remarks == ()


def test_a_charted_stop_stands_and_the_pump_is_compared_with_it() -> None:
    (one,) = administrations(given("O1", "09:00", "10:00"), pump(START, "09:02"), pump(DONE, "10:45"))
    assert runs(one) == [("09:00", "10:00")]
    assert (one.stop_source, one.pump_minutes) == ("charted", 103)


def test_the_pauses_of_the_pump_are_not_counted_when_its_stop_is_used() -> None:
    (one,) = administrations(
        started("O1", at="09:00"), pump(START, "08:50"), pump(PAUSE, "09:20"), pump(START, "09:40"), pump(DONE, "10:10")
    )
    assert runs(one) == [("09:00", "09:20"), ("09:40", "10:10")]


def test_charted_pauses_stand_and_the_pump_only_ends_them() -> None:
    (one,) = administrations(
        started("O1", at="09:00"),
        moment(hl7.AdministrationPaused, "O1", "09:30"),
        moment(hl7.AdministrationResumed, "O1", "10:00"),
        pump(START, "09:00"),
        pump(DONE, "10:30"),
    )
    assert runs(one) == [("09:00", "09:30"), ("10:00", "10:30")]
    assert one.stop_source == "pump"


def test_a_pump_that_still_runs_gives_no_stop() -> None:
    messages = [started("O1", at="09:00"), pump(START, "09:02"), pump(CHANGE, "09:30"), pump(START, "09:30")]
    (one,) = administrations(*messages)
    assert runs(one) == [("09:00", "")]
    assert Gathered.of([fact(one) for one in messages]).has_running_infusion


def test_either_number_of_an_order_joins_pump_and_chart() -> None:
    (one,) = administrations(started("O1"), pump(START, "09:00", "PRG", filler="O1"), pump(DONE, "10:00", "O1"))
    assert one.remarks == ()
    assert runs(one) == [("09:00", "10:00")]


def test_doses_of_an_order_each_have_their_own_delivery() -> None:
    first, second = administrations(
        started("O1", at="09:00"),
        started("O1", at="15:00", sub_id="2"),
        pump(START, "09:05"),
        pump(DONE, "10:00"),
        pump(START, "14:50"),
        pump(DONE, "16:00"),
    )
    assert (runs(first), runs(second)) == ([("09:00", "10:00")], [("15:00", "16:00")])


def test_what_only_the_pump_reports_is_for_a_person_to_confirm() -> None:
    (one,) = administrations(pump(START, "09:00"), pump(DONE, "10:00"))
    assert runs(one) == [("09:00", "10:00")]
    assert (one.remarks, one.stop_source, one.has_order) == (("PUMP_ONLY",), "pump", True)


def test_a_delivery_before_the_charted_dose_is_another_one() -> None:
    found = administrations(started("O1", at="12:00"), pump(START, "09:00"), pump(DONE, "10:00"))
    assert sorted(one.remarks for one in found) == [(), ("PUMP_ONLY",)]


@pytest.mark.parametrize("kind", [hl7.AdministrationNotGiven])
def test_a_dose_that_was_not_given_takes_no_delivery(kind: type[hl7.AdministrationEvent]) -> None:
    found = administrations(moment(kind, "O1", "09:00"), pump(START, "09:00"), pump(DONE, "10:00"))
    assert {one.completion for one in found if "PUMP_ONLY" not in one.remarks} == {coding.Completion.NOT_GIVEN}
    assert len(found) == 2


def test_a_voided_record_takes_no_delivery() -> None:
    (one,) = administrations(given("O1", "09:00", "10:00"), voided("O1"), pump(START, "09:00"), pump(DONE, "10:00"))
    assert one.remarks == ("PUMP_ONLY",)


def test_keeping_the_vein_open_is_not_counted() -> None:
    (one,) = administrations(
        started("O1", at="09:00"), pump(START, "09:00"), pump(DONE, "10:00"), pump(KEPT, "10:00"), pump(PAUSE, "11:00")
    )
    assert runs(one) == [("09:00", "10:00")]
    assert one.remarks == ("PUMP_KEPT_OPEN",)


def test_a_bolus_from_the_pump_passes_over_into_the_infusion() -> None:
    (one,) = administrations(pump(START, "09:00"), pump(DONE, "09:10"), pump(START, "09:10"), pump(DONE, "10:00"))
    assert runs(one) == [("09:00", "10:00")]


def test_a_bag_after_a_completed_one_is_another_delivery() -> None:
    found = administrations(pump(START, "09:00"), pump(DONE, "10:00"), pump(START, "12:00"), pump(DONE, "13:00"))
    assert [runs(one) for one in found] == [[("09:00", "10:00")], [("12:00", "13:00")]]


def test_two_pumps_of_one_order_do_not_end_each_other() -> None:
    (one,) = administrations(
        started("O1", at="09:00"),
        pump(START, "09:00", name="P1/1.1"),
        pump(START, "09:55", name="P2/1.1"),
        pump(PAUSE, "10:00", name="P1/1.1"),
        pump(DONE, "11:00", name="P2/1.1"),
    )
    assert runs(one) == [("09:00", "11:00")]


def test_a_stop_whose_start_was_never_reported_stands_without_one() -> None:
    (one,) = administrations(pump(DONE, "10:00"))
    assert runs(one) == [("", "10:00")]
    (charted,) = administrations(started("O1", at="09:00"), pump(DONE, "10:00"))
    assert runs(charted) == [("09:00", "10:00")]
    (ended,) = administrations(given("O1", "09:00", "10:00"), pump(DONE, "10:00"))
    assert ended.pump_minutes is None


@pytest.mark.parametrize("report", [pump(START, ""), pump(CHANGE, "09:00")])
def test_a_report_that_no_administration_has_is_remarked_on(report: Message) -> None:
    encounter = assemble([fact(given("O2", "09:00", "10:00")), fact(report)], Site())
    assert "PUMP_ONLY" in encounter.remarks


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_arrival_does_not_matter(seed: int) -> None:
    messages = [
        started("O1", at="09:00"), pump(START, "09:02"), pump(CHANGE, "09:30"), pump(START, "09:30"),
        pump(PAUSE, "09:40"), pump(START, "09:50"), pump(DONE, "10:00"), pump(KEPT, "10:00"), pump(PAUSE, "10:30"),
    ]  # fmt: skip
    expected = administrations(*messages)
    random.Random(seed).shuffle(messages)
    assert administrations(*messages, *messages[:3]) == expected
