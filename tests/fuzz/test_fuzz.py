"""A bounded piece of the fuzzing, and what it found before. `make fuzz` goes on from here."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import CHANGES, SEEDS, Change, mutated
from tests.fuzz.properties import PROFILES, check_framing, check_reading


def test_the_seeds_are_read_under_their_profiles() -> None:
    assert len(SEEDS) >= 20
    assert all(check_reading(seed) for seed in SEEDS)


@settings(max_examples=150)
@given(seed=st.sampled_from(SEEDS), chance=st.randoms(use_true_random=False), profile=st.sampled_from(PROFILES))
def test_a_mutated_message_is_read_or_refused_and_seen_alike(seed, chance, profile) -> None:  # type: ignore[no-untyped-def]
    check_reading(mutated(seed, chance), [profile])


@settings(max_examples=100)
@given(seed=st.sampled_from(SEEDS), chance=st.randoms(use_true_random=False), cuts=st.lists(st.integers(0, 3000)))
def test_a_mutated_stream_is_framed_alike_however_it_is_cut(seed, chance, cuts) -> None:  # type: ignore[no-untyped-def]
    check_framing(mutated(seed, chance), cuts)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_every_change_changes_and_leaves_something_to_read(change: Change) -> None:
    outcomes = [change(seed, random.Random(number)) for number, seed in enumerate(SEEDS)]
    assert sum(outcome != seed for outcome, seed in zip(outcomes, SEEDS, strict=True)) > len(SEEDS) / 3
    assert any(check_reading(outcome, PROFILES[:1]) for outcome in outcomes)


FOUND = {
    "a run of start blocks before what is no header": SEEDS[0] + b"\x0b" * 2000 + b"x",
    "blanks and start blocks by turns": b" \x0b" * 2000 + b"PID|",
}


@pytest.mark.parametrize("name", FOUND)
def test_what_fuzzing_found_stays_mended(name: str) -> None:
    check_reading(FOUND[name])
    check_framing(FOUND[name], [7, 100])
