"""Applying batches: one fact a message, counted once, closed when due, and a worker that starts anew knows it all."""

import random
from collections.abc import Iterable
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from hl7_parsers import MissingPatient, UnsupportedMessage
from hl7_parsers.events import Action, DrugDispensed, Message
from streams import records
from streams.apply import Applier, Inbound, Rules
from streams.assemble import Site
from streams.close import Patience, Standing
from streams.embedded.records import Record
from streams.identity import Who
from streams.partition import Partition
from streams.records import ClosedEncounter, Command
from streams.sending import Sender
from streams.settings import load_settings
from streams.shelf import ShelfFailed
from streams.topics import topics_of
from tests.streams.build import closed, given, message, opened, reopened, started
from tests.streams.cluster import under

TOPICS = topics_of(load_settings(environment={})[0])
PATIENCE = Patience.of(timedelta(hours=4), timedelta(hours=24), timedelta(days=30))
HOUR = 3600.0


def parse(raw: bytes) -> Message:
    """Messages travel as their own JSON here; what cannot be read raises as a reader does."""
    if raw.startswith(b"{"):
        return msgspec.json.decode(raw, type=Message)
    if raw == b"SIU":
        raise UnsupportedMessage("TYPE_NOT_CODED", "MSH-9", "nothing to do")
    if raw == b"poison":
        raise ZeroDivisionError("a fault of ours")
    raise MissingPatient("NO_PATIENT", "PID-3", "send a patient id")


RULES = Rules(parse, Site(), PATIENCE)


def applier() -> Applier:
    return Applier(TOPICS, RULES)


class Feed:
    """Gives messages offsets, as a partition does."""

    def __init__(self) -> None:
        self.offset = 0

    def put(self, value: Message | bytes | Command, received: float = 0.0) -> Inbound:
        raw = value if isinstance(value, bytes) else records.encode(value)
        topic = TOPICS.commands if isinstance(value, Command) else TOPICS.inbound
        inbound = Inbound(topic, 0, self.offset, b"SYNTH|SYN1", raw, received)
        self.offset += topic == TOPICS.inbound
        return inbound


def sent_on(out: list[Record]) -> list[ClosedEncounter]:
    return [records.decode_closed(record.value or b"") for record in out if record.topic == TOPICS.closed]


def changelog(out: list[Record]) -> list[Record]:
    return [record for record in out if record.topic == TOPICS.facts_changelog]


def test_a_message_is_one_fact_and_the_tally_comes_last() -> None:
    work, feed = applier(), Feed()
    out, counts = work.apply([feed.put(started("O1"))], now=0)
    fact, tally = changelog(out)
    assert tally.key == records.TALLY_KEY
    assert b"SYN1\x1fV1\x1f" in (fact.key or b"")
    assert counts.outcomes == {("applied", ""): 1}
    assert records.decode_tally(tally.value or b"").received == 1


def test_the_same_message_again_is_a_duplicate_and_writes_no_fact() -> None:
    work, feed = applier(), Feed()
    one = started("O1")
    out, counts = work.apply([feed.put(one), feed.put(one)], now=0)
    assert len(changelog(out)) == 2
    assert counts.outcomes == {("applied", ""): 1, ("duplicate", ""): 1}


def test_every_message_is_counted_by_what_became_of_it() -> None:
    work, feed = applier(), Feed()
    out, _ = work.apply([feed.put(raw) for raw in (b"SIU", b"nobody", b"poison", records.encode(started("O1")))], now=0)
    tally = work.partition(0).tally
    assert tally.received == 4
    assert (tally.applied, tally.ignored) == (1, {"TYPE_NOT_CODED": 1})
    assert tally.dead == {"NO_PATIENT": 1, "INTERNAL_ZeroDivisionError": 1}
    dead = [record for record in out if record.topic == TOPICS.dead_letter]
    assert [dict(record.headers)["reason"] for record in dead] == [b"NO_PATIENT", b"INTERNAL_ZeroDivisionError"]
    assert dict(dead[0].headers) == {
        "reason": b"NO_PATIENT",
        "where": b"PID-3",
        "topic": TOPICS.inbound.encode(),
        "partition": b"0",
        "offset": b"1",
        "received_at": b"0.000",
    }
    assert dead[0].value == b"nobody"


def numbered(one: Message, control_id: str) -> Message:
    return msgspec.structs.replace(one, header=msgspec.structs.replace(one.header, control_id=control_id))


def breaks_on(monkeypatch: pytest.MonkeyPatch, cls: type, method: str, control_id: str, wrong: Exception) -> None:
    """The method raises, half done, when it is given a fact of this message."""
    whole = getattr(cls, method)

    def broken(self: object, fact: object) -> None:
        whole(self, fact)
        if isinstance(fact, records.MessageFact) and fact.message.header.control_id == control_id:
            raise wrong

    monkeypatch.setattr(cls, method, broken)


def test_a_message_that_cannot_be_kept_is_a_dead_letter_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work, feed = applier(), Feed()
    poison, sound = numbered(started("O1"), "POISON"), started("O2")
    breaks_on(monkeypatch, Standing, "take", "POISON", ZeroDivisionError("a fault of ours"))
    out, counts = work.apply([feed.put(poison), feed.put(sound)], now=0)
    assert counts.outcomes == {("dead", "INTERNAL_ZeroDivisionError"): 1, ("applied", ""): 1}
    (dead,) = [record for record in out if record.topic == TOPICS.dead_letter]
    assert dead.value == records.encode(poison)
    assert dict(dead.headers)["offset"] == b"0"
    assert len(changelog(out)) == 2
    (held,) = work.partition(0).encounters.values()
    assert len(held.facts) == held.standing.facts == 1


def test_an_encounter_that_cannot_be_sent_on_is_a_dead_letter_and_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work, feed = applier(), Feed()
    whole = Sender.settle

    def settle(self: Sender, number: int, partition: Partition, accounts: Iterable[Who], now: float) -> list[Record]:
        if [account.patient for account in accounts] == ["SYNTH|SYN1"]:
            raise ZeroDivisionError("a fault of ours")
        return whole(self, number, partition, accounts, now)

    monkeypatch.setattr(Sender, "settle", settle)
    sick = [given("O1", "09:00", "10:00"), closed("18:00")]
    well = [under(one, "SYN2", "V2") for one in (given("O1", "09:00", "10:00"), closed("18:00"))]
    work.apply([feed.put(one) for one in (*sick, *well)], now=0)
    commands = [Command("close", f"SYNTH|SYN{n}", f"V{n}", at=9 * HOUR) for n in (1, 2)]
    out, _ = work.apply([feed.put(command) for command in commands], now=9 * HOUR)
    assert [one.encounter.patient_id for one in sent_on(out)] == ["SYN2"]
    (dead,) = [record for record in out if record.topic == TOPICS.dead_letter]
    assert dead.value == records.encode(commands[0])
    assert dict(dead.headers)["reason"] == b"SETTLING_ZeroDivisionError"
    assert work.partition(0).tally.dead == {}


def test_a_disk_that_fails_under_the_facts_is_no_fault_of_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    work, feed = applier(), Feed()
    breaks_on(monkeypatch, Standing, "take", "C-DISK", ShelfFailed("cannot be read"))
    with pytest.raises(ShelfFailed):
        work.apply([feed.put(numbered(started("O1"), "C-DISK"))], now=0)


def test_what_was_handed_out_is_published_and_makes_no_encounter() -> None:
    work = Applier(TOPICS, Rules(parse, Site(), PATIENCE, publish_events=True))
    dispensed = message(DrugDispensed(placer="O1", sub_id="1"), kind="RDS^O13")
    out, counts = work.apply([Feed().put(dispensed)], now=0)
    assert counts.outcomes == {("ignored", "SUPPLY_ONLY"): 1}
    assert [record.key for record in out if record.topic == TOPICS.events] == [b"SYNTH|SYN1"]
    assert work.partition(0).encounters == {}


def test_a_message_read_again_after_a_crash_is_counted_once() -> None:
    first, feed = applier(), Feed()
    inbound = [feed.put(started("O1")), feed.put(b"SIU")]
    out, _ = first.apply(inbound, now=0)
    second = applier()
    for record in changelog(out):
        second.restore(0, record.key or b"", record.value or b"")
    second.apply(inbound, now=0)
    assert second.partition(0).tally == first.partition(0).tally


def test_a_discharged_encounter_closes_after_its_grace_and_not_before() -> None:
    work, feed = applier(), Feed()
    work.apply([feed.put(given("O1")), feed.put(closed(), received=10 * HOUR)], now=10 * HOUR)
    assert work.due_commands(0, 13.9 * HOUR) == []
    (command,) = work.due_commands(0, 14 * HOUR)
    assert (command.command, command.encounter_id, command.cause) == ("close", "V1", "discharge")
    out, counts = work.apply([feed.put(command)], now=14 * HOUR)
    (made,) = sent_on(out)
    assert (made.version, made.cause, len(made.encounter.administrations)) == (3, "discharge", 1)
    assert counts.closings == {"discharge": 1}
    assert work.due_commands(0, 1e9) == []


def test_a_close_command_that_is_never_delivered_is_sent_again() -> None:
    work, feed = applier(), Feed()
    work.apply([feed.put(given("O1")), feed.put(closed())], now=0)
    assert len(work.due_commands(0, 5 * HOUR)) == 1
    assert work.due_commands(0, 5 * HOUR + 59) == []
    assert len(work.due_commands(0, 5 * HOUR + 60)) == 1


def test_a_close_command_read_twice_closes_once() -> None:
    work, feed = applier(), Feed()
    work.apply([feed.put(given("O1")), feed.put(closed())], now=0)
    (command,) = work.due_commands(0, 5 * HOUR)
    out, _ = work.apply([feed.put(command), feed.put(command)], now=5 * HOUR)
    assert len(sent_on(out)) == 1


def test_a_timers_close_is_looked_at_again_when_news_came_after_it_was_sent() -> None:
    work, feed = applier(), Feed()
    work.apply([feed.put(given("O1")), feed.put(closed(at="18:00"))], now=0)
    (command,) = work.due_commands(0, 5 * HOUR)
    out, _ = work.apply([feed.put(reopened(at="19:00"), received=5 * HOUR), feed.put(command)], now=5 * HOUR)
    assert sent_on(out) == []


def test_late_news_sends_the_encounter_on_again_with_a_higher_version() -> None:
    work, feed = applier(), Feed()
    work.apply([feed.put(started("O1")), feed.put(closed())], now=0)
    (command,) = work.due_commands(0, 5 * HOUR)
    (before,) = sent_on(work.apply([feed.put(command)], now=5 * HOUR)[0])
    late = given("O1", "09:00", "10:00", action=Action.UPDATE, charted="20:00")
    (after,) = sent_on(work.apply([feed.put(late)], now=6 * HOUR)[0])
    assert (before.version, after.version) == (3, 4)
    assert after.encounter.administrations[0].runs[0].stop is not None


def test_a_quiet_encounter_with_an_infusion_running_is_not_closed() -> None:
    work, feed = applier(), Feed()
    work.apply([feed.put(started("O1"))], now=0)
    (command,) = work.due_commands(0, 25 * HOUR)
    out, _ = work.apply([feed.put(command)], now=25 * HOUR)
    assert sent_on(out) == []
    assert work.due_commands(0, 26 * HOUR) == []
    assert len(work.due_commands(0, 50 * HOUR)) == 1


def test_an_encounter_that_runs_for_ever_closes_at_the_maximal_age() -> None:
    work, feed = applier(), Feed()
    work.apply([feed.put(started("O1"))], now=0)
    causes, now = [], 0.0
    while now < 32 * 24 * HOUR and not causes:
        now += HOUR
        for command in work.due_commands(0, now):
            causes += [made.cause for made in sent_on(work.apply([feed.put(command)], now=now)[0])]
    assert causes == ["age"]
    assert 30 * 24 * HOUR <= now <= 32 * 24 * HOUR


def test_a_persons_command_closes_at_once() -> None:
    work, feed = applier(), Feed()
    work.apply([feed.put(started("O1"))], now=0)
    out, _ = work.apply([feed.put(Command("close", "SYNTH|SYN1", "V1"))], now=1)
    assert [made.cause for made in sent_on(out)] == ["command"]


def test_a_command_for_nobody_is_a_dead_letter() -> None:
    work, feed = applier(), Feed()
    out, _ = work.apply([feed.put(Command("close", "SYNTH|SYN9", "V9"))], now=1)
    assert [dict(record.headers)["reason"] for record in out] == [b"UNKNOWN_ENCOUNTER"]


def test_a_message_without_events_is_ignored_and_says_why() -> None:
    work, feed = applier(), Feed()
    _, counts = work.apply([feed.put(message(kind="ADT^A31"))], now=0)
    assert counts.outcomes == {("ignored", "NOTHING_TO_CODE"): 1}


def test_messages_that_were_not_delivered_are_noticed_once_and_passed_when_they_are_not_there() -> None:
    work, feed = applier(), Feed()
    first, lost, third = (feed.put(started(f"O{n}")) for n in range(3))
    assert work.skipped([first]) == ([], [])
    work.apply([first], now=0)
    (note,), (error,) = work.skipped([third])
    assert str(error).startswith("hl7.inbound[0]: offset 2 was delivered where 1 was due")
    again = applier()
    again.restore(0, note.key or b"", note.value or b"")
    assert again.skipped([lost, third]) == ([], [])  # the restart has brought it
    assert again.skipped([third]) == ([], [])  # or there is nothing to bring
    assert work.partition(0).tally.next_offset == 1


HISTORY = [
    opened("08:00"),
    started("O1", at="09:00"),
    given("O1", "09:00", "10:00", action=Action.UPDATE),
    given("O2", "10:00", "11:00", drug="ondansetron"),
    closed("18:00"),
]


def final(values: list[Message], sizes: list[int]) -> ClosedEncounter:
    """What the last close gives after these messages in batches of these sizes."""
    work, feed = applier(), Feed()
    inbound = [feed.put(value) for value in values]
    for size in sizes:
        work.apply(inbound[:size], now=0)
        inbound = inbound[size:]
    work.apply(inbound, now=0)
    return sent_on(work.apply([feed.put(Command("close", "SYNTH|SYN1", "V1"))], now=0)[0])[-1]


@for_all(
    order=st.permutations(range(len(HISTORY))),
    again=st.lists(st.integers(0, len(HISTORY) - 1), max_size=6),
    sizes=st.lists(st.integers(0, 4), max_size=4),
)
def test_any_order_any_repetition_any_batches_give_the_same_encounter(
    order: list[int], again: list[int], sizes: list[int]
) -> None:
    expected = final(HISTORY, [])
    assert final([HISTORY[n] for n in [*order, *again]], sizes) == expected


@for_all(seed=st.integers(0, 10_000), crash=st.integers(0, 4))
def test_a_worker_that_recovers_from_the_changelog_closes_the_same_encounter(seed: int, crash: int) -> None:
    values = random.Random(seed).sample(HISTORY, len(HISTORY))
    first, feed = applier(), Feed()
    inbound = [feed.put(value) for value in values]
    out, _ = first.apply(inbound[:crash], now=0)
    second = applier()
    kept = changelog(out)
    random.Random(seed).shuffle(kept)
    for record in kept:
        second.restore(0, record.key or b"", record.value or b"")
    second.index_due(0)
    second.apply(inbound, now=0)  # everything again: nothing had been acknowledged
    (made,) = sent_on(second.apply([feed.put(Command("close", "SYNTH|SYN1", "V1"))], now=0)[0])
    assert made == final(HISTORY, [])
    assert second.partition(0).tally.received == len(HISTORY)
