"""What each ADT trigger does to the claim, in any order of arrival. The scenarios are in scenarios/adt.txt."""

from pathlib import Path

import pytest

from tests.streams.adt_scenarios import Scenario, orders, outcome, scenarios

SCENARIOS = list(scenarios(Path(__file__).parent / "scenarios" / "adt.txt"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_ends_as_it_says_in_any_order(scenario: Scenario) -> None:
    expected = sorted(scenario.lines), sorted(scenario.findings)
    assert {str(outcome(messages)) for messages in orders(scenario.messages)} == {str(expected)}
