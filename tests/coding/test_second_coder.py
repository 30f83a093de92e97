"""The engine against a second coder that shares no code with it."""

from collections import Counter
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from coding import Policy, Setting, Status, code_encounter, default_formulary, load_policy
from tests.coding import build, second_coder
from tests.coding.second_coder import Row
from tests.coding.strategies import clock

DRUGS = ["ceftriaxone", "cefepime", "morphine", "docetaxel", "vincristine", "cisplatin", "saline", "lactated ringer's"]
BLOOD = "red blood cells"
LENGTHS = st.one_of(st.integers(1, 200), st.sampled_from([5, 15, 16, 30, 31, 60, 90, 91, 120, 150, 151]))
PAUSES = st.sampled_from([0, 0, 0, 1, 6, 30, 90])
POLICIES = {one: load_policy(one, "medicare", {"unit_caps": "none"}) for one in Setting}

BY_DATE = load_policy(Setting.FACILITY, "medicare", {"unit_caps": "none", "initial_scope": "date"})


@dataclass(frozen=True)
class Entry:
    drug: str
    is_push: bool
    start: int
    length: int
    pause: int  # after the first minute; 0 for none

    def pairs(self) -> list[tuple[int, int]]:
        if not self.pause or self.length < 2:
            return [(self.start, self.start + self.length)]
        again = self.start + 1 + self.pause
        return [(self.start, self.start + 1), (again, again + self.length - 1)]


ENTRIES = st.builds(Entry, st.sampled_from(DRUGS), st.booleans(), st.integers(0, 600), LENGTHS, PAUSES)
UNITS_OF_BLOOD = st.builds(Entry, st.just(BLOOD), st.just(value=False), st.integers(0, 600), LENGTHS, st.just(0))
ENCOUNTERS = st.lists(ENTRIES, min_size=1, max_size=10)


def engine(
    entries: list[Entry],
    setting: Setting = Setting.FACILITY,
    reason: str = "",
    sites: dict[str, str] | None = None,
    policy: Policy | None = None,
) -> Counter[str]:
    given = []
    for place, one in enumerate(entries):
        times = [clock(one.start)] if one.is_push else [clock(at) for pair in one.pairs() for at in pair]
        way, site = "push" if one.is_push else "infusion", (sites or {}).get(one.drug, "-")
        needed = ["second_site_reason=incompatible"] if sites else []
        given.append(build.administration(f"a{place}", one.drug.replace(" ", "_"), way, site, *times, *needed))
    encounter = build.encounter(given, setting=setting, primary_reason_administration_id=reason)
    total: Counter[str] = Counter()
    for line in code_encounter(encounter, policy or POLICIES[setting], default_formulary()).lines:
        if line.status is not Status.HOLD and line.code.startswith("96"):
            total[line.code] += line.units
    return total


def rows(entries: list[Entry]) -> list[Row]:
    return [
        Row(
            f"a{place}",
            one.drug,
            one.is_push,
            set() if one.is_push else {minute for start, stop in one.pairs() for minute in range(start, stop)},
            one.start,
        )
        for place, one in enumerate(entries)
    ]


@settings(max_examples=400)
@given(entries=ENCOUNTERS)
def test_both_coders_come_to_the_same_codes_and_units(entries):
    assert engine(entries) == second_coder.code(rows(entries))


@given(entries=ENCOUNTERS, units=st.lists(UNITS_OF_BLOOD, min_size=1, max_size=2))
def test_both_coders_take_the_time_of_blood_from_fluids(entries, units):
    assert engine(entries + units) == second_coder.code(rows(entries + units))


SITES = dict(zip(DRUGS, ["L-AC", "R-AC"] * 4, strict=True))


@given(entries=ENCOUNTERS)
def test_both_coders_give_each_needed_access_site_its_own_initial_service(entries):
    one, other = ([row for row in rows(entries) if SITES[row.drug] == site] for site in ("L-AC", "R-AC"))
    assert engine(entries, sites=SITES) == second_coder.code_two(one, other)


@settings(max_examples=200)
@given(entries=ENCOUNTERS)
def test_both_coders_give_each_date_its_own_initial_service(entries):
    late = [replace(one, start=1140 + one.start) for one in entries]  # from 19:00 to 5:00 of the next day
    assert engine(late, policy=BY_DATE) == second_coder.code_by_date(rows(late))


@settings(max_examples=200)
@given(entries=ENCOUNTERS, place=st.integers(0, 9))
def test_both_coders_follow_the_reason_of_an_office_visit(entries, place):
    reason = f"a{place}"
    assert engine(entries, Setting.PROFESSIONAL, reason) == second_coder.code(rows(entries), office=True, reason=reason)
