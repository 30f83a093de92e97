"""Commands: what a person orders or says becomes a fact; what cannot be done is a dead letter with its reason."""

import random
from datetime import datetime

import pytest

from hl7_parsers.events import Message
from streams.claims import Line
from streams.records import Command
from tests.streams.build import clock, closed, given, opened, started
from tests.streams.cluster import Cluster, folded, under
from tests.streams.test_handing import merged

SAID = {"who": "SYN NURSE", "why": "read off the flow sheet"}


def at(text: str) -> datetime:
    return clock(text).at


def cluster(*messages: Message) -> Cluster:
    made = Cluster(2, random.Random(0))
    for one in messages:
        made.send(one)
    made.run()
    return made


def visit(*messages: Message) -> Cluster:
    """One closed visit of SYN1 with these messages."""
    made = cluster(opened("08:00"), *messages, closed("18:00"))
    made.close_all(folded([opened()]).accounts())
    return made


def order(made: Cluster, word: str, encounter: str = "V1", patient: str = "SYN1", **said: object) -> None:
    made.now += 60
    made.command(Command(word, f"SYNTH|{patient}", encounter, at=made.now, **said))  # type: ignore[arg-type]
    made.run()


def lines(made: Cluster, encounter: str = "V1") -> list[Line]:
    return made.standing().get(encounter, [])


def finding(made: Cluster, kind: str) -> Line:
    return [one for one in made.findings if one["kind"] == kind][-1]


def test_a_stop_that_a_person_supplies_makes_the_minutes_and_the_lines_say_so() -> None:
    made = visit(started("O1", at="09:00"))
    assert {line["status"] for line in lines(made)} == {"hold"}
    order(made, "document", administration_id="O1:1", stop=at("10:40"), **SAID)
    assert made.dead == []
    assert next((line["code"], line["status"], line["minutes"]) for line in lines(made)) == ("96365", "ready", 100)
    told = [one for line in lines(made) for one in line["reasons"] if one["rule"] == "STOP_FROM_PERSON"]
    assert len(told) == len(lines(made)) == 2
    assert told[0]["source"] == "said by SYN NURSE"
    assert finding(made, "NO_STOP")["resolved_at"] is not None


def test_the_last_stop_that_is_supplied_counts_and_a_charted_one_more_than_any() -> None:
    made = visit(started("O1", at="09:00"))
    order(made, "document", administration_id="O1:1", stop=at("10:40"), **SAID)
    order(made, "document", administration_id="O1:1", stop=at("10:00"), **SAID)
    assert [line["minutes"] for line in lines(made)] == [60]
    made.send(given("O1", "09:00", "09:45"))
    made.run()
    assert [line["minutes"] for line in lines(made)] == [45]
    assert "DOCUMENT_WITHOUT_TARGET" in {one["kind"] for one in made.findings if one["resolved_at"] is None}


def test_a_resolved_finding_is_closed_with_its_reason_and_the_line_is_ready() -> None:
    made = visit(given("O1", "09:00", "09:16"))
    edge = finding(made, "BOUNDARY_MINUTE")
    assert {line["status"] for line in lines(made)} == {"review"}
    order(made, "document", finding_id=edge["finding_id"], **SAID)
    assert {line["status"] for line in lines(made)} == {"ready"}
    settled = finding(made, "BOUNDARY_MINUTE")
    assert settled["resolved_at"] is not None
    assert settled["resolution"] == "read off the flow sheet (SYN NURSE)"
    assert "RESOLVED" in {one["rule"] for line in lines(made) for one in line["reasons"]}


def test_resolving_a_finding_that_holds_a_line_does_not_make_it_ready() -> None:
    made = visit(started("O1", at="09:00"))
    order(made, "document", finding_id=finding(made, "NO_STOP")["finding_id"], **SAID)
    assert {line["status"] for line in lines(made)} == {"hold"}


def test_a_reopened_encounter_keeps_its_set_until_it_closes_again() -> None:
    made = visit(given("O1", "09:00", "10:00"))
    order(made, "reopen", **SAID)
    before = len(made.published)
    made.send(given("O2", "11:00", "12:00", drug="ondansetron"))
    made.run()
    assert len(made.published) == before
    made.tick(made.now + 25 * 3600)
    assert {one for line in lines(made) for one in line["administration_ids"]} == {"O1:1", "O2:1"}


def test_a_recoded_encounter_that_comes_to_the_same_says_nothing() -> None:
    made = visit(given("O1", "09:00", "10:00"))
    before = len(made.published)
    order(made, "recode", **SAID)
    assert made.dead == []
    assert len(made.published) == before


@pytest.mark.parametrize(
    ("word", "said", "reason"),
    [
        ("divide", {}, "UNKNOWN_COMMAND"),
        ("close", {"encounter": "V9"}, "UNKNOWN_ENCOUNTER"),
        ("reopen", {"who": "", "why": "x"}, "WHO_AND_WHY_MISSING"),
        ("document", {}, "NOTHING_DOCUMENTED"),
        ("document", {"administration_id": "O9:1", "stop": at("10:00")}, "UNKNOWN_ADMINISTRATION"),
        ("document", {"administration_id": "O2:1", "stop": at("10:00")}, "STOP_IS_CHARTED"),
        ("document", {"administration_id": "O1:1", "stop": at("08:59")}, "STOP_BEFORE_START"),
        ("document", {"administration_id": "O1:1", "stop": at("10:00").replace(tzinfo=None)}, "STOP_WITHOUT_ZONE"),
        ("document", {"administration_id": "O1:1", "stop": at("10:00"), "finding_id": "x"}, "NOTHING_DOCUMENTED"),
    ],
)
def test_a_command_that_cannot_be_done_is_a_dead_letter(word: str, said: dict[str, object], reason: str) -> None:
    made = visit(started("O1", at="09:00"), given("O2", "09:00", "09:30", drug="ondansetron"))
    order(made, word, **{**SAID, **said})
    assert [why for why, _ in made.dead] == [reason]


def test_an_open_encounter_is_not_reopened_or_recoded() -> None:
    made = cluster(opened("08:00"))
    order(made, "reopen", **SAID)
    order(made, "recode", **SAID)
    assert [why for why, _ in made.dead] == ["ENCOUNTER_NOT_CLOSED", "ENCOUNTER_NOT_CLOSED"]


def test_what_was_documented_under_an_old_patient_holds_under_the_new_one() -> None:
    made = cluster(under(started("O1", at="09:00"), "SYN2", "V1"))
    order(made, "document", patient="SYN2", administration_id="O1:1", stop=at("10:40"), **SAID)
    made.send(merged("SYN2", "SYN1"))
    made.run()
    order(made, "close", patient="SYN2")
    assert made.dead == []
    assert next((line["patient_id"], line["minutes"]) for line in lines(made)) == ("SYN1", 100)


def test_a_command_that_is_read_twice_is_one_fact() -> None:
    made = visit(started("O1", at="09:00"))
    for _ in range(2):
        made.command(
            Command("document", "SYNTH|SYN1", "V1", at=9.0, administration_id="O1:1", stop=at("10:40"), **SAID)
        )
        made.run()
    assert made.dead == []
    versions = {line["claim_set_version"] for line in made.published if line["action"] == "add"}
    assert len(versions) == 2
