"""What decided which service is initial, as it is told. Source: MedLearn 2022-01-31; no CMS text."""

import pytest

from coding import Role, Setting, code_encounter, default_formulary, load_policy
from tests.coding import build

CEFEPIME = ("a1", "cefepime", "infusion", "L-AC", "09:00", "10:00")


def decided(one: tuple[str, ...], another: tuple[str, ...], tiebreak: str) -> tuple[str, str]:
    policy = load_policy(Setting.FACILITY, "medicare", {"initial_tiebreak": tiebreak})
    given = [build.administration(*one), build.administration(*another)]
    coded = code_encounter(build.encounter(given), policy, default_formulary())
    initial = next(line for line in coded.lines if line.role is Role.INITIAL)
    told = next(reason.text for reason in initial.reasons if reason.rule == "INITIAL_TIE")
    return initial.administration_ids[0], told.split(", chosen by ")[1].split(":")[0]


@pytest.mark.parametrize(
    ("another", "tiebreak", "initial", "by"),
    [
        (("a2", "ceftriaxone", "infusion", "L-AC", "10:00", "12:00"), "longest_first", "a2", "the most minutes"),
        (("a2", "ceftriaxone", "infusion", "L-AC", "08:00", "09:00"), "longest_first", "a2", "the first start"),
        (("a2", "ceftriaxone", "infusion", "L-AC", "10:00", "12:00"), "first_start", "a1", "the first start"),
        (("a2", "ceftriaxone", "infusion", "L-AC", "09:00", "12:00"), "first_start", "a2", "the most minutes"),
        (("a2", "ceftriaxone", "infusion", "L-AC", "09:00", "10:00"), "longest_first", "a1", "its identifier"),
        (("a2", "ceftriaxone", "infusion", "L-AC", "09:00", "10:00"), "payer_fee_first", "a1", "its identifier"),
    ],
)
def test_a_tie_names_what_decided_it(another, tiebreak, initial, by):
    assert decided(CEFEPIME, another, tiebreak) == (initial, by)


@pytest.mark.parametrize("tiebreak", ["longest_first", "first_start", "resource_rank_first"])
def test_vancomycin_is_initial_beside_norepinephrine_by_the_rank_of_its_resources(tiebreak):
    norepinephrine = ("a1", "norepinephrine", "infusion", "L-AC", "10:00", "11:00")
    vancomycin = ("a2", "vancomycin", "infusion", "L-AC", "10:00", "11:00")
    assert decided(norepinephrine, vancomycin, tiebreak) == ("a2", "the rank of its resources")


def test_the_highest_rank_is_told_with_how_many_it_outranks():
    given = [build.administration("a2", "ondansetron", "push", "L-AC", "09:00"), build.administration(*CEFEPIME)]
    coded = code_encounter(build.encounter(given), load_policy(Setting.FACILITY), default_formulary())
    initial = next(line for line in coded.lines if line.role is Role.INITIAL)
    (told,) = [reason.text for reason in initial.reasons if reason.rule == "INITIAL_RANK"]
    assert told.startswith("Rank 3, where 1 is first, is the highest of 2 services")
