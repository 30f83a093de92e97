"""The tables: their shape, and that every row of them decides something that a scenario shows."""

from datetime import date
from functools import cache
from typing import ClassVar

import pytest
from msgspec import Struct

from coding import CodedEncounter, RuleError, Setting, default_formulary, engine, load_policy
from coding.errors import NoRuleInForce, TableError
from coding.findings import kinds
from coding.published import builtin_tables
from coding.reasons import wordings
from coding.rules import dated_rule, dated_rules, read_toml
from coding.tables import catalogue, rows_of
from tests.coding import build
from tests.coding.mutation import rows
from tests.coding.scenario import every_scenario

SCENARIOS = [one for _, one in every_scenario()]


@cache
def worked() -> list[CodedEncounter]:
    """What every scenario comes to."""
    return [one.coded() for one in SCENARIOS]


@pytest.mark.parametrize("flip", [pytest.param(flip, id=str(flip)) for flip in rows.flips()])
def test_a_row_that_were_another_would_fail_a_scenario(flip: rows.Flip):
    assert rows.failing(flip)


def test_every_code_of_the_catalogue_is_reached():
    reached = {line.code for coded in worked() for line in coded.lines}
    of_drugs = {line.code for coded in worked() for line in coded.lines if line.billed}
    assert set(catalogue()) == reached - of_drugs


def test_every_kind_of_finding_that_the_engine_gives_is_described():
    reached = {finding.kind for coded in worked() for finding in coded.findings}
    assert reached - set(kinds()) == {"SOMETHING_NEW", "TIME_SOMETHING_NEW"}


def test_every_sentence_is_told_and_names_known_switches():
    names = {name: row.get("default") for name, row in read_toml("switches.toml").items()}
    told = wordings(names)
    used = {reason.rule for coded in worked() for line in coded.lines for reason in line.reasons}
    assert used == set(told) - {"SECOND_VISIT"}  # test_day


SHOWN_ELSEWHERE = {  # values that another test shows, and why
    ("initial_tiebreak", "payer_fee_first"),  # one fee per rank: the longest
    ("site_modifier", "59"), ("site_modifier", "XU"), ("pair_modifier", "59"), ("prolonged_pump", "96416"),  # presets
    ("encounter_modifier", "59"), ("encounter_modifier", "XU"), ("second_visit", "one_per_day"),  # test_day
    ("zero_waste_unit_mod", "none"), ("mod_340b", "by_entity"), ("mod_340b", "JG"), ("mod_340b", "none"),
    # test_drug_units
    ("payment_window", "off"), ("complex_biologic_injection", "therapeutic"),  # presets
}  # fmt: skip


def test_every_value_of_every_switch_is_tried_or_is_the_default():
    tried = {(name, str(value)) for one in SCENARIOS for name, value in one.policy.items()}
    table = read_toml("switches.toml")
    values = {
        (name, value) for name, row in table.items() for value in row.get("values", []) if value != row["default"]
    }
    assert values - tried - SHOWN_ELSEWHERE == set()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"label": "l", "unit": "u", "values": []}, "needs exactly"),
        ({"label": "l", "unit": "u", "source": "", "values": []}, "say something"),
        ({"label": "l", "unit": "u", "source": "s", "values": []}, "dates must rise"),
        (
            {"label": "l", "unit": "u", "source": "s", "values": [{"effective": date(2025, 1, 1)}]},
            "effective and value",
        ),
        (
            {
                "label": "l",
                "unit": "u",
                "source": "s",
                "values": [{"effective": date(2025, 1, 1), "value": 1}, {"effective": date(2024, 1, 1), "value": 2}],
            },
            "dates must rise",
        ),
    ],
)
def test_a_rule_of_another_shape_is_refused(row, said):
    with pytest.raises(TableError, match=said):
        dated_rule("x", row)


def test_a_table_of_other_rules_than_its_fields_is_refused():
    class Other(Struct):
        TABLE: ClassVar[str] = "limits.toml"
        push_review_minutes_max: int
        unheard_of: int

    with pytest.raises(TableError, match=r"missing \['unheard_of'\], unknown \['facility_.*'rejected_run_minutes'"):
        dated_rules(Other)


def test_a_rule_holds_until_the_next_row_and_not_past_its_end():
    values = [{"effective": date(2024, 1, 1), "value": 1}, {"effective": date(2025, 1, 1), "ended": True}]
    rule = dated_rule("x", {"label": "l", "unit": "u", "source": "s", "values": values})
    assert rule.on(date(2024, 12, 31)) == 1
    for day in (date(2023, 12, 31), date(2025, 1, 1)):
        with pytest.raises(NoRuleInForce, match="x: no rule in force on"):
            rule.on(day)


def test_an_encounter_before_the_first_rules_is_refused():
    encounter = build.encounter(
        [build.administration("a1", "saline", "iv", "-", "8:00", "9:00", day=date(2008, 12, 31))]
    )
    with pytest.raises(RuleError, match="2008-12-31"):
        engine.code_encounter(encounter, load_policy(Setting.FACILITY), default_formulary())


def test_published_tables_differ_by_setting_and_begin_with_their_quarter():
    tables = builtin_tables()
    assert tables.on(date(2024, 6, 30), Setting.FACILITY).limits == {}
    hospital, office = (tables.on(date(2026, 10, 1), setting) for setting in (Setting.FACILITY, Setting.PROFESSIONAL))
    assert (hospital.limits["96366"].units, office.limits["96366"].units) == (24, 8)
    assert "96360" in office.primaries["96375"]
    assert "96360" not in hospital.primaries["96375"]
    assert hospital.pairs["96365", "96360"]
    assert not hospital.pairs["96365", "96523"]


def test_a_table_with_other_columns_is_refused():
    with pytest.raises(TableError, match=r"codes\.csv: columns must be"):
        rows_of("codes.csv", "code,label")
