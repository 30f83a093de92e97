"""A short form of `python -m tests.faults --only listener`, and that its judge sees what is wrong."""

from pathlib import Path

import pytest

from tests.faults.listener import Sender, Verdict, judge, run
from tests.streams.brokers import Broker, EmbeddedBroker, KafkaBroker


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Broker:
    if request.param == "embedded":
        return EmbeddedBroker(tmp_path)
    address = request.getfixturevalue("kafka").address
    return KafkaBroker(address, request.getfixturevalue("topic_prefix"), tmp_path)


@pytest.mark.slow
def test_a_listener_killed_under_load_keeps_whatever_it_acknowledged(broker: Broker) -> None:
    verdict, figures = run(broker, seed=1, kills=3)
    assert verdict == Verdict(0, 0, 0, 0, 0)
    assert figures.acknowledged > 100
    assert figures.resent > 0, "nothing was on the way when the listener was killed"


def sender() -> Sender:
    texts = [b"one", b"two", b"three"]
    found = Sender(0, 1, order=list(texts), acknowledged=2)
    found.sent.update([*texts, b"two"])
    return found


@pytest.mark.parametrize(
    ("stored", "verdict"),
    [
        ([b"one", b"two"], Verdict(0, 0, 0, 0, 0)),
        ([b"one", b"two", b"two", b"three"], Verdict(0, 0, 0, 0, 0)),
        ([b"one", b"three"], Verdict(1, 0, 0, 0, 0)),
        ([b"one", b"two", b"tw"], Verdict(0, 1, 1, 0, 0)),
        ([b"one", b"one", b"two"], Verdict(0, 0, 1, 0, 0)),
        ([b"two", b"one"], Verdict(0, 0, 0, 1, 0)),
        ([b"two", b"one", b"two"], Verdict(0, 0, 0, 1, 0)),
    ],
)
def test_the_judge_sees_what_is_lost_foreign_doubled_or_out_of_order(stored: list[bytes], verdict: Verdict) -> None:
    assert judge([sender()], stored) == verdict
