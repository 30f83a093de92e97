"""`dripcode dead-letters` as a person runs it, on both brokers; and with a worker, from the mend to the claim line."""

import asyncio
import json
import time
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.dead_letters import command
from streams.dead_letters import Origin, Why, dead_letter
from streams.demo.hospital_day import hospital_day
from streams.demo.stage import Stage
from streams.embedded.records import Record
from streams.mllp_client import send_all
from streams.provision import open_store, provision_kafka
from streams.records import Command, encode
from tests.streams.brokers import Broker, EmbeddedBroker, KafkaBroker
from tests.streams.gateway import message
from tests.streams.play import accounts, oracle, outcome_of
from tests.waiting import wait_for

SECRET = "SYNSECRET"
NO_PATIENT = message(1, pid=f"^^^{SECRET}")


def run(broker: Broker, *arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), env=dict(broker.environment))


def listed(broker: Broker, *arguments: str) -> list[dict[str, str]]:
    result = run(broker, "list", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Broker:
    """Without Faust's own transport on Kafka: what is looked at here does not know it."""
    if request.param == "embedded":
        return EmbeddedBroker(tmp_path)
    address = request.getfixturevalue("kafka").address
    return KafkaBroker(address, request.getfixturevalue("topic_prefix"), tmp_path)


def letter(broker: Broker, why: Why, offset: int, text: bytes) -> Record:
    origin = Origin(broker.topics.inbound, offset % 2, offset)
    return dead_letter(broker.topics.dead_letter, f"SYNTH|{SECRET}".encode(), text, origin, why)


@pytest.fixture
def filled(broker: Broker) -> Broker:
    """Three dead letters of one patient, two of them for the same reason."""
    if broker.settings.is_embedded:
        open_store(broker.settings).close()
    else:
        asyncio.run(provision_kafka(broker.settings))
    broker.put(letter(broker, Why("NO_PATIENT", "PID-3"), 4, NO_PATIENT))
    broker.put(letter(broker, Why("NO_PATIENT", "PID-3"), 5, message(2)))
    broker.put(letter(broker, Why("TWO_HEADERS", "MSH[2]"), 6, message(3) + message(4)))
    return broker


def test_the_list_tells_why_and_where_and_no_patient(filled: Broker) -> None:
    result = run(filled, "list")
    head, *rows = result.stdout.splitlines()
    assert head.split("  ")[0] == "letter"
    assert [row.split()[2:5] for row in rows] == [
        ["NO_PATIENT", "PID-3", f"{filled.topics.inbound}[0]@4"],
        ["NO_PATIENT", "PID-3", f"{filled.topics.inbound}[1]@5"],
        ["TWO_HEADERS", "MSH[2]", f"{filled.topics.inbound}[0]@6"],
    ]
    assert "3 dead letters, 3 open" in result.stderr
    assert SECRET not in result.output
    row = listed(filled)[1]
    assert (row["control id"], row["type"], row["sender"], row["state"]) == ("C2", "RAS^O17", "MAR|SYNTH", "open")


def test_conditions_choose(filled: Broker) -> None:
    for conditions, count in {
        "--reason NO_PATIENT": 2,
        "--topic hl7.inbound --partition 0": 2,
        "--offset 5": 1,
        "--reason NO_PATIENT --partition 1": 1,
        "--since 1h": 3,
        "--since 2999-01-01": 0,
        "--state replayed": 0,
        "--topic encounters.closed": 0,
    }.items():
        assert len(listed(filled, *conditions.split())) == count, conditions


def test_a_letter_is_shown_with_its_fault_and_its_content_only_on_demand(filled: Broker) -> None:
    [name] = [row["letter"] for row in listed(filled, "--offset", "4")]
    result = run(filled, "show", name)
    assert "reading it gives NO_PATIENT at PID-3: send the patient's id" in result.output
    assert SECRET not in result.output
    result = run(filled, "show", name, "--with-content")
    assert "patient data" in result.stderr
    assert f">   2  PID|1||^^^{SECRET}" in result.stdout
    assert "    1  MSH|" in result.stdout


def test_a_letter_that_is_not_there_is_exit_2(filled: Broker) -> None:
    result = run(filled, "show", "99@99")
    assert result.exit_code == 2
    assert "no dead letter '99@99'" in result.stderr


def test_a_dry_run_sends_nothing_and_says_what_reading_would_give(filled: Broker) -> None:
    result = run(filled, "replay", "--reason", "NO_PATIENT", "--dry-run")
    assert "2 would be sent again" in result.stdout
    assert "reading it gives NO_PATIENT" in result.stdout
    assert "it can be read" in result.stdout
    assert filled.read(filled.topics.inbound) == []


def test_a_letter_is_sent_again_once_and_once_more_only_on_demand(filled: Broker) -> None:
    assert "2 of 2 sent again" in run(filled, "replay", "--reason", "NO_PATIENT").stdout
    assert sorted(value for _, _, value in filled.read(filled.topics.inbound)) == sorted([NO_PATIENT, message(2)])
    assert Counter(row["state"] for row in listed(filled)) == {"sent": 2, "open": 1}
    result = run(filled, "replay", "--reason", "NO_PATIENT")
    assert "0 of 0 sent again" in result.stdout
    assert "2 were sent again before" in result.stderr
    [name] = [row["letter"] for row in listed(filled, "--offset", "5")]
    assert "--again sends it once more" in run(filled, "replay", name).stderr
    assert "1 of 1 sent again" in run(filled, "replay", name, "--again").stdout
    assert len(filled.read(filled.topics.inbound)) == 3


def test_a_mended_message_takes_the_place_of_the_letter(filled: Broker, tmp_path: Path) -> None:
    mended = tmp_path / "mended.hl7"
    mended.write_bytes(message(1).replace(b"\r", b"\n"))
    [name] = [row["letter"] for row in listed(filled, "--offset", "4")]
    assert run(filled, "replay", name, "--replace", str(mended)).exit_code == 0
    assert [(key, value) for _, key, value in filled.read(filled.topics.inbound)] == [(b"SYNTH|SYN1", message(1))]


def test_arguments_that_cannot_be_used_are_exit_2(filled: Broker) -> None:
    for arguments in (
        [],
        ["--all", "0@0"],
        ["--all", "--replace", "x.hl7"],
        ["0@0", "--replace", "absent.hl7"],
        ["--reason", "X", "--since", "soon"],
        ["9@9"],
    ):
        assert run(filled, "replay", *arguments).exit_code == 2, arguments
    assert filled.read(filled.topics.inbound) == []


# -- with the real processes


@pytest.mark.slow
def test_messages_of_a_sender_that_was_not_set_up_become_claim_lines_once_it_is(broker: Broker, tmp_path: Path) -> None:
    messages = [each.text for each in hospital_day(7, 8)]
    expected = oracle(messages, broker.settings)
    senders = tmp_path / "senders.toml"
    senders.write_text('[[sender]]\napplication = "SOMEBODY ELSE"\n')
    stage = Stage(
        broker.settings.data_dir,
        {
            **broker.environment,
            "DRIPCODE_SENDER_MAP": str(senders),
            "DRIPCODE_UNKNOWN_SENDERS": "dead-letter",
            "DRIPCODE_CLOSE_CHECK_EVERY": "200ms",
            "DRIPCODE_INSTANCE": "worker-1",
            "DRIPCODE_KAFKA_SESSION": "6s",
        },
    )
    try:
        stage.start_listener()
        stage.start_worker()
        stage.wait_ready()
        report = asyncio.run(send_all(messages, "127.0.0.1", stage.mllp_port))
        assert report.is_complete or report.refused  # the day has unreadable ones, which are answered with AE
        settle(broker)
        unknown = listed(broker, "--reason", "UNKNOWN_SENDER")
        assert len(unknown) > len(messages) / 2
        assert outcome_of(broker).lines == {}

        senders.write_text('[[sender]]\nprofile = "standard"\n')
        stage.kill("worker")
        stage.start_worker()
        stage.wait_ready()
        assert (
            f"{len(unknown)} of {len(unknown)} sent again" in run(broker, "replay", "--reason", "UNKNOWN_SENDER").output
        )
        settle(broker)
        now = time.time()
        for account in accounts(messages, broker.settings):
            close = Command("close", *account, at=now)
            broker.put(Record(broker.topics.commands, account.patient.encode(), encode(close)))
        settle(broker)
    finally:
        stage.stop()

    outcome = outcome_of(broker)
    assert outcome.lines == expected.lines != {}
    assert outcome.findings == expected.findings
    tally = outcome.balance
    assert tally.received == len(broker.read(broker.topics.inbound)) == len(messages) + report.resends + len(unknown)
    assert tally.replayed == len(unknown)
    assert tally.applied == expected.balance.applied
    assert sum(tally.dead.values()) == len(broker.read(broker.topics.dead_letter))
    rows = listed(broker, "--reason", "UNKNOWN_SENDER")
    again = [row for row in listed(broker) if int(row["tries"]) > 0]
    assert Counter(row["state"].partition(",")[0] for row in rows) == Counter(
        replayed=len(unknown) - len(again), failed=len(again)
    )
    assert "0 of 0 sent again" in run(broker, "replay", "--reason", "UNKNOWN_SENDER").output


def settle(broker: Broker) -> None:
    """Wait until nothing waits, twice in a row: one agent's work is the next one's."""
    wait_for(lambda: broker.lag() == 0, "the worker comes to an end")
    time.sleep(0.5)
    wait_for(lambda: broker.lag() == 0, "the worker comes to an end")
