"""Reports of pumps without a visit belong to the visit whose chart knows their order, whichever of them comes first."""

import itertools
import random

import msgspec
import pytest

import coding
from hl7_parsers import events as hl7
from hl7_parsers.events import Message, Visit
from streams.assemble import encounter_of
from streams.batch import Folded, Read
from streams.records import Command, encode
from tests.streams.build import closed, given, message, opened, started
from tests.streams.test_apply import RULES, Feed, applier, sent_on
from tests.streams.test_pump_log import CHANGE, DONE, START, pump, runs


def report(kind: type[hl7.AdministrationEvent], at: str, order: str = "O1") -> Message:
    """A report without a visit, from a gateway that says that every patient is an inpatient."""
    sent = pump(kind, at, order)
    header = msgspec.structs.replace(sent.header, facility="GATEWAY")
    return msgspec.structs.replace(sent, visit=Visit(patient_class="I"), header=header)


def folded(messages: list[Message]) -> list[coding.Encounter]:
    """Encounters as a batch makes them."""
    folder = Folded()
    for number, one in enumerate(messages, 1):
        folder.take(Read("test", number, encode(one), one, None))
    return [each.encounter for each in folder.closed(RULES)]


CLOSE = Command("close", "SYNTH|SYN1", "V1")


def streamed(messages: list[Message | Command]) -> list[coding.Encounter]:
    """Encounters as the worker sends them on, the newest of each; a message a batch."""
    work, feed = applier(), Feed()
    newest: dict[str, coding.Encounter] = {}
    for one in messages:
        out, _ = work.apply([feed.put(one)], now=0)
        newest |= {each.encounter.encounter_id: each.encounter for each in sent_on(out)}
    return list(newest.values())


CHART = [opened(), started("O1", at="09:00"), closed()]
REPORTS = [report(START, "09:02"), report(CHANGE, "09:30"), report(DONE, "10:00")]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_chart_and_reports_meet_whichever_comes_first(order: tuple[int, ...]) -> None:
    four = [CHART[0], CHART[1], REPORTS[0], REPORTS[2]]
    (encounter,) = folded([four[n] for n in order])
    (one,) = encounter.administrations
    assert runs(one) == [("09:00", "10:00")]
    assert (encounter.encounter_id, encounter.remarks, encounter.facility) == ("V1", (), "SYNTH")
    assert encounter.status_changes == ()


@pytest.mark.parametrize("seed", range(6))
def test_the_stream_comes_to_the_same_as_the_batch(seed: int) -> None:
    messages = [*CHART, *REPORTS]
    random.Random(seed).shuffle(messages)
    assert streamed([*messages, CLOSE]) == folded(messages)


def test_a_report_after_the_close_issues_the_visit_again() -> None:
    assert streamed([*CHART, CLOSE, *REPORTS]) == folded([*CHART, *REPORTS])


def test_a_report_of_an_order_that_no_chart_knows_stands_alone() -> None:
    found = {
        each.encounter_id: each for each in folded([*CHART, report(START, "09:00", "O9"), report(DONE, "10:00", "O9")])
    }
    assert set(found) == {"V1", "SYN1@order O9"}
    assert found["SYN1@order O9"].remarks == ("ENCOUNTER_UNKNOWN",)


def test_orders_of_two_visits_keep_apart() -> None:
    other = msgspec.structs.replace(given("O2", "12:00", "13:00"), visit=Visit("V2", "PV1-19", "O"))
    reports = [report(START, "12:00", "O2"), report(DONE, "12:50", "O2"), *REPORTS]
    found = {each.encounter_id: each for each in folded([*reports, *CHART, other])}
    assert {name: each.administrations[0].pump_minutes for name, each in found.items()} == {"V1": None, "V2": 50}


def test_a_report_that_names_its_visit_is_kept_there() -> None:
    assert encounter_of(pump(START, "09:00")).encounter_id == "V1"


def test_a_report_without_order_and_visit_belongs_to_the_patients_day() -> None:
    assert encounter_of(report(START, "09:00", "")).encounter_id == "SYN1@2026-03-02"


def test_an_order_of_pharmacy_is_enough_to_find_the_visit() -> None:
    ordered = message(hl7.DrugOrdered(placer="O1", route="intravenous"), kind="RDE^O11")
    (encounter,) = folded([*REPORTS, ordered])
    assert encounter.encounter_id == "V1"
    assert [one.remarks for one in encounter.administrations] == [("PUMP_ONLY",)]
