"""`dripcode topics`: counts, lag and records, on both brokers."""

import asyncio

import pytest
from click.testing import CliRunner, Result

from streams.cli.topics import command
from streams.embedded.records import Record
from streams.provision import open_store, provision_kafka
from tests.streams.brokers import Broker


def run(broker: Broker, *arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), env=dict(broker.environment), catch_exceptions=False)


@pytest.fixture
def filled(broker: Broker) -> Broker:
    """A broker with its topics, two messages inbound and a claim line."""
    if broker.settings.is_embedded:
        open_store(broker.settings).close()
    else:
        asyncio.run(provision_kafka(broker.settings))
    broker.put(Record(broker.topics.inbound, b"SYNTH|SYN1", b"MSH|1\rPID|1\r"))
    broker.put(Record(broker.topics.inbound, b"SYNTH|SYN1", b"MSH|2\rPID|2\r"))
    broker.put(Record(broker.topics.claim_lines, b"V1", b'{"code":"96365"}'))
    return broker


def test_every_topic_is_listed_with_what_waits(filled: Broker) -> None:
    lines = {line.split()[0]: line.split()[1:] for line in run(filled).stdout.splitlines()}
    assert lines["hl7.inbound"] == ["2", "records", "2", "waiting"]
    assert lines["encounters.closed"] == ["0", "records", "0", "waiting"]
    assert lines["claim.lines"] == ["1", "records"]


def test_records_of_a_topic_are_printed_in_order(filled: Broker) -> None:
    assert run(filled, "claim.lines").stdout == '{"code":"96365"}\n'
    assert run(filled, "hl7.inbound").stdout == "MSH|1\nPID|1\nMSH|2\nPID|2\n"


def test_an_unknown_topic_names_those_there_are(filled: Broker) -> None:
    result = run(filled, "claims")
    assert result.exit_code == 2
    assert "claim.lines" in result.stderr
