"""The engine against a second coder that shares no code with it."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from coding import Setting, Status, code_encounter, default_formulary, load_policy
from tests.coding import build, second_coder
from tests.coding.second_coder import Row
from tests.coding.strategies import clock

DRUGS = ["ceftriaxone", "cefepime", "morphine", "docetaxel", "vincristine", "cisplatin", "saline", "lactated ringer's"]
LENGTHS = st.one_of(st.integers(1, 200), st.sampled_from([5, 15, 16, 30, 31, 60, 90, 91, 120, 150, 151]))
ROWS = st.lists(st.tuples(st.sampled_from(DRUGS), st.booleans(), st.integers(0, 600), LENGTHS), min_size=1, max_size=10)
POLICY = load_policy(Setting.FACILITY, "medicare", {"unit_caps": "none"})


def engine(rows) -> Counter[str]:
    given = []
    for place, (drug, is_push, start, length) in enumerate(rows):
        times = [clock(start)] if is_push else [clock(start), clock(start + length)]
        way = "push" if is_push else "infusion"
        given.append(build.administration(f"a{place}", drug.replace(" ", "_"), way, "-", *times))
    total: Counter[str] = Counter()
    for line in code_encounter(build.encounter(given), POLICY, default_formulary()).lines:
        if line.status is not Status.HOLD:
            total[line.code] += line.units
    return total


def second(rows) -> Counter[str]:
    return second_coder.code(
        [
            Row(f"a{place}", drug, is_push, set() if is_push else set(range(start, start + length)), start)
            for place, (drug, is_push, start, length) in enumerate(rows)
        ]
    )


@settings(max_examples=400)
@given(rows=ROWS)
def test_both_coders_come_to_the_same_codes_and_units(rows):
    assert engine(rows) == second(rows)
