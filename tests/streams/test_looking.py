"""Open encounters are looked at once they are quiet, once for each news, and never once they are closed."""

import random
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

import coding
from hl7_parsers.events import Action, Message
from streams import looking, records
from streams.apply import Applier, Inbound
from streams.close import Patience
from streams.embedded.records import Record
from streams.occasions import occasions_of
from streams.records import Command, OpenEncounter
from streams.settings import load_settings
from streams.site import rules_of
from tests.streams.build import closed, given, reopened, started
from tests.streams.cluster import Cluster, under
from tests.streams.test_apply import HOUR, PATIENCE, RULES, TOPICS, Feed, sent_on
from tests.streams.test_handing import merged
from tests.streams.test_series import infused, registered

MINUTE = 60.0
LOOKS = replace(RULES, patience=replace(PATIENCE, look_after=15 * MINUTE))
STOP = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)


class Ward:
    """A worker of one partition under a clock of ours."""

    def __init__(self, patience: Patience = LOOKS.patience) -> None:
        self.applier = Applier(TOPICS, replace(LOOKS, patience=patience))
        self.feed = Feed()
        self.out: list[Record] = []

    def take(self, now: float, *values: Message | Command) -> list[OpenEncounter]:
        """Apply these; the snapshots that come of it."""
        out, _ = self.applier.apply([self.feed.put(value, received=now) for value in values], now)
        self.out += out
        return seen(out)

    def tick(self, now: float) -> list[OpenEncounter]:
        """The timer at this time, and what comes of it."""
        return self.take(now, *self.applier.due_commands(0, now))

    def restarted(self) -> "Ward":
        again = Ward(self.applier.rules.patience)
        again.feed = self.feed
        for record in self.out:
            if record.topic == TOPICS.facts_changelog:
                again.applier.restore(0, record.key or b"", record.value)
        again.applier.index_due(0)
        return again


def seen(out: list[Record]) -> list[OpenEncounter]:
    return [records.decode_open(record.value or b"") for record in out if record.topic == TOPICS.open]


def test_an_open_encounter_is_looked_at_when_it_is_quiet_and_not_before_and_once_for_each_news() -> None:
    ward = Ward()
    assert ward.take(0, started("O1")) == []
    assert ward.tick(15 * MINUTE - 1) == []
    (first,) = ward.tick(15 * MINUTE)
    assert (first.version, first.encounter.encounter_id, first.at) == (1, "V1", 15 * MINUTE)
    assert [given.runs[0].stop for given in first.encounter.administrations] == [None]
    assert [ward.tick(now * MINUTE) for now in (16, 30, 60)] == [[], [], []]
    ward.take(60 * MINUTE, started("O2", at="09:30"))
    assert ward.tick(74 * MINUTE) == []
    (second,) = ward.tick(75 * MINUTE)
    assert (second.version, len(second.encounter.administrations)) == (2, 2)
    assert ward.tick(200 * MINUTE) == []
    assert sent_on(ward.out) == []


def test_news_puts_the_look_off() -> None:
    ward = Ward()
    for minute in (0, 10, 20):
        ward.take(minute * MINUTE, started(f"O{minute}"))
    assert ward.tick(34 * MINUTE) == []
    assert [one.version for one in ward.tick(35 * MINUTE)] == [3]


def test_a_message_that_comes_again_is_no_news() -> None:
    ward, one = Ward(), started("O1")
    ward.take(0, one)
    assert len(ward.tick(15 * MINUTE)) == 1
    ward.take(20 * MINUTE, one)
    assert ward.tick(60 * MINUTE) == []


def test_a_look_that_is_never_delivered_is_asked_for_again() -> None:
    ward = Ward()
    ward.take(0, started("O1"))
    for second in (0, 60, 120):
        (command,) = ward.applier.due_commands(0, 15 * MINUTE + second)
        assert (command.command, command.encounter_id) == ("look", "V1")
    assert ward.applier.due_commands(0, 15 * MINUTE + 121) == []


def test_a_closed_encounter_is_not_looked_at_and_one_opened_again_is() -> None:
    ward = Ward()
    ward.take(0, given("O1"), closed("18:00"))
    assert len(ward.tick(15 * MINUTE)) == 1
    assert ward.tick(4 * HOUR) == []
    (close,) = sent_on(ward.out)
    ward.take(5 * HOUR, given("O1", "09:00", "11:00", action=Action.UPDATE, charted="18:30"))  # late news
    assert ward.tick(6 * HOUR) == []
    ward.take(7 * HOUR, reopened("19:00"))
    (again,) = ward.tick(8 * HOUR)
    assert again.version > close.version
    assert again.after != ""


def test_what_is_due_to_close_closes_instead() -> None:
    ward = Ward(replace(LOOKS.patience, look_after=4 * HOUR))
    ward.take(0, given("O1"), closed("18:00"))
    assert ward.tick(4 * HOUR) == []
    assert len(sent_on(ward.out)) == 1
    late = Ward()  # both were due long ago: nobody looked
    late.take(0, given("O1"), closed("18:00"))
    assert late.tick(9 * HOUR) == []
    assert len(sent_on(late.out)) == 1


def test_what_runs_too_long_to_be_quiet_is_looked_at_though_it_could_close() -> None:
    ward = Ward()
    ward.take(0, started("O1"))
    assert len(ward.tick(25 * HOUR)) == 1
    assert sent_on(ward.out) == []


def test_a_worker_that_starts_anew_looks_once_at_each_open_encounter() -> None:
    ward = Ward()
    again = started("O1")
    ward.take(0, again, *(under(one, "SYN2", "V2") for one in (given("O1"), closed())))
    ward.take(0, Command("close", "SYNTH|SYN2", "V2"))
    assert [one.encounter.encounter_id for one in ward.tick(15 * MINUTE)] == ["V1"]
    new = ward.restarted()
    assert [one.encounter.encounter_id for one in new.tick(16 * MINUTE)] == ["V1"]
    new.take(17 * MINUTE, again)  # read again after the crash
    assert [new.tick(minute * MINUTE) for minute in (17, 40, 90)] == [[], [], []]


def test_it_can_be_turned_off() -> None:
    assert rules_of(load_settings(environment={})[0]).patience.look_after == 15 * MINUTE
    off = rules_of(load_settings(environment={"DRIPCODE_LOOK_AFTER": "0s"})[0]).patience
    ward = Ward(off)
    ward.take(0, started("O1"))
    assert ward.tick(2 * HOUR) == []
    administration = looking_at(ward)
    assert ward.take(3 * HOUR, documented(administration)) == []
    assert ward.take(4 * HOUR, merged("SYN1", "SYN2")) == []


def looking_at(ward: Ward) -> str:
    """The id of the only administration there."""
    partition = ward.applier.partition(0)
    (who,) = partition.encounters
    (one,) = occasions_of(partition, who, ward.applier.rules.site)
    (administration,) = one.encounter().administrations
    return administration.administration_id


def documented(administration: str) -> Command:
    return Command(
        "document", "SYNTH|SYN1", "V1", at=1.0, who="SYN", why="flow sheet", administration_id=administration, stop=STOP
    )


def test_a_stop_that_a_person_supplies_is_shown_at_once() -> None:
    ward = Ward()
    ward.take(0, started("O1"))
    (before,) = ward.tick(15 * MINUTE)
    (administration,) = before.encounter.administrations
    (after,) = ward.take(20 * MINUTE, documented(administration.administration_id))
    assert after.version > before.version
    assert after.encounter.administrations[0].runs[-1].stop == STOP
    assert [said.who for said in after.supplied] == ["SYN"]
    assert ward.tick(90 * MINUTE) == []


def test_what_goes_by_another_identity_is_taken_back_and_shown_there() -> None:
    ward = Ward()
    ward.take(0, under(started("O1"), "SYN2", "V1"))
    (before,) = ward.tick(15 * MINUTE)
    (void,) = ward.take(20 * MINUTE, merged("SYN2", "SYN1"))
    assert void.is_emptied
    assert (void.encounter.patient_id, void.encounter.encounter_id) == ("SYN2", "V1")
    assert void.version > before.version
    (after,) = ward.tick(40 * MINUTE)
    assert (after.encounter.patient_id, after.is_emptied) == ("SYN1", False)
    assert after.version >= void.version
    assert ward.tick(90 * MINUTE) == []


def test_in_another_partition_it_is_shown_there_alone() -> None:
    cluster = Cluster(4, random.Random(1))
    cluster.send(under(started("O1"), "SYN2", "V1"))
    cluster.run()
    cluster.tick(HOUR)
    cluster.send(merged("SYN2", "SYN1"))
    cluster.run()
    cluster.tick(2 * HOUR)
    found = [
        record for (topic, _), log in sorted(cluster.logs.items()) if topic == TOPICS.open for record in log.records
    ]
    newest = max(seen(found), key=lambda one: (one.version, not one.is_emptied))
    assert newest.encounter.patient_id == "SYN1"
    assert [one.is_emptied for one in seen(found) if one.encounter.patient_id == "SYN2"] == [False, True]


def test_each_open_date_of_a_series_is_looked_at_for_itself() -> None:
    ward = Ward()
    ward.take(0, registered(), infused("O1", "09:00", "10:00", 2), infused("O2", "09:00", "10:00", 3))
    found = ward.tick(15 * MINUTE)
    assert [(one.encounter.encounter_id, one.is_emptied) for one in found] == [
        ("ACC1", True),  # had it been looked at whole before
        ("ACC1@2026-03-02", False),
        ("ACC1@2026-03-03", False),
    ]
    ward.take(HOUR, Command("close", "SYNTH|SYN1", "ACC1@2026-03-02"))
    ward.take(HOUR, infused("O3", "11:00", "12:00", 3))
    assert [one.encounter.encounter_id for one in ward.tick(2 * HOUR) if not one.is_emptied] == ["ACC1@2026-03-03"]


def test_one_that_cannot_be_looked_at_is_a_dead_letter_and_is_left_until_there_is_news(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> OpenEncounter:
        raise ZeroDivisionError("a fault of ours")

    ward = Ward()
    ward.take(0, started("O1"))
    monkeypatch.setattr(looking, "_snapshot", broken)
    assert ward.tick(15 * MINUTE) == []
    dead = [dict(record.headers)["reason"] for record in ward.out if record.topic == TOPICS.dead_letter]
    assert dead == [b"SETTLING_ZeroDivisionError"]
    assert ward.applier.due_commands(0, HOUR) == []


@for_all(order=st.permutations(range(4)), sizes=st.lists(st.integers(1, 3), max_size=4))
def test_the_snapshot_is_the_encounter_whatever_the_order_and_the_batches(order: list[int], sizes: list[int]) -> None:
    history = [started("O1"), given("O2", "10:00", "11:00"), started("O3", at="12:00"), given("O4", "13:00", "14:00")]
    history = [msgspec.structs.replace(one, header=msgspec.structs.replace(one.header, control_id=f"C{n}"))
               for n, one in enumerate(history)]  # fmt: skip

    def looked_at(messages: list[Message], cuts: list[int]) -> coding.Encounter:
        ward, left = Ward(), list(messages)
        for cut in [*cuts, len(left)]:
            ward.take(0, *left[:cut])
            left = left[cut:]
        (found,) = ward.tick(15 * MINUTE)
        return found.encounter

    assert looked_at([history[n] for n in order], sizes) == looked_at(history, [])


def test_a_look_for_nobody_or_for_a_patient_of_another_partition_does_nothing() -> None:
    ward = Ward()
    assert ward.take(0, Command("look", "SYNTH|SYN9", "V9")) == []
    assert ward.out == []
    elsewhere = Applier(TOPICS, replace(LOOKS, owner=lambda _: 1))
    command = records.encode(Command("look", "SYNTH|SYN1", "V1"))
    assert elsewhere.apply([Inbound(TOPICS.commands, 0, 0, b"", command, 0.0)], 0.0)[0] == []
