"""Facts past their age on real brokers: deleted while the worker runs, and still gone for the one after it."""

import json
import subprocess
import sys

import pytest

from streams.demo.hospital_day import hospital_day
from streams.demo.stage import Stage
from streams.embedded.records import Record
from tests.streams.brokers import Broker
from tests.streams.play import Play, oracle, outcome_of
from tests.waiting import wait_for

pytestmark = pytest.mark.slow
SOON = {"DRIPCODE_REISSUE_UNTIL": "5s", "DRIPCODE_FACTS_KEPT": "6s"}


def facts_of_messages(broker: Broker) -> int:
    """How many there are when the changelog is compacted."""
    newest = {(partition, key): value for partition, key, value in broker.read(broker.topics.facts_changelog)}
    return sum(value.startswith(b'["message"') for value in newest.values())


def late_changes(broker: Broker) -> list[str]:
    found = [json.loads(value) for _, _, value in broker.read(broker.topics.worklist)]
    return [one["encounter_id"] for one in found if one["kind"] == "LATE_CHANGE"]


def test_facts_past_their_age_go_and_the_claims_that_they_made_stay(broker: Broker) -> None:
    messages = [sent.text for sent in hospital_day(7, 10)]

    def after_a_while(stage: Stage) -> None:
        wait_for(lambda: facts_of_messages(broker) == 0, "the facts are forgotten")
        before, late_before = outcome_of(broker), late_changes(broker)
        stage.kill("worker")
        stage.start_worker()
        stage.wait_ready()
        charted = [one for one in broker.read(broker.topics.inbound) if b"\rRXA|" in one[2] and b"|MAR0" in one[2]]
        partition, key, text = charted[0]
        for value in (text, text.replace(b"|MAR0", b"|MAR9")):  # again, and as another message
            broker.put(Record(broker.topics.inbound, key, value, partition=partition))
        wait_for(lambda: broker.lag() == 0, "nothing waits")
        wait_for(lambda: facts_of_messages(broker) == 0, "the facts are forgotten")
        after = outcome_of(broker)
        assert after.lines == before.lines
        assert after.balance.duplicate == before.balance.duplicate + 1
        assert after.balance.applied == before.balance.applied + 1
        assert len(late_changes(broker)) == len(late_before) + 1
        told = [sys.executable, "-m", "streams", "reconcile"]
        reconciled = subprocess.run(told, env=stage.variables(), capture_output=True, timeout=60, check=False)
        assert reconciled.returncode == 0, reconciled.stdout.decode()

    outcome = Play(broker, messages, environment=SOON, at_end=after_a_while).run()
    assert outcome.lines == oracle(messages, broker.settings).lines
