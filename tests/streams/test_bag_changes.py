"""Bags of one order: which start hangs a new bag on a running infusion, and which bag a stop is of."""

import pytest

from hl7_parsers import events as hl7
from hl7_parsers.events import Code, Message, Quantity
from streams.assemble import Site, assemble
from tests.streams.build import clock, fact, message, moment, started

VANCOMYCIN, HEPARIN = "vancomycin 1 g in NS 250 mL", "heparin 25,000 units"


def bags(*rows: Message) -> tuple[list[list[tuple[str, str]]], set[str]]:
    """The runs of each administration, in order of id, and the remarks."""
    given = assemble([fact(one) for one in rows], Site()).administrations
    times = [[tuple(f"{at:%H:%M}" if at else "?" for at in (run.start, run.stop)) for run in one.runs] for one in given]
    return times, {remark for one in given for remark in one.remarks}  # type: ignore[return-value]


def bag(at: str, number: str, drug: str, rate: int = 0, word: str = "New Bag") -> Message:
    return started("O1", at=at, sub_id=number, drug=drug, word=word, rate=Quantity(rate, "mL/hr") if rate else None)


def stopped(at: str, drug: str) -> Message:
    return moment(hl7.AdministrationStopped, "O1", at, drug)


@pytest.mark.parametrize(
    ("rate", "runs", "remarks"),
    [
        (250, [[("07:00", "?")], [("19:00", "20:00")]], set()),  # of an hour: an earlier dose
        (25, [[("07:00", "20:00")]], set()),  # of ten hours
    ],
)
def test_a_bag_runs_on_only_as_long_as_what_it_held(
    rate: int, runs: list[list[tuple[str, str]]], remarks: set[str]
) -> None:
    rows = bag("07:00", "1", VANCOMYCIN, rate), bag("19:00", "2", VANCOMYCIN, rate), stopped("20:00", VANCOMYCIN)
    assert bags(*rows) == (runs, remarks)


def test_a_bag_of_unknown_size_is_asked_about() -> None:
    rows = bag("07:00", "1", HEPARIN, 12), bag("19:00", "2", HEPARIN, 12), stopped("20:00", HEPARIN)
    assert bags(*rows) == ([[("07:00", "20:00")]], {"BAG_CHANGE_ASSUMED"})


def test_a_bag_whose_rates_are_of_several_units_is_asked_about() -> None:
    by_weight = hl7.AdministrationRateChanged(
        placer="O1", at=clock("08:00"), drug=Code(VANCOMYCIN.upper(), VANCOMYCIN, "99SYN"), rate=Quantity(5, "mg/hr")
    )
    rows = bag("07:00", "1", VANCOMYCIN, 250), message(by_weight, at="08:00"), bag("19:00", "2", VANCOMYCIN, 250)
    assert bags(*rows, stopped("20:00", VANCOMYCIN))[1] == {"BAG_CHANGE_ASSUMED"}


def test_doses_that_were_stopped_are_doses_of_their_own_also_with_a_rate() -> None:
    doses = [("07:00", "07:30"), ("15:00", "15:30")]
    rows = [
        row
        for number, (start, stop) in enumerate(doses, 1)
        for row in (bag(start, str(number), VANCOMYCIN, 250), stopped(stop, VANCOMYCIN))
    ]
    assert bags(*rows) == ([[dose] for dose in doses], set())


def test_a_second_stop_is_not_one_of_an_earlier_dose() -> None:
    rows = [bag("07:00", "1", VANCOMYCIN, 250), bag("19:00", "2", VANCOMYCIN, 250)]
    rows += [stopped("20:00", VANCOMYCIN), stopped("20:05", VANCOMYCIN)]
    assert bags(*rows) == ([[("07:00", "?")], [("19:00", "20:00")]], set())


@pytest.mark.parametrize("rate", [0, 12])
def test_a_stop_in_the_minute_of_the_next_bag_is_of_the_bag_before(rate: int) -> None:
    rows = [bag("07:00", "1", HEPARIN, rate), stopped("12:00", HEPARIN)]
    rows += [bag("12:00", "2", HEPARIN, rate), stopped("17:00", HEPARIN)]
    runs, _ = bags(*rows)
    assert runs in ([[("07:00", "12:00")], [("12:00", "17:00")]], [[("07:00", "12:00"), ("12:00", "17:00")]])


def test_a_start_and_stop_of_one_minute_do_not_end_an_earlier_dose() -> None:
    rows = bag("07:00", "1", VANCOMYCIN), bag("19:00", "2", VANCOMYCIN), stopped("19:00", VANCOMYCIN)
    assert bags(*rows)[0] == [[("07:00", "?")], [("19:00", "19:00")]]


def test_a_bolus_from_the_bag_does_not_take_its_stop_where_nothing_has_a_rate() -> None:
    rows = bag("07:00", "1", HEPARIN), bag("10:00", "2", HEPARIN, word="Bolus from Bag"), stopped("17:00", HEPARIN)
    assert bags(*rows)[0] == [[("07:00", "17:00")], [("10:00", "?")]]


def test_a_later_dose_has_its_stop_also_where_only_the_first_has_a_rate() -> None:
    rows = bag("07:00", "1", VANCOMYCIN, 250), bag("19:00", "2", VANCOMYCIN), stopped("20:00", VANCOMYCIN)
    assert bags(*rows)[0] == [[("07:00", "?")], [("19:00", "20:00")]]


@pytest.mark.parametrize(
    ("word", "at", "method"),
    [
        ("Bolus from Bag", "10:00", "push"),
        ("Bolus from Bag", "18:00", "infusion"),  # nothing ran
        ("New Bag", "10:00", "infusion"),
    ],
)
def test_a_bolus_out_of_a_running_bag_is_a_push(word: str, at: str, method: str) -> None:
    rows = [bag("07:00", "1", HEPARIN), bag(at, "2", HEPARIN, word=word), stopped("17:00", HEPARIN)]
    ran, beside = assemble([fact(one) for one in rows], Site()).administrations
    assert (ran.method, beside.method) == ("infusion", method)
