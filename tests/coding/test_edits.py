"""What the published edits say of the lines of a date. Source: NCCI medically unlikely edits."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from coding import CodeAtStake, Setting, Status, builtin_tables, code_encounter, default_formulary, load_policy
from coding.edits import limits_of
from coding.published import UnitLimit
from tests.coding import build

NEXT_DAY = build.DAY + timedelta(days=1)
HELD = build.administration("a99", "hydromorphone", "infusion", "L-AC", "22:00")  # no stop
PUSHES = [build.administration(f"a{n:02}", "hydromorphone", "push", "L-AC", f"{n + 5:02}:00") for n in range(13)]


def test_a_limit_that_many_lines_exceed_together_is_one_finding():
    policy = load_policy(Setting.FACILITY, "medicare")
    coded = code_encounter(build.encounter([*PUSHES, HELD]), policy, default_formulary())
    exceeded = [finding for finding in coded.findings if finding.kind == "MUE_EXCEEDED"]
    repeats = [line for line in coded.lines if line.code == "96376" and line.status is not Status.HOLD]
    assert [finding.codes_at_stake for finding in exceeded] == [(CodeAtStake("96376", 1),) * 12]
    assert exceeded[0].administration_ids == tuple(f"a{n:02}" for n in range(1, 13))
    assert {line.findings for line in repeats} == {(exceeded[0].finding_id,)}
    assert {line.status for line in repeats} == {Status.REVIEW}


def test_what_is_fine_of_one_date_says_nothing_of_the_next():
    def coded(pushes_of_the_next_day: int) -> set[str]:
        next_day = [
            build.administration(f"b{n:02}", "hydromorphone", "push", "L-AC", f"{n + 5:02}:00", day=NEXT_DAY)
            for n in range(pushes_of_the_next_day)
        ]
        encounter = build.encounter([*PUSHES[:2], *next_day])
        found = code_encounter(encounter, load_policy(Setting.FACILITY, "medicare"), default_formulary())
        return {finding.kind for finding in found.findings}

    assert "MUE_EXCEEDED" not in coded(2)
    assert "MUE_EXCEEDED" in coded(13)


@pytest.mark.parametrize(
    ("published", "limit"),
    [
        ({}, UnitLimit(3, is_absolute=False)),  # no published limit
        ({"96367": UnitLimit(4, is_absolute=True)}, UnitLimit(3, is_absolute=False)),  # the plan's cap is lower
        ({"96367": UnitLimit(3, is_absolute=True)}, UnitLimit(3, is_absolute=True)),
        ({"96367": UnitLimit(2, is_absolute=True)}, UnitLimit(2, is_absolute=True)),
    ],
)
def test_a_plan_s_cap_counts_where_it_is_lower_than_the_published_limit(published, limit):
    policy = load_policy(Setting.FACILITY, "", {"unit_caps": "medi_cal"})
    edits = replace(builtin_tables().on(build.DAY, Setting.FACILITY), limits=published)
    assert limits_of(edits, policy)["96367"] == limit
