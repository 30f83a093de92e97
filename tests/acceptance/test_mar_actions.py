"""Action words that sites use: each means what was proposed for it, or differs for a reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from hl7_parsers import STANDARD, load_profile

# What a proposed class is in our words. What runs and is not changed, came from or goes elsewhere is seen running; a
# hold of the order says nothing of the pump; waste and paperwork say nothing of an administration.
CLASSES = {
    "given": "given",
    "given-non-iv": "given",
    "push": "push",
    "bolus": "bolus",
    "flush": "flushed",
    "open": "started",
    "resume": "resumed",
    "pause": "paused",
    "close": "stopped",
    "rate": "rate_changed",
    "no-change": "running",
    "running-from-elsewhere": "running",
    "leaves-view": "running",
    "not-given": "not_given",
    "void": "voided",
    "administrative": "silent",
    "order-hold": "silent",
    "waste": "silent",
    "ambiguous": "unclear",
}
# Words that we take otherwise than proposed, and why.
OTHERWISE = {
    "infusion reconciliation not done": ("silent", "what was not looked at is no evidence that it ran"),
    "not assessed": ("silent", "an assessment that was not made, not a dose"),
    "not confirmed": ("silent", "a confirmation that was not made, not a dose"),
    "not read": ("silent", "a test that was not read, not a dose"),
}
# Letters that one system sends, in the words of the proposal.
LETTERS = {"I": "started", "S": "stopped", "C": "stopped", "G": "given", "H": "not_given", "R": "not_given"}
LETTERS |= {"N": "not_given", "M": "not_given", "RM": "silent"}


@pytest.fixture
def actions(shared: Path) -> dict[str, Any]:
    proposed: dict[str, Any] = json.loads((shared / "hl7" / "mar_actions.json").read_text(encoding="utf-8"))
    return proposed


def test_every_word_means_what_was_proposed_or_differs_for_a_reason(actions: dict[str, Any]) -> None:
    assert len(actions["actions"]) >= 196
    wrong = {}
    for word, proposal in actions["actions"].items():
        expected = OTHERWISE[word][0] if word in OTHERWISE else CLASSES[proposal["class"]]
        if STANDARD.meaning(word) != expected:
            wrong[word] = (proposal["class"], STANDARD.meaning(word))
    assert wrong == {}


def test_every_exception_is_one(actions: dict[str, Any]) -> None:
    for word, (meaning, _) in OTHERWISE.items():
        assert CLASSES[actions["actions"][word]["class"]] != meaning


@pytest.mark.parametrize("written", ["{} ", " {}", "{}.", "{}  ."])
def test_blanks_dots_and_case_do_not_matter(actions: dict[str, Any], written: str) -> None:
    for word in actions["actions"]:
        assert STANDARD.meaning(written.format(word.upper())) == STANDARD.meaning(word)


@pytest.mark.parametrize("profile", ["epic", "epic_shifted", "cerner", "meditech"])
def test_no_profile_makes_a_word_mean_the_opposite(actions: dict[str, Any], profile: str) -> None:
    """A profile may know a word better, never as given what was not, or as running what had stopped."""
    groups = [{"given", "push", "bolus", "started", "resumed", "running", "rate_changed"}, {"stopped", "paused"}]
    groups += [{"not_given", "silent", "voided"}, {"unclear"}, {"flushed"}]
    for word in actions["actions"]:
        ours, standard = load_profile(profile).meaning(word), STANDARD.meaning(word)
        assert any({ours, standard} <= group for group in groups), (word, ours, standard)


def test_the_letters_of_one_system_are_its_profiles(actions: dict[str, Any]) -> None:
    assert set(actions["vista_bcma_rxa20"]) == set(LETTERS)
    profile = load_profile("vista_bcma")
    assert {letter: profile.meaning(letter) for letter in LETTERS} == LETTERS
