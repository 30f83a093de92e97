"""HL7 in over MLLP, claim lines out, on both brokers, undisturbed and with the worker killed in the middle."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from streams.demo.hospital_day import balance, hospital_day
from tests.faults.processes import KillWorker, MoreWorkers
from tests.servers.kafka import KafkaServer
from tests.streams.brokers import Broker, KafkaBroker
from tests.streams.play import Outcome, Play, oracle, outcome_of

SEED = 7
pytestmark = pytest.mark.slow


def day(seed: int, encounters: int) -> list[bytes]:
    return [message.text for message in hospital_day(seed, encounters)]


def test_a_day_over_mllp_ends_in_the_claim_lines_that_the_same_messages_give_in_memory(broker: Broker) -> None:
    sent = hospital_day(SEED, 60)
    messages = [message.text for message in sent]
    play = Play(broker, messages)
    outcome = play.run()
    expected = oracle(messages, broker.settings)
    assert outcome.lines == expected.lines
    assert outcome.findings == expected.findings
    assert broker.read(broker.topics.open)  # looked at while they were open, and nothing came of it
    assert play.restarts == 0
    assert play.report is not None
    assert play.report.answered == len(messages)
    again = play.report.resends  # a late answer has a message sent again; it is a duplicate then
    assert len(broker.read(broker.topics.inbound)) == outcome.balance.received == len(messages) + again
    fates = balance(sent)
    assert outcome.balance.applied == fates["applied"]
    assert outcome.balance.duplicate == fates["duplicate"] + again
    assert sum(outcome.balance.dead.values()) == fates["dead"] == len(broker.read(broker.topics.dead_letter))
    assert sum(outcome.balance.ignored.values()) == fates["ignored"]


def test_a_worker_killed_again_and_again_loses_and_doubles_nothing(broker: Broker) -> None:
    messages = day(SEED, 60)
    kills = KillWorker(Random(SEED), times=3)
    outcome = Play(broker, messages, rate=60.0, faults=[kills]).run()
    assert kills.struck == 3
    assert_whole(broker, messages, outcome)


@pytest.mark.kafka
def test_a_second_worker_that_comes_and_goes_changes_nothing(
    kafka: KafkaServer, topic_prefix: str, tmp_path: Path
) -> None:
    broker = KafkaBroker(kafka.address, topic_prefix, tmp_path)
    messages = day(SEED, 60)
    guest = MoreWorkers(Random(SEED), times=2)
    outcome = Play(broker, messages, rate=len(messages) / 16, faults=[guest]).run()
    assert guest.struck == 2
    assert_whole(broker, messages, outcome)


def assert_whole(broker: Broker, messages: list[bytes], outcome: Outcome) -> None:
    """Nothing lost, nothing doubled, nothing different from the oracle, every message accounted for."""
    expected = oracle(messages, broker.settings)
    assert outcome.lines == expected.lines
    assert outcome.findings == expected.findings
    stored = [value for _, _, value in broker.read(broker.topics.inbound)]
    assert len(stored) == outcome.balance.received
    assert not Counter(messages) - Counter(stored)
    assert outcome_of(broker) == outcome
