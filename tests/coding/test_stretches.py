"""Running time as stretches, against the same thing counted minute by minute."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from coding.dates import MINUTE
from coding.stretches import Covered, Stretches, minutes_of, moment_after, union, within

PAIR = st.tuples(st.integers(0, 60), st.integers(1, 30)).map(lambda p: (p[0] * MINUTE, (p[0] + p[1]) * MINUTE))
PAIRS = st.lists(PAIR, max_size=8)


def minutes(stretches: Stretches) -> set[int]:
    return {m for start, stop in stretches for m in range(start // MINUTE, stop // MINUTE)}


@given(pairs=PAIRS)
def test_a_union_has_each_minute_once_and_nothing_touching(pairs):
    joined = union(pairs)
    assert minutes(joined) == minutes(pairs)
    assert minutes_of(joined) == len(minutes(pairs))
    assert all(before[1] < after[0] for before, after in pairwise(joined))


@given(taken=st.lists(PAIRS, max_size=4), asked=PAIRS)
def test_what_is_left_is_what_nothing_took(taken, asked):
    covered, all_taken = Covered(), []
    for pairs in taken:
        covered.add(union(pairs))
        all_taken += pairs
    left = covered.left_of(union(asked))
    assert minutes(left) == minutes(asked) - minutes(all_taken)
    assert covered.touches(union(asked)) == bool(minutes(asked) & minutes(all_taken))
    assert list(zip(covered.starts, covered.stops, strict=True)) == list(union(all_taken))


@given(pairs=PAIRS, opens=st.integers(0, 90), length=st.integers(0, 90))
def test_what_lies_within_two_instants(pairs, opens, length):
    inside = within(union(pairs), opens * MINUTE, (opens + length) * MINUTE)
    assert minutes(inside) == minutes(pairs) & set(range(opens, opens + length))


def test_minutes_after_a_pause_are_counted_past_it():
    stretches = ((0, 30 * MINUTE), (60 * MINUTE, 90 * MINUTE))
    assert moment_after(stretches, 0) == 0
    assert moment_after(stretches, 29) == 29 * MINUTE
    assert moment_after(stretches, 30) == 60 * MINUTE
    assert moment_after(stretches, 99) == 90 * MINUTE


def test_the_rest_of_a_minute_is_dropped_once():
    assert minutes_of([(0, MINUTE // 2), (MINUTE, MINUTE + MINUTE // 2)]) == 1


def test_nothing_left_is_no_stretch_of_no_length():
    covered = Covered.by([(0, 10 * MINUTE), (20 * MINUTE, 30 * MINUTE)])
    assert covered.left_of(((0, 10 * MINUTE),)) == ()
    assert covered.left_of(((10 * MINUTE, 25 * MINUTE),)) == ((10 * MINUTE, 20 * MINUTE),)
    assert within(((0, 10 * MINUTE),), 10 * MINUTE, 20 * MINUTE) == ()
