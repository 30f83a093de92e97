"""Facts past their age are gone from table and changelog, and what they made stays as it is, whatever comes after."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given as for_all
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hl7_parsers.events import Message
from streams import records
from streams.apply import Applier
from streams.identity import Who
from streams.records import Command, MessageFact, Tally
from streams.settings import SettingsError, load_settings
from tests.streams.build import closed, given, opened, reopened
from tests.streams.cluster import TOPICS, Cluster, assert_each_version_takes_back_the_one_before, under
from tests.streams.test_apply import RULES, Feed
from tests.streams.test_commands import SAID
from tests.streams.test_handing import merged, of

DAY = 86400.0
KEPT = 730  # days: the default of facts_kept


def at(made: Cluster, day: float, *messages: Message) -> None:
    """These messages, received on that day; the timers look before and after."""
    made.tick(day * DAY)
    for one in messages:
        made.send(one)
    made.run()
    made.tick(day * DAY)


def forgotten(messages: Sequence[Message] = (), partitions: int = 2, crashes: int = 0, seed: int = 0) -> Cluster:
    """A visit of SYN1 that closed long ago."""
    made = Cluster(partitions, random.Random(seed), crashes)
    at(made, 0, *(messages or of("SYN1")))
    at(made, 1)
    at(made, KEPT + 2)
    return made


def changelog(made: Cluster) -> list[tuple[bytes, bytes]]:
    """The facts that a compacted changelog holds, by key; a partition's copy of another's facts is one more."""
    newest = {
        (number, record.key or b""): record.value
        for (topic, number), log in made.logs.items()
        if topic == TOPICS.facts_changelog
        for record in log.records
    }
    return [(key, value) for (_, key), value in newest.items() if value is not None and key != records.TALLY_KEY]


def messages_kept(made: Cluster, visit: str = "V1") -> int:
    of_visit = f"\x1f{visit}\x1f".encode()
    return sum(isinstance(records.decode_fact(value), MessageFact) for key, value in changelog(made) if of_visit in key)


def restart(made: Cluster) -> None:
    """New workers, recovered from the changelogs."""
    for number in range(made.partitions):
        made._start(number)


def balance(made: Cluster) -> Tally:
    total = Tally()
    for applier in made.appliers.values():
        for partition in applier.partitions.values():
            total.add(partition.tally)
    return total


def held(made: Cluster, who: Who) -> dict[int, list[bytes]]:
    """The ids of an identity's facts, by partition."""
    return {
        number: list(partition.encounters[who].facts)
        for applier in made.appliers.values()
        for number, partition in applier.partitions.items()
        if who in partition.encounters
    }


V1 = Who("SYNTH|SYN1", "V1")


@pytest.mark.parametrize("restarts", [False, True])
def test_facts_go_when_they_are_past_their_age_and_not_before(restarts: bool) -> None:
    made = Cluster(2, random.Random(0))
    at(made, 0, *of("SYN1"))
    at(made, 1)
    before = made.standing()
    if restarts:
        restart(made)
    at(made, KEPT)
    assert messages_kept(made) == 3
    at(made, KEPT + 1)
    assert messages_kept(made) == 0
    ((one,),) = held(made, V1).values()
    assert one.startswith(records.PAST_ID)
    ((_, left),) = changelog(made)
    assert len(left) < 400
    assert made.standing() == before
    assert made.dead == []


@pytest.mark.parametrize("restarts", [False, True])
def test_late_news_of_it_is_a_finding_and_no_claim(restarts: bool) -> None:
    made = forgotten()
    before, published = made.standing(), len(made.published)
    for day, order in ((1, "O2"), (2, "O3")):
        if restarts:
            restart(made)
        at(made, KEPT + 2 + day, given(order, "11:00", "12:00", drug="ondansetron"))
    assert made.standing() == before
    assert len(made.published) == published
    late = [finding for finding in made.findings if finding["kind"] == "LATE_CHANGE"]
    assert [{"O2:1", "O3:1"} & set(finding["administration_ids"]) for finding in late] == [{"O2:1"}, {"O3:1"}]
    assert messages_kept(made) == 0


@pytest.mark.parametrize("restarts", [False, True])
def test_a_message_that_comes_again_is_a_duplicate(restarts: bool) -> None:
    messages = of("SYN1")
    made = forgotten(messages)
    before, found, counted = made.standing(), len(made.findings), balance(made)
    if restarts:
        restart(made)
    at(made, KEPT + 3, *messages)
    assert (made.standing(), len(made.findings)) == (before, found)
    assert (balance(made).applied, balance(made).duplicate) == (counted.applied, counted.duplicate + 3)


def test_the_versions_of_its_claims_go_on_rising() -> None:
    made = forgotten()
    (partition,) = [held for a in made.appliers.values() for held in a.partitions.values() if V1 in held.encounters]
    assert partition.encounters[V1].standing.facts == 4  # three messages and the close
    at(made, KEPT + 3, given("O2", "11:00", "12:00"))
    assert partition.encounters[V1].standing.facts == 5
    assert partition.version(V1) == 5


def test_a_discharge_cancelled_after_years_does_not_issue_it_anew() -> None:
    made = forgotten()
    before = made.standing()
    at(made, KEPT + 3, reopened("19:00"))
    at(made, KEPT + 5)
    at(made, KEPT + 40)
    assert made.standing() == before
    assert messages_kept(made) == 0


@pytest.mark.parametrize("word", ["reopen", "recode", "document"])
def test_what_a_person_asks_of_it_cannot_be_done(word: str) -> None:
    made = forgotten()
    before = made.standing()
    made.command(Command(word, *V1, at=made.now, finding_id="F1" if word == "document" else "", **SAID))
    made.run()
    assert [why for why, _ in made.dead] == ["ENCOUNTER_PAST"]
    assert made.standing() == before


def test_an_encounter_that_was_opened_again_keeps_its_facts() -> None:
    made = Cluster(2, random.Random(0))
    at(made, 0, *of("SYN1"))
    at(made, 1)
    made.tick((KEPT - 0.5) * DAY)
    made.command(Command("reopen", *V1, at=made.now, **SAID))
    made.run()
    made.command(Command("forget", *V1, at=made.now + 9 * DAY))
    made.tick((KEPT + 0.4) * DAY)
    assert messages_kept(made) == 3


def test_what_is_new_in_the_batch_of_its_end_is_told_before_it_goes() -> None:
    worker = Applier(TOPICS, replace(RULES, patience=replace(RULES.patience, reissue_until=1.0, facts_kept=1.0)))
    feed, forget = Feed(), Command("forget", *V1)
    worker.apply([feed.put(given("O1")), feed.put(Command("close", *V1, at=1.0))], now=1.0)
    out, _ = worker.apply([feed.put(given("O2", "11:00", "12:00")), feed.put(forget)], now=9.0)
    assert [record.topic for record in out].count(TOPICS.closed) == 1
    assert [record for record in out if record.value is None] == []
    out, _ = worker.apply([feed.put(forget)], now=9.0)
    assert len([record for record in out if record.value is None]) == 3


def test_facts_whose_tombstones_were_not_written_go_at_the_next_look() -> None:
    made = forgotten()
    for (topic, _), log in made.logs.items():
        if topic == TOPICS.facts_changelog:
            log.records = [record for record in log.records if record.value is not None]
    assert messages_kept(made) == 3
    before, found = made.standing(), len(made.findings)
    restart(made)
    made.tick((KEPT + 3) * DAY)
    assert messages_kept(made) == 0
    assert (made.standing(), len(made.findings)) == (before, found)
    restart(made)
    (partition,) = [held for a in made.appliers.values() for held in a.partitions.values() if V1 in held.encounters]
    standing = partition.encounters[V1].standing
    assert (standing.facts, standing.messages, standing.past) == (4, 3, 3)


def test_facts_that_were_handed_on_go_in_both_partitions() -> None:
    """SYN1 and SYN2 are on different partitions."""
    messages = [*of("SYN2"), merged("SYN2", "SYN1")]
    made = Cluster(4, random.Random(0))
    at(made, 0, *messages)
    at(made, 1)
    before = made.standing()
    assert len(held(made, Who("SYNTH|SYN2", "V1"))) == 2
    at(made, KEPT + 2)
    assert messages_kept(made) == 0
    restart(made)
    at(made, KEPT + 3, *messages)
    assert made.standing() == before
    assert messages_kept(made) == 0


def test_a_merge_after_years_leaves_what_was_issued() -> None:
    made = forgotten(of("SYN2"), partitions=4)
    before, published = made.standing(), len(made.published)
    at(made, KEPT + 3, merged("SYN2", "SYN1"))
    at(made, KEPT + 4)
    assert made.standing() == before
    assert len(made.published) == published
    at(made, KEPT + 5, under(given("O9", "11:00", "12:00"), "SYN1", "V1"))
    assert made.standing() == before
    assert [one["kind"] for one in made.findings if one["kind"] == "LATE_CHANGE"] == ["LATE_CHANGE"]


def test_a_merge_when_nothing_is_issued_again_leaves_what_was_issued() -> None:
    made = Cluster(2, random.Random(0))
    at(made, 0, *of("SYN1"))
    at(made, 1)
    before = made.standing()
    at(made, 400, merged("SYN1", "SYN2"))
    assert made.standing() == before
    assert [finding["kind"] for finding in made.findings if finding["patient_id"] == "SYN2"] == ["LATE_CHANGE"]


def test_an_encounter_of_the_same_date_is_coded_without_what_is_gone() -> None:
    made = forgotten()
    late = len([one for one in made.findings if one["kind"] == "LATE_CHANGE"])
    at(made, KEPT + 3, *of("SYN1", "V2", "O5", "13:00", "14:00"))
    at(made, KEPT + 4)
    assert set(made.standing()) == {"V1", "V2"}
    assert len([one for one in made.findings if one["kind"] == "LATE_CHANGE"]) == late


NEWS = st.tuples(
    st.floats(KEPT - 5, KEPT + 40),
    st.sampled_from(
        [opened("08:00"), closed("18:00"), reopened("19:00"), given("O1", "09:00", "10:30", drug="drug O1"),
         given("O2", "11:00", "12:00"), closed("20:00")]
    ),
    st.sampled_from(["V1", "V2"]),
)  # fmt: skip


@for_all(news=st.lists(NEWS, max_size=6), seed=st.integers(0, 1000), crashes=st.integers(0, 4))
@hypothesis_settings(deadline=None, max_examples=60)
def test_whoever_is_killed_what_was_issued_stays_and_the_facts_go(
    news: list[tuple[float, Message, str]], seed: int, crashes: int
) -> None:
    made = Cluster(2, random.Random(seed))
    at(made, 0, *of("SYN1"))
    at(made, 1)
    before = made.standing()["V1"]
    made.crashes = crashes
    for day, one, visit in sorted(news, key=lambda each: each[0]):
        at(made, day, under(one, "SYN1", visit))
    for day in range(KEPT + 41, KEPT + 41 + 40):
        made.tick(day * DAY)
    assert made.standing()["V1"] == before
    assert messages_kept(made) == 0
    assert_each_version_takes_back_the_one_before(made.published, is_calm=not crashes)


def test_facts_are_kept_as_long_as_a_claim_may_be_issued_again() -> None:
    given_settings = {"DRIPCODE_FACTS_KEPT": "100d", "DRIPCODE_REISSUE_UNTIL": "101d"}
    with pytest.raises(SettingsError, match=r"'facts_kept' must be at least 'reissue_until'"):
        load_settings(environment=given_settings)
