"""`make faults`: days of the synthetic hospital with the worker killed in the middle, each compared with an oracle.

    python -m tests.faults [--runs 10] [--encounters 60] [--kills 3] [--only embedded|kafka]

Prints one row a run: messages, kills, lines that stand, lost, doubled, different. Exit 1 when any is not zero.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.demo.hospital_day import hospital_day
from tests.servers.kafka import KafkaServer
from tests.streams.brokers import Broker, EmbeddedBroker, KafkaBroker
from tests.streams.play import Killer, Outcome, Play, oracle

_ROW = "{:<9} {:>4} {:>8} {:>5} {:>8} {:>6} {:>5} {:>7} {:>9} {:>8} {:>7}"


@dataclass(frozen=True)
class Verdict:
    """What a disturbed run got wrong."""

    lost: int  # lines the oracle has and the run has not; messages not on the topic, or that nothing accounts for
    doubled: int  # lines that stand twice
    different: int  # lines or findings the run has and the oracle has not


def judge(outcome: Outcome, expected: Outcome, messages: list[bytes], stored: list[bytes]) -> Verdict:
    made = [line["claim_line_id"] for lines in outcome.lines.values() for line in lines]
    meant = {line["claim_line_id"] for lines in expected.lines.values() for line in lines}
    # A message that the sender sent again, its answer having been late, is on the topic twice: a duplicate.
    missing = sum((Counter(messages) - Counter(stored)).values()) + abs(len(stored) - outcome.balance.received)
    return Verdict(
        lost=len(meant - set(made)) + missing,
        doubled=len(made) - len(set(made)),
        different=len(set(made) - meant) + len(outcome.findings ^ expected.findings),
    )


def run(broker: Broker, seed: int, encounters: int, kills: int) -> tuple[Verdict, tuple[int, int, int, int]]:
    """Verdict; messages, kills done, restarts of a worker that ended by itself, and lines of one run."""
    messages = [message.text for message in hospital_day(seed, encounters)]
    killer = Killer(seed, kills)
    play = Play(broker, messages, rate=len(messages) / (4.0 * kills), disturb=killer)
    outcome = play.run()
    expected = oracle(messages, broker.settings)
    lines = sum(len(of_encounter) for of_encounter in outcome.lines.values())
    stored = [value for _, _, value in broker.read(broker.topics.inbound)]
    return judge(outcome, expected, messages, stored), (len(messages), kills - killer.left, play.restarts, lines)


@contextmanager
def brokers(only: str) -> Iterator[list[str | KafkaServer]]:
    """The names of the back ends, Kafka as a running server."""
    kinds: list[str | KafkaServer] = ["embedded"] if only in ("", "embedded") else []
    if only == "embedded":
        yield kinds
        return
    with tempfile.TemporaryDirectory() as folder, KafkaServer(Path(folder)) as server:
        yield [*kinds, server]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--encounters", type=int, default=60)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--only", choices=["", "embedded", "kafka"], default="")
    options = parser.parse_args()
    print(
        _ROW.format(
            "broker",
            "seed",
            "messages",
            "kills",
            "restarts",
            "lines",
            "lost",
            "doubled",
            "different",
            "seconds",
            "verdict",
        )
    )
    failed = 0
    with brokers(options.only) as kinds:
        for kind in kinds:
            for seed in range(1, options.runs + 1):
                failed += not one(kind, seed, options)
    print(f"{failed} runs went wrong" if failed else "nothing lost, nothing doubled, nothing different")
    return 1 if failed else 0


def one(kind: str | KafkaServer, seed: int, options: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        broker: Broker
        if isinstance(kind, KafkaServer):
            name, broker = "kafka", KafkaBroker(kind.address, f"faults-{seed}-", Path(folder))
        else:
            name, broker = kind, EmbeddedBroker(Path(folder))
        began = time.monotonic()
        verdict, figures = run(broker, seed, options.encounters, options.kills)
        is_right = verdict == Verdict(0, 0, 0)
        print(
            _ROW.format(
                name, seed, *figures, verdict.lost, verdict.doubled, verdict.different,
                f"{time.monotonic() - began:.1f}", "ok" if is_right else "WRONG",
            ),
            flush=True,
        )  # fmt: skip
        return is_right


if __name__ == "__main__":
    sys.exit(main())
