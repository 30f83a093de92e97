"""Every scenario comes out as it says, and each rests on a source."""

import pytest

from tests.coding.scenario import Scenario, every_scenario

SCENARIOS = [pytest.param(one, id=f"{place}: {one.name}") for place, one in every_scenario()]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_comes_out_as_it_says(scenario: Scenario):
    coded = scenario.coded()
    assert scenario.lines_told(coded) == scenario.lines_wanted()
    assert scenario.kinds_told(coded) == scenario.kinds_wanted()
    assert scenario.stakes_told(coded) == sorted(scenario.stakes)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_rests_on_a_source_or_a_rule(scenario: Scenario):
    assert len(scenario.source) > len("rule"), "name the publication, or the rule of ours"


def test_there_are_enough_scenarios_to_be_a_specification():
    assert len(SCENARIOS) >= 500


def test_no_two_scenarios_have_one_name():
    names = [param.id for param in SCENARIOS]
    assert len(set(names)) == len(names)
