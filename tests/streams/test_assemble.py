"""The fold: which rows are one administration, when it ran, and that the order of arrival does not matter."""

import random
from datetime import datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

import coding
from hl7_parsers import events as hl7
from hl7_parsers.events import Action, Code, Message, Quantity, Visit
from streams.assemble import Gathered, Site, assemble, encounter_of
from tests.streams.build import (
    class_changed,
    clock,
    closed,
    fact,
    given,
    message,
    moment,
    opened,
    reopened,
    started,
    void_visit,
    voided,
)

RATE = Quantity(100, "mL/hr")


def encounter(*messages: Message) -> coding.Encounter:
    return assemble([fact(one) for one in messages], Site())


def administrations(*messages: Message) -> tuple[coding.Administration, ...]:
    return encounter(*messages).administrations


def runs(administration: coding.Administration) -> list[tuple[str | None, str | None]]:
    def text(time: datetime | None) -> str | None:
        return time and f"{time:%H:%M}"

    return [(text(run.start), text(run.stop)) for run in administration.runs]


def test_a_start_and_its_later_update_are_one_administration() -> None:
    (one,) = administrations(started("O1", at="09:00"), given("O1", "09:00", "10:00", action=Action.UPDATE))
    assert runs(one) == [("09:00", "10:00")]
    assert one.remarks == ()


def test_an_update_that_changes_the_stop_corrects_it_and_says_so() -> None:
    (one,) = administrations(
        given("O1", "09:00", "10:00"), given("O1", "09:00", "10:40", action=Action.UPDATE, charted="11:00")
    )
    assert runs(one) == [("09:00", "10:40")]
    assert one.remarks == ("CORRECTED_RECORD",)


def test_an_update_that_changes_the_start_finds_its_administration() -> None:
    (one,) = administrations(
        given("O1", "09:00", "10:00"), given("O1", "09:15", "10:00", action=Action.UPDATE, charted="11:00")
    )
    assert runs(one) == [("09:15", "10:00")]


def test_doses_of_one_order_are_administrations_of_their_own() -> None:
    first, second = administrations(given("O1", "09:00", "10:00"), given("O1", "17:00", "18:00", sub_id="2"))
    assert [runs(first), runs(second)] == [[("09:00", "10:00")], [("17:00", "18:00")]]
    assert first.administration_id != second.administration_id


def test_doses_whose_sender_counts_none_are_told_apart_by_their_start() -> None:
    assert len(administrations(given("O1", "09:00", "10:00"), given("O1", "17:00", "18:00"))) == 2


def test_a_missing_stop_is_not_filled_from_the_next_dose_of_the_order() -> None:
    first, second = administrations(started("O1", at="09:00"), given("O1", "17:00", "18:00", sub_id="2"))
    assert [runs(first), runs(second)] == [[("09:00", None)], [("17:00", "18:00")]]


def test_pause_and_restart_are_one_administration_of_two_runs() -> None:
    (one,) = administrations(
        started("O1", at="09:00", word="New Bag"),
        moment(hl7.AdministrationPaused, "O1", "09:40"),
        moment(hl7.AdministrationResumed, "O1", "10:10"),
        moment(hl7.AdministrationStopped, "O1", "10:50"),
    )
    assert runs(one) == [("09:00", "09:40"), ("10:10", "10:50")]


def test_a_rate_change_is_the_same_run() -> None:
    (one,) = administrations(
        started("O1", at="09:00"),
        moment(hl7.AdministrationRateChanged, "O1", "09:30"),
        moment(hl7.AdministrationStopped, "O1", "10:00"),
    )
    assert runs(one) == [("09:00", "10:00")]


def test_a_new_bag_on_a_running_infusion_is_not_a_new_infusion() -> None:
    (one,) = administrations(
        started("O1", at="09:00", word="New Bag", rate=RATE),
        started("O1", at="12:00", word="New Bag", rate=RATE, sub_id="2"),
        moment(hl7.AdministrationStopped, "O1", "15:00"),
    )
    assert runs(one) == [("09:00", "15:00")]


def test_a_bolus_out_of_a_running_bag_does_not_take_its_stop() -> None:
    infusion, bolus = administrations(
        started("O1", at="09:00", word="New Bag", rate=RATE),
        started("O1", at="10:00", word="Bolus", sub_id="2"),
        moment(hl7.AdministrationStopped, "O1", "11:00"),
    )
    assert [runs(infusion), runs(bolus)] == [[("09:00", "11:00")], [("10:00", None)]]


def test_an_order_that_names_one_bag_is_one_administration() -> None:
    def of_bag(event: hl7.AnyEvent, at: str) -> Message:
        return message(msgspec.structs.replace(event, order_is_bag=True), at=at)

    (one,) = administrations(
        of_bag(started("O1", at="09:00").events[0], "09:00"),
        of_bag(moment(hl7.AdministrationStopped, "O1", "10:00").events[0], "10:00"),
        of_bag(started("O1", at="10:30").events[0], "10:30"),
        of_bag(moment(hl7.AdministrationStopped, "O1", "12:00").events[0], "12:00"),
    )
    assert runs(one) == [("09:00", "10:00"), ("10:30", "12:00")]


def test_what_the_reader_remarks_on_a_message_reaches_the_encounter() -> None:
    remarked = msgspec.structs.replace(given("O1"), remarks=(hl7.Remark("TIME_UNREADABLE", "PV1[1]-44"),))
    assert encounter(remarked).remarks == ("TIME_UNREADABLE",)


def test_the_next_bag_of_an_intermittent_order_is_a_new_administration() -> None:
    assert (
        len(
            administrations(
                started("O1", at="09:00", word="New Bag"),
                started("O1", at="17:00", word="New Bag", sub_id="2"),
            )
        )
        == 2
    )


def test_a_stop_without_a_start_is_kept() -> None:
    (one,) = administrations(moment(hl7.AdministrationStopped, "O1", "10:00"))
    assert runs(one) == [(None, "10:00")]


def test_a_stop_goes_to_the_administration_that_had_begun_by_then() -> None:
    first, second = administrations(
        started("O1", at="09:00"),
        started("O1", at="17:00", sub_id="2"),
        moment(hl7.AdministrationStopped, "O1", "10:00"),
        moment(hl7.AdministrationStopped, "O1", "18:00"),
    )
    assert [runs(first), runs(second)] == [[("09:00", "10:00")], [("17:00", "18:00")]]


def test_a_void_takes_its_administration_away() -> None:
    (left,) = administrations(
        given("O1", "09:00", "10:00"), given("O2", "11:00", "12:00", drug="ondansetron"), voided("O1")
    )
    assert left.drug.name == "ondansetron"


def test_a_void_that_fits_nothing_is_a_remark() -> None:
    made = encounter(given("O1", "09:00", "10:00"), voided("O9", drug="ondansetron"))
    assert len(made.administrations) == 1
    assert made.remarks == ("VOID_WITHOUT_TARGET",)


def test_a_time_known_to_the_hour_is_no_time() -> None:
    event = hl7.AdministrationStarted(
        placer="O1", at=hl7.Time(clock("09:00").at, "hour"), remarks=(hl7.Remark("TIME_TOO_COARSE", "RXA[1]-3"),)
    )
    (made,) = administrations(message(event))
    assert runs(made) == [(None, None)]
    assert made.remarks == ("TIME_TOO_COARSE",)


def test_the_parts_of_a_bag_come_from_the_order_when_the_administration_names_none() -> None:
    parts = (
        hl7.Component(hl7.Code("D5W", "dextrose 5%"), "base"),
        hl7.Component(hl7.Code("KCL", "potassium"), "additive"),
    )
    order = message(hl7.DrugOrdered(placer="O1", components=parts, ordered_minutes=60, indication="hypokalaemia"))
    (made,) = administrations(order, given("O1", "09:00", "10:00"))
    assert [part.code for part in made.components] == ["D5W", "KCL"]
    assert (made.ordered_minutes, made.indication) == (60, "hypokalaemia")


def test_a_refused_dose_is_kept_as_not_given() -> None:
    event = hl7.AdministrationNotGiven(placer="O1", at=clock("09:00"), word="RE")
    (made,) = administrations(message(event))
    assert made.completion is coding.Completion.NOT_GIVEN


# -- the visit


def test_arrival_and_departure_come_from_the_visit() -> None:
    made = encounter(opened("08:00"), closed("18:00"))
    assert (made.arrived_at, made.departed_at) == (clock("08:00").at, clock("18:00").at)


def test_a_cancelled_discharge_takes_the_departure_back() -> None:
    assert encounter(opened("08:00"), closed("18:00"), reopened("19:00")).departed_at is None


def test_outpatient_to_inpatient_is_a_change_of_status_at_its_time() -> None:
    made = encounter(opened("08:00"), class_changed("14:00", "I"))
    assert [(change.at, change.status.value) for change in made.status_changes] == [
        (clock("08:00").at, "outpatient"),
        (clock("14:00").at, "inpatient"),
    ]


def test_an_outpatient_throughout_has_no_changes() -> None:
    assert encounter(opened("08:00"), class_changed("14:00", "E"), closed()).status_changes == ()


def test_a_cancelled_visit_says_so() -> None:
    assert encounter(opened("08:00"), void_visit("09:00")).is_cancelled


def test_two_messages_with_one_control_id_are_a_remark() -> None:
    one = given("O1", "09:00", "10:00")
    other = message(*given("O2", "11:00", "12:00").events, control_id=one.header.control_id)
    assert encounter(one, other).remarks == ("CONTROL_ID_REUSED",)


def test_a_message_without_a_visit_belongs_to_the_patients_day() -> None:
    bare = message(*started("O1").events, visit=Visit())
    assert encounter_of(bare) == ("SYNTH|SYN1", "SYN1@2026-03-02")
    assert encounter(bare).remarks == ("ENCOUNTER_UNKNOWN",)


@pytest.mark.parametrize(
    ("messages", "runs_on"),
    [
        ((started("O1"),), True),
        ((started("O1"), given("O1", "09:00", "10:00", action=Action.UPDATE)), False),
        ((started("O1"), voided("O1")), False),
        ((), False),
    ],
)
def test_an_infusion_runs_until_its_stop_is_known(messages: tuple[Message, ...], runs_on: bool) -> None:
    assert Gathered.of(fact(one) for one in messages).has_running_infusion is runs_on


# -- any order, any number of times

HISTORY = [
    opened("08:00"),
    started("O1", at="09:00"),
    given("O1", "09:00", "10:00", action=Action.UPDATE),
    given("O1", "09:00", "10:30", action=Action.UPDATE, charted="11:00"),
    given("O2", "10:00", "11:00", drug="ondansetron"),
    voided("O2", at="10:00", drug="ondansetron"),
    started("O3", at="12:00", drug="saline", word="New Bag", rate=RATE),
    moment(hl7.AdministrationPaused, "O3", "12:30", "saline"),
    moment(hl7.AdministrationResumed, "O3", "12:45", "saline"),
    started("O3", at="13:00", drug="saline", word="New Bag", rate=RATE, sub_id="2"),
    moment(hl7.AdministrationStopped, "O3", "14:00", "saline"),
    class_changed("15:00", "I"),
    closed("18:00"),
    reopened("19:00"),
    closed("20:00"),
]


@for_all(order=st.permutations(range(len(HISTORY))))
def test_the_same_facts_in_any_order_are_the_same_encounter(order: list[int]) -> None:
    assert encounter(*(HISTORY[n] for n in order)) == encounter(*HISTORY)


def test_a_hundred_rows_of_one_moment_fold_the_same_in_any_order() -> None:
    rows = [given(f"O{n % 7}", "09:00", "10:00", sub_id=str(n % 3), drug=f"drug {n % 5}") for n in range(100)]
    expected = encounter(*rows)
    for seed in range(10):
        random.Random(seed).shuffle(rows)
        assert encounter(*rows) == expected


def touching(at: str, stop: str, sub_id: str, drug: str = "ceftriaxone", rows_join: bool = True) -> Message:
    event = hl7.AdministrationGiven(
        placer="O1", sub_id=sub_id, at=clock(at), stop=clock(stop), drug=Code(drug.upper(), drug), rows_join=rows_join,
        dose=Quantity(Decimal(100), "mg"), route="intravenous", method="infusion",
    )  # fmt: skip
    return message(event, at=stop)


def test_rows_that_touch_are_one_administration_where_the_sender_means_that() -> None:
    rows = [touching("10:00", "11:00", "2"), touching("09:00", "10:00", "1"), touching("11:00", "11:30", "3")]
    (one,) = administrations(*rows)
    assert runs(one) == [("09:00", "11:30")]
    assert (one.dose_amount, len(one.message_control_ids)) == (300, 3)
    assert administrations(*reversed(rows)) == (one,)


@pytest.mark.parametrize(
    "other",
    [
        touching("10:01", "11:00", "2"),
        touching("10:00", "11:00", "2", drug="saline"),
        touching("10:00", "11:00", "2", rows_join=False),
        started("O1", at="10:00", sub_id="2"),
    ],
)
def test_rows_that_do_not_touch_or_are_of_another_kind_stay_two(other: Message) -> None:
    assert len(administrations(touching("09:00", "10:00", "1"), other)) == 2


def test_a_voided_row_joins_nothing() -> None:
    found = administrations(
        touching("09:00", "10:00", "1"), touching("10:00", "11:00", "2"), voided("O1", at="10:00", sub_id="2")
    )
    assert [runs(one) for one in found] == [[("09:00", "10:00")]]


def test_pharmacys_word_on_an_order_counts_before_the_prescribers() -> None:
    encoded = hl7.DrugOrdered(placer="O1", route="intravenous", method="infusion")
    requested = hl7.DrugOrdered(placer="O1", is_request=True, route="oral")
    plain = hl7.AdministrationStarted(placer="O1", at=clock("09:00"))
    orders = [message(encoded, kind="RDE^O11", at="07:00"), message(requested, kind="OMP^O09", at="08:00")]
    (one,) = administrations(*orders, message(plain))
    assert one.route is coding.Route.INTRAVENOUS
    (other,) = administrations(orders[1], message(plain))
    assert other.route is coding.Route.ORAL


def test_a_unit_of_blood_is_a_transfusion_and_no_infusion() -> None:
    event = hl7.AdministrationGiven(
        at=clock("09:00"), stop=clock("09:30"), drug=Code("E0000", "UNIT"), blood_unit="W0001", route="intravenous"
    )
    one = encounter(message(event))
    coded = coding.code_encounter(one, coding.load_policy(coding.Setting.FACILITY), coding.default_formulary())
    assert [line.code for line in coded.lines] == ["36430"]


def test_a_doubt_about_when_a_message_was_sent_is_not_the_encounter_s() -> None:
    sent = msgspec.structs.replace(given("O1"), remarks=(hl7.Remark("TIME_AMBIGUOUS", "MSH-7"),))
    assert encounter(sent).remarks == ()
