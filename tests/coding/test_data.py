"""The tables: their shape, and that every row of them decides something that a scenario shows."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from coding import CodedEncounter, Encounter, Policy, RuleError, Setting, default_formulary, engine, load_policy
from coding.errors import NoRuleInForce, TableError
from coding.findings import kinds
from coding.published import builtin_tables
from coding.reasons import wordings
from coding.rules import TABLES, DatedRule, Rules, dated_rule, dated_rules, read_toml, rules_on
from coding.tables import catalogue, rows_of
from tests.coding import build
from tests.coding.scenario import read

SCENARIOS = [one for path in sorted(Path(__file__).parent.joinpath("scenarios").glob("*.txt")) for one in read(path)]
FIELDS = dict(zip(TABLES, [field.name for field in fields(Rules) if field.init], strict=True))


@cache
def worked() -> list[tuple[Encounter, Policy, list[tuple[object, ...]]]]:
    """Every scenario's encounter and policy, and the codes and units it comes to."""
    whole = []
    for one in SCENARIOS:
        setting = Setting(one.setting)
        encounter = build.encounter(one.given, one.encounter, one.day, setting=setting, payer=one.payer)
        policy = load_policy(setting, one.payer, one.policy)
        whole.append((encounter, policy, told(engine.code_encounter(encounter, policy, default_formulary()))))
    return whole


def told(coded: CodedEncounter) -> list[tuple[object, ...]]:
    lines = [(line.code, line.units, line.status, line.modifiers) for line in coded.lines]
    return [*lines, *[(finding.kind,) for finding in coded.findings]]


RANKS = 2  # an order of services changes when one goes past its neighbour


def changed(name: str, value: object) -> Iterator[object]:
    """Values next to a row's: one more and one less, a rank past the neighbour's, another code, none of a list."""
    if name.endswith("rank"):
        yield value + RANKS if value <= RANKS else value - RANKS
    elif isinstance(value, int):
        yield value + 1
        yield value - 1
    elif isinstance(value, str):
        yield "96373" if value != "96373" else "96379"
    else:
        yield ()


def rows() -> Iterator[tuple[type, str, int, object]]:
    for table in TABLES:
        for name, rule in dated_rules(table).items():
            for place, value in enumerate(rule.values):
                yield from ((table, name, place, other) for other in changed(name, value))


@pytest.mark.parametrize(
    ("table", "name", "place", "other"),
    [pytest.param(*row, id=f"{row[0].TABLE} {row[1]} {row[2]} {row[3]}") for row in rows()],
)
def test_a_row_that_were_another_would_change_a_scenario(monkeypatch, table, name, place, other):
    rule: DatedRule = dated_rules(table)[name]
    scenarios, formulary = worked(), default_formulary()

    def rules(day: date) -> Rules:
        whole, began = rules_on(day), [when <= day for when in rule.effective]
        if sum(began) - 1 != place:
            return whole
        field = FIELDS[table]
        return replace(whole, **{field: replace(getattr(whole, field), **{name: other})})

    monkeypatch.setattr(engine, "rules_on", rules)
    assert any(told(engine.code_encounter(one, policy, formulary)) != codes for one, policy, codes in scenarios)


def test_every_code_of_the_catalogue_is_reached():
    reached = {code for *_, codes in worked() for code, *rest in codes if rest}
    assert set(catalogue()) == reached


def test_every_kind_of_finding_that_the_engine_gives_is_described():
    reached = {kind for *_, codes in worked() for kind, *rest in codes if not rest}
    assert reached - set(kinds()) == {"SOMETHING_NEW", "TIME_SOMETHING_NEW"}


def test_every_sentence_is_told_and_names_known_switches():
    names = {name: row.get("default") for name, row in read_toml("switches.toml").items()}
    told = wordings(names)
    used = {reason.rule for one in SCENARIOS for line in one.coded().lines for reason in line.reasons}
    assert used == set(told)


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
