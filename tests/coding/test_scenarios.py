"""Every scenario comes out as it says, and each rests on a source."""

from pathlib import Path

import pytest

from coding import ClaimLine, Status
from tests.coding.scenario import Scenario, read

FILES = sorted(Path(__file__).parent.joinpath("scenarios").glob("*.txt"))
SCENARIOS = [pytest.param(one, id=f"{path.stem}: {one.name}") for path in FILES for one in read(path)]


def shown(line: ClaimLine, asked: set[str], scenario: Scenario) -> tuple[str, ...]:
    """A line in the words of a scenario, of the details only those that some expected line asks for."""
    details = {
        "day": str((line.service_date - scenario.day).days),
        "minutes": str(line.minutes),
        "mods": ",".join(line.modifiers),
        "of": ",".join(line.administration_ids),
        "status": line.status.value,
    }
    word = "hold" if line.status is Status.HOLD else "line"
    return (word, line.code, str(line.units), line.role.value, *(f"{name}={details[name]}" for name in sorted(asked)))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_comes_out_as_it_says(scenario: Scenario):
    assert scenario.source, "a scenario needs a source"
    coded = scenario.coded()
    wanted, got = [], sorted(coded.lines, key=lambda line: line.claim_line_id)
    defaults = {"day": "0", "mods": ""}
    asked = {word.split("=")[0] for words in scenario.expected for word in words[4:]} | {"day"}
    for words in scenario.expected:
        details = defaults | dict(word.split("=") for word in words[4:])
        missing = asked - set(details)
        assert not missing, f"say {missing} of every line"
        wanted.append((*words[:4], *(f"{name}={details[name]}" for name in sorted(asked))))
    assert sorted(shown(line, asked, scenario) for line in got) == sorted(wanted)
    kinds = {finding.kind for finding in coded.findings}
    strict = {"only", "none"} & set(scenario.findings)
    named = set(scenario.findings) - strict
    assert kinds == named if strict else kinds >= named


def test_there_are_enough_scenarios_to_be_a_specification():
    assert len(SCENARIOS) >= 150


def test_no_two_scenarios_have_one_name():
    names = [param.id for param in SCENARIOS]
    assert len(set(names)) == len(names)
