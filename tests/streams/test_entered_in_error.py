"""What was charted and taken back: nothing goes on with it, and what was right beside it stays. In any order."""

import itertools

import pytest

import coding
from hl7_parsers import events as hl7
from hl7_parsers.events import Code, Message, Quantity
from streams.assemble import Site, assemble
from tests.streams.build import clock, fact, message, moment, started, voided

DRUG = Code("CEFTRIAXONE", "ceftriaxone", "99SYN")
RATE = Quantity(100, "mL/hr")
STOP = moment(hl7.AdministrationStopped, "O1", "10:20")


def taken_back(at: str, charted: str, sub_id: str = "1") -> Message:
    """An action word that takes back what was charted for that time, as "Canceled Entry" does; RXA-21 is empty."""
    event = hl7.AdministrationVoided(
        placer="O1", sub_id=sub_id, word="Canceled Entry", at=clock(at), drug=DRUG, entered=clock(charted)
    )
    return message(event, at=charted)


def bag(at: str, sub_id: str = "1", rate: Quantity | None = RATE) -> Message:
    return started("O1", at=at, sub_id=sub_id, word="New Bag", rate=rate)


def administrations(*messages: Message) -> tuple[coding.Administration, ...]:
    """What the messages make, the same in every order of arrival."""
    first, *others = {
        assemble([fact(one) for one in order], Site()).administrations for order in itertools.permutations(messages)
    }
    assert not others
    return first


def runs(*messages: Message) -> list[list[str]]:
    """The running times, "09:00-10:20"."""
    return [
        [f"{run.start:%H:%M}-{run.stop:%H:%M}" if run.start and run.stop else "?" for run in made.runs]
        for made in administrations(*messages)
    ]


@pytest.mark.parametrize("charted", ["09:00", "09:10"])
def test_a_new_bag_does_not_go_on_with_one_that_was_entered_in_error(charted: str) -> None:
    for back in (taken_back("09:00", charted), voided("O1", "09:00")):
        assert runs(bag("09:00"), bag("09:05", "2"), back, STOP) == [["09:05-10:20"]]


@pytest.mark.parametrize("charted", ["09:30", "09:40"])
def test_a_second_bag_entered_in_error_leaves_the_first_running(charted: str) -> None:
    assert runs(bag("09:00"), bag("09:30", "2"), taken_back("09:30", charted, "2"), STOP) == [["09:00-10:20"]]


def test_what_was_charted_and_taken_back_in_one_minute_was_not_given() -> None:
    assert runs(bag("09:00"), taken_back("09:00", "09:00"), STOP) == []


def test_a_stop_entered_in_error_ends_nothing() -> None:
    wrong = moment(hl7.AdministrationStopped, "O1", "09:30")
    assert runs(bag("09:00"), wrong, taken_back("09:30", "09:30", ""), STOP) == [["09:00-10:20"]]


def test_a_dose_that_was_not_given_takes_no_stop_of_the_infusion() -> None:
    event = hl7.AdministrationNotGiven(placer="O1", sub_id="2", at=clock("09:30"), word="Not Given", drug=DRUG)
    assert ["09:00-10:20"] in runs(bag("09:00", rate=None), message(event, at="09:30"), STOP)


def test_a_bag_that_was_held_first_is_given_from_when_it_was_hung() -> None:
    held = hl7.AdministrationNotGiven(placer="B1", at=clock("08:50"), order_is_bag=True, drug=DRUG)
    hung = hl7.AdministrationStarted(placer="B1", at=clock("09:00"), order_is_bag=True, drug=DRUG)
    made = administrations(message(held, at="08:50"), message(hung, at="09:00"))
    assert {one.completion for one in made} == {coding.Completion.NOT_GIVEN, coding.Completion.GIVEN}
