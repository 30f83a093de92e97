"""A short form of `python -m tests.faults`, that its seeds are what they say, and that its judge sees what is wrong."""

from collections.abc import Iterator

import pytest

from streams.records import Tally
from tests.faults.__main__ import SEEDS, _seeds
from tests.faults.days import KINDS, worse_day
from tests.faults.field import KafkaLot
from tests.faults.mixes import ANYWHERE, BROKERS, EMBEDDED, FAULTS, KAFKA, ROUND, Mix, lacking, mix_of
from tests.faults.run import run
from tests.faults.verdict import Verdict, judge
from tests.streams.play import Outcome

ALL = _seeds(SEEDS)


@pytest.fixture(scope="module")
def kafkas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaLot]:
    with KafkaLot(tmp_path_factory.mktemp("kafkas")) as lot:
        yield lot


@pytest.mark.slow
@pytest.mark.parametrize(
    "mix",
    [
        Mix(101, EMBEDDED, ("disk-full", "sender-cut")),
        Mix(102, EMBEDDED, ("clock-step",)),
        pytest.param(Mix(103, KAFKA, ("broker-kill",)), marks=pytest.mark.kafka),
        pytest.param(Mix(104, KAFKA, ("worker-freeze+",)), marks=pytest.mark.kafka),
    ],
    ids=lambda mix: f"{mix.broker} {' '.join(mix.faults)}",
)
def test_a_disturbed_day_ends_in_the_oracles_claim_lines_and_findings(mix: Mix, kafkas: KafkaLot) -> None:
    if without := lacking(mix):
        pytest.skip(without)
    result = run(mix, encounters=20, kafkas=kafkas, seconds=6.0)
    assert result.verdict == Verdict(0, 0, 0, 0)
    assert result.strikes
    assert result.lines > 30


def test_there_are_fifty_seeds_that_name_every_fault_and_every_broker() -> None:
    mixes = [mix_of(seed) for seed in ALL]
    assert len(mixes) >= 50
    assert {mix.broker for mix in mixes} == set(BROKERS)
    assert {(mix.broker, mix.faults) for mix in mixes[:ROUND]} == {
        *((EMBEDDED, (name,)) for name in ANYWHERE),
        *((KAFKA, (name,)) for name in FAULTS),
    }
    assert all(len(mix.faults) > 1 for mix in mixes[ROUND:])
    assert mixes == [mix_of(seed) for seed in ALL]


@pytest.mark.parametrize("seed", [1, 2, 30, 60])
def test_a_day_of_the_suite_has_every_kind_of_trouble_and_is_the_same_each_time(seed: int) -> None:
    messages, troubles = worse_day(seed, 40)
    assert set(KINDS) == set(troubles)
    assert worse_day(seed, 40) == (messages, troubles)


LINES = [{"claim_line_id": "a", "units": 1}, {"claim_line_id": "b", "units": 2}]
RIGHT = Outcome({"V1": LINES}, {"F1"}, Tally(applied=2, dead={"NO_PATIENT": 1}))
MESSAGES = [b"one", b"two", b"three"]


@pytest.mark.parametrize(
    ("outcome", "stored", "verdict"),
    [
        (RIGHT, MESSAGES, Verdict(0, 0, 0, 0)),
        (RIGHT, MESSAGES[:2], Verdict(1, 0, 0, 0)),
        (Outcome({"V1": LINES[:1]}, {"F1"}, RIGHT.balance), MESSAGES, Verdict(1, 0, 1, 0)),
        (Outcome({"V1": [*LINES, LINES[0]]}, {"F1"}, RIGHT.balance), MESSAGES, Verdict(0, 1, 1, 0)),
        (Outcome({"V1": [LINES[0], {**LINES[1], "units": 3}]}, {"F1"}, RIGHT.balance), MESSAGES, Verdict(0, 0, 1, 0)),
        (Outcome({"V1": LINES, "V2": LINES[:1]}, {"F1"}, RIGHT.balance), MESSAGES, Verdict(0, 1, 1, 0)),
        (Outcome({"V1": LINES}, {"F2"}, RIGHT.balance), MESSAGES, Verdict(0, 0, 2, 0)),
        (Outcome({"V1": LINES}, {"F1"}, Tally(applied=1, duplicate=1, dead={"X": 1})), MESSAGES, Verdict(0, 0, 0, 2)),
    ],
)
def test_the_judge_sees_what_is_lost_doubled_different_or_uncounted(
    outcome: Outcome, stored: list[bytes], verdict: Verdict
) -> None:
    assert judge(outcome, RIGHT, MESSAGES, stored) == verdict
