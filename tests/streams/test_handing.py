"""Merges across partitions: whatever comes first, however often, and whoever is killed, the claims end the same."""

import random

from hypothesis import given as for_all
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hl7_parsers import events as hl7
from hl7_parsers.events import Message, Patient, Visit
from streams.assemble import encounter_of
from streams.identity import Merges, Who
from tests.streams.build import clock, closed, given, message, opened, started, voided
from tests.streams.cluster import (
    Cluster,
    assert_each_version_takes_back_the_one_before,
    folded,
    oracle,
    under,
)

# "SYN1" and "SYN3" are on one of four partitions, the others on others.
PATIENTS = ("SYN1", "SYN2", "SYN3", "SYN4")


def merged(old: str, new: str, at: str = "12:00", **of_what: str) -> Message:
    """A merge of patients, or of what `scope`, `old_id` and `new_id` say."""
    event = hl7.EncounterMerged(
        scope=of_what.get("scope", "patient"),
        old_patient=Patient(old, "SYNTH"),
        new_patient=Patient(new, "SYNTH"),
        old_id=of_what.get("old_id", ""),
        new_id=of_what.get("new_id", ""),
        at=clock(at),
    )
    return under(message(event, at=at, kind="ADT^A40", visit=Visit()), new, "")


def of(patient: str, visit: str = "V1", order: str = "O1", at: str = "09:00", stop: str = "10:30") -> list[Message]:
    """A visit with an infusion."""
    return [
        under(one, patient, visit)
        for one in (opened("08:00"), given(order, at, stop, drug=f"drug {order}"), closed("18:00"))
    ]


def played(messages: list[Message], seed: int = 0, crashes: int = 0, *, early: bool = False) -> Cluster:
    """These messages through four partitions; `early` closes what is there in between."""
    cluster = Cluster(4, random.Random(seed), crashes)
    for one in messages:
        cluster.send(one)
        if early and cluster.chance.random() < 0.3:
            cluster.close_all(folded(messages).accounts())
            for account in folded(messages).encounters:
                cluster.close_all([account])
        while cluster.chance.random() < 0.5 and cluster.step():
            pass
    cluster.run()
    cluster.close_all(folded(messages).accounts())
    return cluster


def assert_as_in_memory(cluster: Cluster, messages: list[Message]) -> None:
    lines, findings = oracle(messages)
    assert cluster.standing() == lines
    assert cluster.open_findings() == findings


def test_a_merge_puts_the_visit_of_the_old_patient_under_the_new_one() -> None:
    messages = [*of("SYN2"), merged("SYN2", "SYN1")]
    cluster = played(messages)
    assert_as_in_memory(cluster, messages)
    assert {line["patient_id"] for line in cluster.standing()["V1"]} == {"SYN1"}


def test_what_was_issued_under_the_old_patient_is_void_once_and_the_new_set_follows_it() -> None:
    messages = of("SYN2")
    cluster = played(messages)
    old = [line for line in cluster.published if line["action"] == "add"]
    cluster.send(merged("SYN2", "SYN1"))
    cluster.run()
    new = cluster.published[len(old) :]
    void = [line for line in new if line["action"] == "void"]
    added = [line for line in new if line["action"] == "add"]
    assert sorted(line["claim_line_id"] for line in void) == sorted(line["claim_line_id"] for line in old)
    assert {line["patient_id"] for line in void} == {"SYN2"}
    assert {line["patient_id"] for line in added} == {"SYN1"}
    assert {line["supersedes"] for line in void} == {old[0]["claim_set_id"]}
    assert {line["supersedes"] for line in added} == {void[0]["claim_set_id"]}
    assert old[0]["claim_set_version"] < void[0]["claim_set_version"] < added[0]["claim_set_version"]
    assert_as_in_memory(cluster, [*messages, merged("SYN2", "SYN1")])


def test_a_message_under_the_old_patient_after_the_merge_belongs_to_the_new_one() -> None:
    late = under(given("O2", "11:00", "12:30", drug="ondansetron"), "SYN2", "V1")
    messages = [*of("SYN2"), merged("SYN2", "SYN1"), late]
    cluster = played(messages)
    assert_as_in_memory(cluster, messages)
    assert {one for line in cluster.standing()["V1"] for one in line["administration_ids"]} == {"O1:1", "O2:1"}


def test_an_account_merge_empties_the_old_account() -> None:
    messages = [
        *of("SYN1", "V1", "O1"),
        *of("SYN1", "V2", "O2", "11:00", "12:00"),
        merged("SYN1", "SYN1", scope="account", old_id="V1", new_id="V2"),
    ]
    cluster = played(messages[:-1])
    assert set(cluster.standing()) == {"V1", "V2"}
    cluster.send(messages[-1])
    cluster.run()
    assert set(cluster.standing()) == {"V2"}
    assert_as_in_memory(cluster, messages)


def test_an_account_that_moves_to_another_patient_takes_its_charges_along() -> None:
    messages = [*of("SYN2"), *of("SYN2", "V2", "O2"), merged("SYN2", "SYN1", scope="account", old_id="V1")]
    cluster = played(messages)
    assert {line["patient_id"] for line in cluster.standing()["V1"]} == {"SYN1"}
    assert {line["patient_id"] for line in cluster.standing()["V2"]} == {"SYN2"}
    assert_as_in_memory(cluster, messages)


def test_merges_that_go_in_a_circle_are_a_finding() -> None:
    messages = [*of("SYN1"), merged("SYN1", "SYN2", "12:00"), merged("SYN2", "SYN1", "13:00")]
    cluster = played(messages)
    assert {line["patient_id"] for line in cluster.standing()["V1"]} == {"SYN1"}
    assert "MERGE_CIRCLE" in {finding["kind"] for finding in cluster.findings if finding["resolved_at"] is None}
    assert_as_in_memory(cluster, messages)


def test_a_merge_that_a_later_one_contradicts_gives_the_visit_to_the_later() -> None:
    messages = [*of("SYN1"), merged("SYN1", "SYN2", "12:00"), merged("SYN1", "SYN4", "13:00")]
    cluster = played(messages)
    assert {line["patient_id"] for line in cluster.standing()["V1"]} == {"SYN4"}
    assert "MERGE_CONFLICT" in {finding["kind"] for finding in cluster.findings if finding["resolved_at"] is None}
    assert_as_in_memory(cluster, messages)


def test_a_command_for_an_old_identity_is_done_under_the_new_one() -> None:
    messages = [*of("SYN2"), merged("SYN2", "SYN1")]
    cluster = Cluster(4, random.Random(0))
    for one in messages:
        cluster.send(one)
    cluster.run()
    cluster.close_all(folded(of("SYN2")).accounts())
    assert {line["patient_id"] for line in cluster.standing()["V1"]} == {"SYN1"}
    assert cluster.dead == []


VISITS = ("V1", "V2")
SCENE = st.lists(
    st.one_of(
        st.builds(lambda p, v, n: of(p, v, f"O{n}", f"{9 + n:02d}:00", f"{10 + n:02d}:10"),
                  st.sampled_from(PATIENTS), st.sampled_from(VISITS), st.integers(0, 4)),
        st.builds(lambda p, v, n: [under(started(f"O{n}", at=f"{9 + n:02d}:00", drug=f"drug O{n}"), p, v)],
                  st.sampled_from(PATIENTS), st.sampled_from(VISITS), st.integers(0, 4)),
        st.builds(lambda p, v, n: [under(voided(f"O{n}", at=f"{9 + n:02d}:00", drug=f"drug O{n}"), p, v)],
                  st.sampled_from(PATIENTS), st.sampled_from(VISITS), st.integers(0, 4)),
        st.builds(lambda a, b, h: [merged(a, b, f"{12 + h}:00")],
                  st.sampled_from(PATIENTS), st.sampled_from(PATIENTS), st.integers(0, 5)),
        st.builds(lambda a, b, v, w, h: [merged(a, b, f"{12 + h}:00", scope="visit", old_id=v, new_id=w)],
                  st.sampled_from(PATIENTS), st.sampled_from(PATIENTS), st.sampled_from(VISITS),
                  st.sampled_from((*VISITS, "")), st.integers(0, 5)),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


def with_numbers_of_their_own(scene: list[list[Message]]) -> list[Message]:
    """The messages, without visits that ever share their number with another: a number is one encounter's."""
    merges = folded(one for part in scene for one in part).merges
    owners: dict[str, Who] = {}
    kept = []
    for part in scene:
        named = {who: merges.resolve(who) for one in part if one.visit.id for who in [encounter_of(one)]}
        numbers = {passed.encounter_id: home for who, home in named.items() for passed in passed_by(merges, who)}
        if all(owners.get(number, home) == home for number, home in numbers.items()):
            owners |= numbers
            kept += part
    return kept


def passed_by(merges: Merges, who: Who) -> set[Who]:
    """Whatever an identity may be called while some of the merges are known."""
    found, to_look_at = {who}, [who]
    while to_look_at:
        at = to_look_at.pop()
        for merge in merges.among([at.patient]):
            if merge.old in (at, Who(at.patient, "")) and merge.moved(at) not in found:
                found.add(merge.moved(at))
                to_look_at.append(merge.moved(at))
    return found


@for_all(
    scene=SCENE, seed=st.integers(0, 10_000), again=st.integers(0, 4), crashes=st.integers(0, 4), early=st.booleans()
)
@hypothesis_settings(max_examples=150, deadline=None)
def test_any_order_repetition_batching_and_crash_ends_in_the_claims_of_the_same_messages_in_memory(
    scene: list[list[Message]], seed: int, again: int, crashes: int, early: bool
) -> None:
    messages = with_numbers_of_their_own(scene)
    chance = random.Random(seed)
    sent = messages + [chance.choice(messages) for _ in range(again)]
    chance.shuffle(sent)
    cluster = played(sent, seed, crashes, early=early)
    assert_as_in_memory(cluster, messages)
    assert_each_version_takes_back_the_one_before(cluster.published, is_calm=not crashes)
