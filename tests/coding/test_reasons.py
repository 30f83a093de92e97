"""The minutes and counts that the reasons of a line tell, in the words of a scenario."""

import pytest

from tests.coding.scenario import read


@pytest.mark.parametrize(
    ("facts", "rule", "text"),
    [
        (
            ["give saline infusion L-AC 08:00 10:00", "give ceftriaxone infusion L-AC 09:00 09:40"],
            "FLUID_MINUTES",
            "40 minutes beside a drug, blood or a longer fluid are taken out; 80 are left. [hyd_push_minutes=counted]",
        ),
        (
            [
                "policy hyd_combine=per_part",
                "give saline infusion L-AC 08:00 09:20",
                "give ceftriaxone infusion L-AC 08:20 08:40",
            ],
            "FLUID_PARTS",
            (
                "20 minutes are in parts of fewer than 31 between drugs or pauses, which are not reported; "
                "40 are left. [hyd_combine=per_part]"
            ),
        ),
        (
            [
                "give ceftriaxone infusion L-AC 08:00 09:00",
                "give cefepime infusion L-AC 09:00 09:40",
                "give ondansetron push L-AC 09:45",
            ],
            "INITIAL_TIE",
            (
                "One of 2 services of rank 3 at the access site, chosen by the most minutes: initial. "
                "[initial_tiebreak=longest_first]"
            ),
        ),
        (
            ["give ceftriaxone infusion L-AC 08:00 10:00"],
            "ADDITIONAL_HOURS",
            "120 minutes are 2 h 0 min, a part of an hour counts from 31 min: 1 more after the first.",
        ),
        (
            ["give unheard-of infusion L-AC 08:00 09:00 has_order=no"],
            "HELD",
            "Proposed only when this is settled: DRUG_UNCLASSIFIED.",
        ),
    ],
)
def test_a_reason_tells_its_minutes_and_the_switch_that_decided(facts, rule, text, tmp_path):
    written = tmp_path / "one.txt"
    written.write_text("\n".join(["scenario one", *facts]))
    (scenario,) = read(written)
    texts = [reason.text for line in scenario.coded().lines for reason in line.reasons if reason.rule == rule]
    assert text in texts
