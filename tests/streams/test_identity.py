"""Who is who after merges: from the set of merges alone, whatever their order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7_parsers import events as hl7
from hl7_parsers.events import Patient, Visit
from streams.identity import CIRCLE, CONFLICT, Merge, Merges, Who, merges_of, news_for
from tests.streams.build import clock, message


def merge(old: str, new: str, at: float = 1.0) -> Merge:
    """ "A>B" of patients, "A/1>B/2" of encounters."""
    old_patient, _, old_id = old.partition("/")
    new_patient, _, new_id = new.partition("/")
    return Merge(at, f"C{at}", f"SYNTH|{old_patient}", old_id, f"SYNTH|{new_patient}", new_id)


def who(text: str) -> Who:
    patient, _, encounter_id = text.partition("/")
    return Who(f"SYNTH|{patient}", encounter_id)


@pytest.mark.parametrize(
    ("merges", "asked", "answer"),
    [
        ([merge("A", "B")], "A/1", "B/1"),
        ([merge("A", "B")], "B/1", "B/1"),
        ([merge("A", "B", 1), merge("B", "C", 2)], "A/1", "C/1"),
        ([merge("B", "C", 1), merge("A", "B", 2)], "A/1", "C/1"),
        ([merge("A/1", "A/2")], "A/1", "A/2"),
        ([merge("A/1", "A/2")], "A/3", "A/3"),
        ([merge("A/1", "B")], "A/1", "B/1"),
        ([merge("A/1", "A/2", 1), merge("A", "B", 2)], "A/1", "B/2"),
        ([merge("A/1", "C/1", 1), merge("A", "B", 2)], "A/1", "C/1"),
        ([merge("A", "B", 1), merge("A", "C", 2)], "A/1", "C/1"),
        ([merge("A", "B", 1), merge("B", "A", 2)], "A/1", "A/1"),
        ([merge("A", "B", 1), merge("B", "A", 2)], "B/1", "A/1"),
        ([merge("R/1", "P", 1), merge("P", "R", 2)], "R/1", "R/1"),
        ([merge("R/1", "P", 1), merge("P", "R", 2)], "P/1", "R/1"),
        ([merge("P", "R", 1), merge("R/1", "P", 2)], "P/1", "P/1"),
        ([merge("P", "R", 1), merge("R/1", "P", 2)], "P/2", "R/2"),
        ([merge("A", "B")], "A/A@2026-03-02", "B/B@2026-03-02"),
    ],
)
def test_an_identity_is_called_what_the_merges_make_it(merges: list[Merge], asked: str, answer: str) -> None:
    assert Merges(merges).resolve(who(asked)) == who(answer)
    assert Merges(reversed(merges)).resolve(who(asked)) == who(answer)


def test_merges_that_contradict_each_other_are_told() -> None:
    twice = Merges([merge("A", "B", 1), merge("A", "C", 2)])
    assert twice.doubts(who("A/1")) == {CONFLICT}
    assert twice.doubts(who("C/1")) == set()
    circle = Merges([merge("A", "B", 1), merge("B", "A", 2)])
    assert circle.doubts(who("B/1")) == circle.doubts(who("A/1")) == {CIRCLE}
    assert Merges([merge("A", "B", 1), merge("A", "B", 2)]).doubts(who("A/1")) == set()


NAMES = st.sampled_from(["A", "B", "C", "D", "A/1", "B/1", "C/1", "A/2", "B/2"])
SETS = st.lists(
    st.builds(merge, NAMES, NAMES, st.integers(1, 4).map(float)).filter(lambda one: one.old != one.moved(one.old)),
    max_size=7,
)


@given(merges=SETS, order=st.randoms())
def test_any_order_and_repetition_of_merges_makes_the_same_of_every_identity(
    merges: list[Merge], order: object
) -> None:
    shuffled = merges * 2
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = Merges(merges), Merges(shuffled)
    for asked in (who(f"{patient}/{number}") for patient in "ABCD" for number in "123"):
        assert one.resolve(asked) == other.resolve(asked)
        assert one.doubts(asked) == other.doubts(asked)


@given(merges=SETS)
def test_what_an_identity_is_called_is_itself_called_that(merges: list[Merge]) -> None:
    known = Merges(merges)
    for asked in (who(f"{patient}/{number}") for patient in "ABCD" for number in "123"):
        assert known.resolve(known.resolve(asked)) == known.resolve(asked)


@given(merges=SETS, starts=st.randoms())
def test_whatever_each_owner_learns_first_all_whom_merges_connect_end_with_the_same(
    merges: list[Merge], starts: object
) -> None:
    """Each merge reaches the owner of the patient who stays; what they tell each other arrives in any order."""
    owners = {f"SYNTH|{name}": Merges() for name in "ABCD"}
    on_the_way = [(one.new_patient, [one]) for one in merges]
    while on_the_way:
        patient, told = on_the_way.pop(starts.randrange(len(on_the_way)))  # type: ignore[attr-defined]
        known = owners[patient]
        new = {one for one in told if known.add(one)}
        on_the_way += [(other, news) for other, news in news_for(known, new) if other != patient]
    everything = Merges(merges)
    for patient, known in owners.items():
        family = everything.family(patient)
        assert known.among(family) == everything.among(family)


def test_a_message_tells_its_merges_and_none_that_changes_nothing() -> None:
    def told(**fields: object) -> list[Merge]:
        event = hl7.EncounterMerged(
            old_patient=Patient("SYN8"), new_patient=Patient("SYN1", "SYNTH"), at=clock("09:00"), **fields
        )  # type: ignore[arg-type]
        return merges_of(message(event, control_id="C1", visit=Visit()))

    at = clock("09:00").at.timestamp()
    assert told(scope="patient") == [Merge(at, "C1", "SYNTH|SYN8", "", "SYNTH|SYN1", "")]
    assert told(scope="visit", old_id="V1", new_id="V1") == [Merge(at, "C1", "SYNTH|SYN8", "V1", "SYNTH|SYN1", "")]
    assert told(scope="account", old_id="", new_id="V2") == []


def test_a_star_of_merges_tells_those_who_know_it_only_what_is_new() -> None:
    known = Merges([merge(f"A{n}", "B", n) for n in range(1, 50)])
    new = merge("A50", "B", 50)
    known.add(new)
    told = dict(news_for(known, {new}))
    assert all(told[f"SYNTH|A{n}"] == [new] for n in range(1, 50))
    assert len(told["SYNTH|A50"]) == 50
