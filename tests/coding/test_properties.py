"""What must hold for every encounter."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from coding import CodedEncounter, Encounter, Role, Run, Setting, Status, code_encounter, default_formulary, load_policy
from coding.dates import instant
from coding.findings import kind_named
from coding.published import builtin_tables
from coding.sites import site_key
from coding.stretches import minutes_of, union
from tests.coding import build
from tests.coding.strategies import encounters, policies

CONTEST = {"96360", "96365", "96374", "96409", "96413"}
FORMULARY = default_formulary()
POLICIES = {(s, p): load_policy(s, p) for s in Setting for p in ("", "medicare", "commercial")}


def coded(encounter: Encounter) -> CodedEncounter:
    return code_encounter(encounter, POLICIES[encounter.setting, encounter.payer], FORMULARY)


def proposed(whole: CodedEncounter):
    return [line for line in whole.lines if line.status is not Status.HOLD]


@given(encounter=encounters(), data=st.data())
def test_the_order_of_administrations_carries_no_meaning(encounter: Encounter, data: st.DataObject):
    shuffled = replace(encounter, administrations=tuple(data.draw(st.permutations(encounter.administrations))))
    assert coded(shuffled) == coded(encounter)


@given(encounter=encounters())
def test_coding_twice_gives_the_same_ids_included(encounter: Encounter):
    assert coded(encounter) == coded(replace(encounter))


@given(encounter=encounters())
def test_every_administration_ends_in_a_line_or_a_finding(encounter: Encounter):
    whole = coded(encounter)
    told = {i for line in whole.lines for i in line.administration_ids}
    told |= {i for finding in whole.findings for i in finding.administration_ids}
    assert told == {one.administration_id for one in encounter.administrations}


@given(encounter=encounters())
def test_each_access_site_has_one_initial_service_at_most(encounter: Encounter):
    initials = Counter(
        site_key(line.access_site)
        for line in proposed(coded(encounter))
        if line.role is Role.INITIAL and line.code in CONTEST
    )
    assert all(count == 1 for site, count in initials.items() if site)


@given(encounter=encounters(sites=("L-AC",), whole=True))
def test_what_hangs_from_an_initial_service_has_one(encounter: Encounter):
    lines = [line for line in proposed(coded(encounter)) if line.role is not Role.STANDALONE]
    assert sum(line.code in CONTEST for line in lines) == (1 if lines else 0)


@given(encounter=encounters(sites=("L-AC",), whole=True))
def test_no_minute_is_counted_in_two_timed_codes(encounter: Encounter):
    ran = union((instant(r.start), instant(r.stop)) for one in encounter.administrations for r in one.runs if r.stop)
    timed = {line.administration_ids: line.minutes for line in proposed(coded(encounter)) if line.minutes is not None}
    assert sum(timed.values()) <= minutes_of(ran)


@given(encounter=encounters())
def test_every_add_on_has_a_primary_on_the_claim(encounter: Encounter):
    primaries = builtin_tables().on(build.DAY, encounter.setting).primaries
    codes = {line.code for line in proposed(coded(encounter))}
    assert all(primaries[code] & codes for code in codes & primaries.keys())


@given(
    drug=st.sampled_from(["ceftriaxone", "docetaxel", "saline"]),
    minutes=st.integers(1, 1300),
    more=st.integers(0, 60),
    beside=st.booleans(),
)
def test_running_longer_never_reports_less(drug: str, minutes: int, more: int, beside: bool):
    def units(length: int) -> int:
        one = build.administration("a1", drug, "infusion", "L-AC", "0:00", f"{length // 60}:{length % 60}")
        push = build.administration("a2", "morphine", "push", "L-AC", "23:59")
        lines = coded(build.encounter([one, push] if beside else [one])).lines
        return sum(line.units for line in lines if line.administration_ids == ("a1",))

    assert units(minutes) <= units(minutes + more)


@given(encounter=encounters(), days=st.integers(1, 60))
def test_shifting_the_days_changes_the_dates_alone(encounter: Encounter, days: int):
    def shifted(time):
        return time and time + timedelta(days=days)

    later = replace(
        encounter,
        arrived_at=shifted(encounter.arrived_at),
        departed_at=shifted(encounter.departed_at),
        status_changes=tuple(replace(change, at=shifted(change.at)) for change in encounter.status_changes),
        administrations=tuple(
            replace(one, runs=tuple(Run(shifted(run.start), shifted(run.stop)) for run in one.runs))
            for one in encounter.administrations
        ),
    )
    dates = [line.service_date + timedelta(days=days) for line in coded(encounter).lines]
    assert [line.service_date for line in coded(later).lines] == dates
    same = [replace(line, service_date=build.DAY, claim_line_id="") for line in coded(encounter).lines]
    assert [replace(line, service_date=build.DAY, claim_line_id="") for line in coded(later).lines] == same
    assert coded(later).findings == coded(encounter).findings


@given(encounter=encounters(sites=("L-AC", "R-AC")))
def test_what_is_held_takes_part_in_nothing(encounter: Encounter):
    whole = coded(encounter)
    held = {i for line in whole.lines if line.status is Status.HOLD for i in line.administration_ids}
    by_edit = {i for f in whole.findings if f.kind == "ADDON_PRIMARY_MISMATCH" for i in f.administration_ids}
    without = replace(
        encounter,
        administrations=tuple(one for one in encounter.administrations if one.administration_id not in held - by_edit),
    )

    def told(of: CodedEncounter):
        return sorted((line.code, line.units, line.modifiers, line.administration_ids) for line in proposed(of))

    assert told(coded(without)) == told(whole)


@given(encounter=encounters())
def test_a_line_has_the_status_of_its_worst_finding(encounter: Encounter):
    whole = coded(encounter)
    severities = {finding.finding_id: finding.severity.value for finding in whole.findings}
    assert len(severities) == len(whole.findings)
    for line in whole.lines:
        found = {severities[finding] for finding in line.findings}
        worst = next((word for word in ("hold", "review") if word in found), "ready")
        assert line.status.value == worst


@given(encounter=encounters())
def test_a_finding_names_the_lines_that_depend_on_it(encounter: Encounter):
    whole = coded(encounter)
    for finding in whole.findings:
        lines = [line for line in whole.lines if finding.finding_id in line.findings]
        assert Counter((line.code, line.units) for line in lines) == Counter(
            (c.code, c.units) for c in finding.codes_at_stake
        )
        assert kind_named(finding.kind).text == finding.text


@given(encounter=encounters())
def test_line_ids_are_distinct_and_every_line_says_why(encounter: Encounter):
    lines = coded(encounter).lines
    assert len({line.claim_line_id for line in lines}) == len(lines)
    assert all(line.reasons and all(r.text and r.source for r in line.reasons) and line.units > 0 for line in lines)


@settings(max_examples=300)
@given(data=st.data(), encounter=encounters())
def test_no_policy_makes_an_administration_disappear(data: st.DataObject, encounter: Encounter):
    policy = data.draw(policies(encounter.setting, encounter.payer))
    whole = code_encounter(encounter, policy, FORMULARY)
    assert code_encounter(encounter, policy, FORMULARY) == whole


@pytest.mark.parametrize("field", ["encounter_id", "setting", "payer"])
def test_a_claim_set_id_depends_on_the_content(field: str):
    encounter = build.encounter([build.administration("a1", "saline", "iv", "-", "8:00", "9:00")], payer="medicare")
    other = replace(
        encounter, **{field: {"encounter_id": "E2", "setting": Setting.PROFESSIONAL, "payer": "commercial"}[field]}
    )
    assert coded(other).claim_set_id != coded(encounter).claim_set_id
