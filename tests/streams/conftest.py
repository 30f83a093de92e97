"""The broker that a stream test runs on: the embedded file and Apache Kafka in turn."""

from pathlib import Path

import pytest

from tests.streams.brokers import Broker, EmbeddedBroker, KafkaBroker


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Broker:
    if request.param == "embedded":
        return EmbeddedBroker(tmp_path)
    kafka = request.getfixturevalue("kafka")
    return KafkaBroker(kafka.address, request.getfixturevalue("topic_prefix"), tmp_path)
