"""What a person is shown."""

import re

import pytest
from msgspec.structs import replace

from coding import Encounter, Setting, code_encounter, default_formulary, explain, load_policy
from coding.claim import CodeAtStake, Finding, Severity
from tests.coding import build


def shown(encounter: Encounter, width: int = 0) -> str:
    coded = code_encounter(encounter, load_policy(Setting.FACILITY, "medicare"), default_formulary())
    return explain(encounter, coded, width)


def test_the_view_has_a_timeline_the_lines_and_their_sources():
    text = shown(
        build.encounter(
            [
                build.administration("a1", "ceftriaxone", "infusion", "L-AC", "10:00", "11:31"),
                build.administration("a2", "vancomycin", "infusion", "L-AC", "-", "12:00"),
                build.administration("a3", "ondansetron", "oral", "-", "12:00"),
            ]
        )
    )
    assert "L-AC\n  01-06 10:00-11:31  ceftriaxone  96365x1 96366x1  a1\n" in text
    assert "  ?-01-06 12:00      vancomycin   96375x1 hold     a2\n" in text
    assert "  01-06 12:00        ondansetron  -                a3\n" in text
    assert "2025-01-06 96366 x1 [review] therapeutic infusion, more hours, 91 minutes: ceftriaxone <a1>" in text
    assert "91 minutes are 1 h 31 min, a part of an hour counts from 31 min: 1 more after the first." in text
    assert "ADDITIONAL_HOURS; CMS Pub. 100-04, ch. 4, sec. 230.2" in text
    assert "! NO_START (hold): " in text
    assert "ROUTE_NOT_OURS (notice) <a3>: " in text


def test_the_view_counts_its_lines_and_names_the_codes_of_each_administration():
    encounter = build.encounter(
        [
            build.administration("a1", "ceftriaxone", "infusion", "L-AC", "10:00", "11:31"),
            build.administration("a2", "ondansetron", "push", "L-AC", "10:10"),
            build.administration("a3", "heparin flush", "push", "L-AC", "10:20"),
            build.administration("a4", "famotidine", "push", "L-AC", "-"),
        ]
    )
    text = shown(encounter)
    assert text.startswith("Encounter E-SYN: 3 lines, ")
    # the last has no time
    codes = [row.split()[-2:] for row in text.split("\n\n")[1].splitlines()[1:]]
    assert codes == [["96366x1", "a1"], ["96375x1", "a2"], ["-", "a3"], ["-", "a4"]]


def test_the_view_counts_one_line_as_one():
    encounter = build.encounter([build.administration("a1", "ceftriaxone", "infusion", "L-AC", "10:00", "11:00")])
    assert shown(encounter).startswith("Encounter E-SYN: 1 line, 0 findings")


def test_a_finding_without_a_line_says_what_depends_on_it():
    stakes = (CodeAtStake("96365", 1), CodeAtStake("J1745", 0))  # 0: as many as are charted
    asked = Finding("F1", "ORDER_NOT_GIVEN", Severity.REVIEW, (), (), "Ordered.", stakes)
    empty = build.encounter([])
    coded = code_encounter(empty, load_policy(Setting.FACILITY), default_formulary())
    text = explain(empty, replace(coded, findings=(asked, replace(asked, codes_at_stake=()))))
    assert text.splitlines()[-2:] == [
        "ORDER_NOT_GIVEN (review) <the encounter>: Ordered. At stake: 96365 x1, J1745.",
        "ORDER_NOT_GIVEN (review) <the encounter>: Ordered.",
    ]


def test_the_view_uses_the_hospital_clock():
    one = build.administration("a1", "ceftriaxone", "infusion", "L-AC", "10:00", "11:00")
    times = ["time_zone=America/New_York", "arrived_at=09:30", "departed_at=12:00"]
    text = shown(build.encounter([one], times))
    assert "Patient arrived 01-06 04:30, left 01-06 07:00\n" in text
    assert "01-06 05:00-06:00" in text


def test_times_over_midnight_pauses_and_a_stop_that_is_missing():
    text = shown(
        build.encounter(
            [
                build.administration("a1", "heparin", "infusion", "L-AC", "23:00", "25:30"),
                build.administration("a2", "vancomycin", "infusion", "L-AC", "10:00", "10:40", "11:10", "12:00"),
                build.administration("a3", "cefepime", "infusion", "L-AC", "13:00", "-"),
                build.administration("a4", "ondansetron", "push", "L-AC", "14:00"),
            ]
        )
    )
    rows = [row.strip() for row in re.search(r"L-AC\n(.*?)\n\n", text, re.DOTALL)[1].splitlines()]
    assert rows[0].startswith("01-06 10:00-10:40  ")
    assert rows[1] == "11:10-12:00"
    assert rows[2].startswith("01-06 13:00-?  ")
    assert rows[3].startswith("01-06 14:00  ")
    assert rows[4].startswith("01-06 23:00-01-07 01:30  heparin")


def test_a_change_of_the_clock_is_told():
    one = build.administration("a1", "heparin", "infusion", "L-AC", "04:30", "08:30", day=build.date(2026, 11, 1))
    assert "11-01 00:30-03:30 (clock back 1 h)" in shown(build.encounter([one], ["time_zone=America/New_York"]))


def test_units_that_several_records_share_are_told_once():
    bags = [
        build.administration("a1", "saline", "iv", "L-AC", "20:00", "22:00", "indication=charted"),
        build.administration("a2", "saline", "iv", "L-AC", "22:00", "26:00", "indication=charted"),
    ]
    text = shown(build.encounter(bags))
    assert "96360x1 96361x3+2  a1\n" in text
    assert "(96360) (96361)    a2\n" in text


def test_a_finding_is_told_in_full_once_and_with_its_messages():
    one = build.administration("a1", "ceftriaxone", "infusion", "L-AC", "10:00", "11:31")
    one = build.replace(one, message_control_ids=("M1", "M2", "M3", "M4"))
    text = shown(build.encounter([one]))
    assert text.count("Check both times. (message M1, M2, M3 and 1 more)") == 1
    assert text.count("! BOUNDARY_MINUTE (review): as above") == 1
    assert text.index("Check both times.") < text.index("as above")
    three = build.replace(one, message_control_ids=("M1", "M2", "M3"))
    assert "Check both times. (message M1, M2, M3)" in shown(build.encounter([three]))


def test_a_change_of_the_patient_s_status_is_told():
    one = build.administration("a1", "ceftriaxone", "infusion", "L-AC", "10:00", "11:00")
    text = shown(build.encounter([one], ["inpatient=20:00", "outpatient=30:00"]))
    assert "Patient inpatient from 01-06 20:00, outpatient from 01-07 06:00\n" in text


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_goes_beyond_the_width(width):
    given = [
        build.administration(f"ORD900000{n:02}:1", drug, "infusion", "L-AC", f"{8 + n}:00", f"{8 + n}:31")
        for n, drug in enumerate(("piperacillin-tazobactam_3.375_g_in_sodium_chloride_50_mL", "vancomycin") * 9)
    ]
    text = shown(build.encounter(given), width)
    assert max(map(len, text.splitlines())) <= width
    assert ("…" in text) == (width == 80)
    assert len({row.index("ORD9") for row in text.splitlines() if row.startswith("  01-0")}) == 1
    assert len(re.findall(r"^  01-0[67] .*ORD900000\d\d:1$", text, re.MULTILINE)) == len(given)
