"""The broker that a stream test runs on: the embedded file, then Apache Kafka by our consumer and by Faust's."""

from pathlib import Path

import pytest

from tests.streams.brokers import Broker, EmbeddedBroker, KafkaBroker


@pytest.fixture(
    params=["embedded", *(pytest.param(name, marks=pytest.mark.kafka) for name in ("kafka", "kafka-stock"))]
)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Broker:
    if request.param == "embedded":
        return EmbeddedBroker(tmp_path)
    kafka = request.getfixturevalue("kafka")
    transport = "stock" if request.param == "kafka-stock" else "own"
    return KafkaBroker(kafka.address, request.getfixturevalue("topic_prefix"), tmp_path, transport)
