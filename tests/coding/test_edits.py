"""What the published edits say of the lines of a date. Source: NCCI medically unlikely edits."""

from datetime import timedelta

from coding import CodeAtStake, Setting, Status, code_encounter, default_formulary, load_policy
from tests.coding import build

NEXT_DAY = build.DAY + timedelta(days=1)
PUSHES = [build.administration(f"a{n:02}", "hydromorphone", "push", "L-AC", f"{n + 5:02}:00") for n in range(13)]


def test_a_limit_that_many_lines_exceed_together_is_one_finding():
    coded = code_encounter(build.encounter(PUSHES), load_policy(Setting.FACILITY, "medicare"), default_formulary())
    exceeded = [finding for finding in coded.findings if finding.kind == "MUE_EXCEEDED"]
    repeats = [line for line in coded.lines if line.code == "96376"]
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
