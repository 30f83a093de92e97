"""HL7 in over MLLP, claim lines out, on both brokers, undisturbed and with the worker killed in the middle."""

from collections import Counter

import pytest

from streams.demo.hospital_day import balance, hospital_day
from tests.streams.brokers import Broker
from tests.streams.play import Killer, Play, oracle, outcome_of

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
    killer = Killer(SEED, kills=3)
    play = Play(broker, messages, rate=60.0, disturb=killer)
    outcome = play.run()
    expected = oracle(messages, broker.settings)
    assert killer.left == 0, "the worker was not killed as often as meant"
    assert outcome.lines == expected.lines
    assert outcome.findings == expected.findings
    stored = [value for _, _, value in broker.read(broker.topics.inbound)]
    assert len(stored) == outcome.balance.received
    assert not Counter(messages) - Counter(stored)
    assert outcome_of(broker) == outcome
