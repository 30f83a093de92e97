"""The seed examples: what every coder expects first."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from coding import (
    Administration,
    Drug,
    Encounter,
    Method,
    Route,
    Run,
    Setting,
    Status,
    code_encounter,
    default_formulary,
    load_policy,
)

MIDNIGHT = datetime(2025, 1, 6, tzinfo=UTC)


def at(clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return MIDNIGHT + timedelta(hours=int(hours), minutes=int(minutes))


def infusion(name: str, start: str, stop: str, site: str = "") -> Administration:
    return Administration(
        administration_id=f"{name} {start}",
        drug=Drug("", "", name),
        route=Route.INTRAVENOUS,
        method=Method.INFUSION,
        access_site=site,
        runs=(Run(at(start), at(stop)),),
    )


def coded(*administrations: Administration):
    encounter = Encounter(encounter_id="E-SYN", patient_id="P-SYN", administrations=administrations)
    return code_encounter(encounter, load_policy(Setting.FACILITY), default_formulary())


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ([("IVIG", "08:00", "10:00")], ["96365", "96366"]),
        ([("ciprofloxacin", "14:00", "14:50"), ("metronidazole", "15:00", "15:30")], ["96365", "96367"]),
        ([("norepinephrine", "10:00", "11:00"), ("vancomycin", "10:00", "11:00")], ["96365", "96368"]),
        ([("ceftriaxone", "10:00", "10:15")], ["96374"]),
    ],
)
def test_the_seed_examples_come_out_as_published(given, codes):
    assert sorted(line.code for line in coded(*(infusion(*one) for one in given)).lines) == codes


def test_of_two_drugs_at_once_the_resource_intensive_one_is_initial():
    lines = coded(infusion("norepinephrine", "10:00", "11:00"), infusion("vancomycin", "10:00", "11:00")).lines
    assert {line.code: line.drug.name for line in lines} == {"96365": "vancomycin", "96368": "norepinephrine"}


def test_a_second_access_site_has_its_own_initial_to_be_confirmed():
    lines = coded(
        infusion("ceftriaxone", "10:00", "11:00", "L-AC"), infusion("aztreonam", "16:00", "17:00", "R-AC")
    ).lines
    assert [(line.code, line.modifiers, line.status) for line in lines] == [
        ("96365", (), Status.READY),
        ("96365", ("XS",), Status.REVIEW),
    ]


def test_a_drug_coded_in_the_table_of_vaccines_is_one_whatever_it_is_called():
    vaccine = Administration(
        administration_id="V",
        drug=Drug("99999", "CVX", "SYNTHETIC NOVELTY"),
        route=Route.INTRAMUSCULAR,
        method=Method.INJECTION,
        runs=(Run(at("09:00"), None),),
    )
    assert [line.code for line in coded(vaccine).lines] == ["90471"]


def test_a_line_of_two_records_names_the_messages_of_both():
    one = replace(infusion("vancomycin", "10:00", "11:00"), message_control_ids=("M1",))
    next_bag = replace(infusion("vancomycin", "11:00", "11:30"), message_control_ids=("M2",), administration_id="Z")
    (line,) = coded(one, next_bag).lines
    assert sorted(line.message_control_ids) == ["M1", "M2"]


def test_a_held_line_of_a_run_without_a_stop_has_no_minutes():
    begun = replace(infusion("vancomycin", "10:00", "11:00"), runs=(Run(at("10:00"), None),))
    (line,) = coded(begun).lines
    assert (line.status, line.minutes) == (Status.HOLD, None)


def test_a_finding_that_a_line_has_for_two_reasons_is_one():
    lines = coded(infusion("vancomycin", "08:00", "10:00"), infusion("cefepime", "08:46", "10:16")).lines
    (sequential,) = [line for line in lines if line.code == "96367"]
    assert len(sequential.findings) == len(set(sequential.findings)) > 0


def test_a_drug_with_all_its_minutes_says_nothing_of_shared_ones():
    lines = coded(infusion("vancomycin", "08:00", "10:00"), infusion("cefepime", "10:00", "11:00")).lines
    rules = {reason.rule for line in lines for reason in line.reasons}
    assert "SEQUENTIAL" in rules
    assert "SHARED_MINUTES" not in rules


def test_records_of_one_id_are_lines_with_ids_of_their_own():
    one = replace(infusion("ketorolac", "10:00", "10:00"), route=Route.INTRAMUSCULAR, method=Method.INJECTION)
    lines = coded(one, one, one).lines
    assert [line.code for line in lines] == ["96372"] * 3
    assert len({line.claim_line_id for line in lines}) == 3
