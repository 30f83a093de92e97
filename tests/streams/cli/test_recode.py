"""`dripcode recode`: what differs, by code, switch and encounter; orders only where asked."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.recode import command
from streams.demo.hospital_day import hospital_day
from streams.records import decode_command
from tests.streams.brokers import Broker, EmbeddedBroker
from tests.streams.worked import Day

MESSAGES = [message.text for message in hospital_day(7, 60)]
DAYS = ("--from", "2026-03-01", "--to", "2026-03-04")


def run(broker: Broker, *arguments: object, **settings: str) -> Result:
    environment = {**broker.environment, **{f"DRIPCODE_{name.upper()}": value for name, value in settings.items()}}
    return CliRunner().invoke(command, [str(one) for one in arguments], env=environment, catch_exceptions=False)


def said(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def worked(broker: Broker) -> Broker:
    """A day that was coded by the settings' policy."""
    Day(broker, MESSAGES).work().put()
    return broker


@pytest.fixture
def embedded(tmp_path: Path) -> Broker:
    broker = EmbeddedBroker(tmp_path / "data")
    Day(broker, MESSAGES).work().put()
    return broker


def test_the_same_rules_change_nothing_of_what_was_issued(worked: Broker) -> None:
    found = said(run(worked, *DAYS, "--json"))
    assert found["encounters"] > 40
    assert found["changed"] == 0
    assert found["codes"] == found["differences"] == found["not_coded"] == []


def test_another_policy_is_told_by_code_switch_and_encounter(worked: Broker, tmp_path: Path) -> None:
    policy = tmp_path / "new.toml"
    policy.write_text('initial_scope = "date"\nbolus_drip = "new_push"\nseconds = "minute_stamps"\n')
    found = said(run(worked, *DAYS, "--policy", policy, "--json"))
    assert 0 < found["changed"] < found["encounters"]
    assert found["changed"] == len(found["differences"])
    assert {one["switch"] for one in found["switches"]} == {"initial_scope", "bolus_drip", "seconds"}
    by_switch = {one["switch"]: one["encounters"] for one in found["switches"]}
    assert by_switch["seconds"] == 0
    assert by_switch["bolus_drip"] > 0
    assert Counter(name for one in found["differences"] for name in one["switches"]) == Counter(
        {name: number for name, number in by_switch.items() if number}
    )
    balance = Counter[str]()
    for one in found["differences"]:
        assert one["gone"] or one["added"]
        for lines, sign in ((one["gone"], -1), (one["added"], 1)):
            for line in lines:
                if line["status"] != "hold":
                    balance[line["code"]] += sign * line["units"]
    expected = {one["code"]: one["after"] - one["before"] for one in found["codes"]}
    assert {code: units for code, units in balance.items() if units} == expected


def test_a_single_switch_needs_no_file(embedded: Broker, tmp_path: Path) -> None:
    policy = tmp_path / "new.toml"
    policy.write_text('bolus_drip = "new_push"\n')
    by_file = run(embedded, *DAYS, "--policy", policy, "--json").stdout
    assert run(embedded, *DAYS, "--switch", "bolus_drip=new_push", "--json").stdout == by_file
    wrong = run(embedded, *DAYS, "--switch", "bolus_dripp=new_push")
    assert wrong.exit_code == 2
    assert "'bolus_drip'" in wrong.stderr


def test_the_text_says_the_same_to_a_person(embedded: Broker) -> None:
    result = run(embedded, *DAYS, "--switch", "bolus_drip=new_push")
    assert "encounters coded again" in result.stdout
    assert "bolus_drip (repeat_push -> new_push): " in result.stdout
    assert "(bolus_drip)" in result.stdout
    assert "  - 2026-03-0" in result.stdout
    assert "  + 2026-03-0" in result.stdout


def test_only_encounters_of_the_days_are_looked_at(embedded: Broker) -> None:
    of_the_day = said(run(embedded, *DAYS, "--json"))["encounters"]
    assert said(run(embedded, "--from", "2020-01-01", "--to", "2020-12-31", "--json"))["encounters"] == 0
    closed = ("--by", "closing", "--json")
    assert said(run(embedded, *DAYS, *closed))["encounters"] == 0
    assert said(run(embedded, "--from", "2026-01-01", "--to", "2099-01-01", *closed))["encounters"] >= of_the_day


def test_days_the_wrong_way_round_are_refused(embedded: Broker) -> None:
    result = run(embedded, "--from", "2026-03-04", "--to", "2026-03-01")
    assert result.exit_code == 2
    assert "--from 2026-03-04 is after --to 2026-03-01" in result.stderr


def test_nothing_is_sent_unless_asked(embedded: Broker) -> None:
    before = len(embedded.read(embedded.topics.commands))
    run(embedded, *DAYS, "--switch", "bolus_drip=new_push")
    assert len(embedded.read(embedded.topics.commands)) == before


def test_orders_cannot_carry_other_rules_and_that_is_said(embedded: Broker) -> None:
    before = len(embedded.read(embedded.topics.commands))
    who = ("--who", "A CODER", "--why", "a new contract")
    result = run(embedded, *DAYS, "--switch", "bolus_drip=new_push", "--emit", *who)
    assert result.exit_code == 2
    assert "the worker codes by its own settings" in result.stderr
    assert run(embedded, *DAYS, "--emit").exit_code == 2
    assert len(embedded.read(embedded.topics.commands)) == before


def test_after_a_change_of_the_settings_what_differs_is_ordered(worked: Broker, tmp_path: Path) -> None:
    policy = tmp_path / "new.toml"
    policy.write_text('bolus_drip = "new_push"\n')
    before = len(worked.read(worked.topics.commands))
    expected = {one["encounter_id"] for one in said(run(worked, *DAYS, "--policy", policy, "--json"))["differences"]}
    result = run(worked, *DAYS, "--emit", "--who", "A CODER", "--why", "a new contract", policy=str(policy))
    assert result.exit_code == 0
    assert f"{len(expected)} encounters ordered" in result.stderr
    orders = [decode_command(value) for _, _, value in worked.read(worked.topics.commands)]
    ordered = [one for one in orders if one.command == "recode"]
    assert len(orders) - before == len(ordered)
    assert {one.encounter_id for one in ordered} == expected
    assert {(one.who, one.why) for one in ordered} == {("A CODER", "a new contract")}


def test_other_tables_are_told_from_switches(embedded: Broker, tmp_path: Path) -> None:
    formulary = tmp_path / "new.csv"
    formulary.write_text("code,coding_system,name,drug_class\nSYN1038,99SYN,ondansetron 4 mg,chemotherapy\n")
    found = said(run(embedded, *DAYS, "--formulary", formulary, "--json"))
    assert [one["switch"] for one in found["switches"]] == ["tables"]
    assert found["changed"] == found["switches"][0]["encounters"] > 0
    missing = run(embedded, *DAYS, "--tables", tmp_path / "nowhere")
    assert missing.exit_code == 2
    assert "no tables.db" in missing.stderr


def test_a_range_without_a_broker_names_the_file(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "none")
    result = CliRunner().invoke(command, [*DAYS], env=dict(broker.environment))
    assert "there is no broker file" in str(result.exception)
