"""`make faults`: days of the synthetic hospital with the worker killed in the middle, each compared with an oracle; and
the listener killed under load, what it acknowledged compared with what lies on the topic.

    python -m tests.faults [--runs 10] [--encounters 60] [--kills 3] [--only embedded|kafka|listener]

Prints one row a run: of the worker messages, kills, lines that stand, lost, doubled, different; of the listener
messages acknowledged, kills, sent again, copies, lost, foreign, surplus copies, out of order, answered wrongly.
Exit 1 when a run went wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from streams.demo.hospital_day import hospital_day
from tests.faults import listener
from tests.servers.kafka import KafkaServer
from tests.streams.brokers import Broker, EmbeddedBroker, KafkaBroker
from tests.streams.play import Killer, Outcome, Play, oracle

_COLUMNS = (
    "broker", "seed", "messages", "kills", "restarts", "lines", "lost", "doubled", "different", "seconds", "verdict",
)  # fmt: skip
_ROW = "{:<9} {:>4} {:>8} {:>5} {:>8} {:>6} {:>5} {:>7} {:>9} {:>8} {:>7}"
_LISTENER_COLUMNS = (
    "listener", "seed", "acknowledged", "kills", "resent", "copies", "lost", "foreign", "surplus", "disordered",
    "misanswered", "seconds", "verdict",
)  # fmt: skip
_LISTENER_ROW = "{:<9} {:>4} {:>12} {:>5} {:>6} {:>6} {:>5} {:>7} {:>7} {:>10} {:>11} {:>8} {:>7}"


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
    kinds: list[str | KafkaServer] = [] if only == "kafka" else ["embedded"]
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
    parser.add_argument("--only", choices=["", "embedded", "kafka", "listener"], default="")
    options = parser.parse_args()
    failed = 0
    with brokers(options.only) as kinds:
        if options.only != "listener":
            print(_ROW.format(*_COLUMNS))
            failed += sum(not one(kind, seed, options) for kind in kinds for seed in range(1, options.runs + 1))
        if options.only in ("", "listener"):
            print(_LISTENER_ROW.format(*_LISTENER_COLUMNS))
            failed += sum(
                not one_listener(kind, seed, options) for kind in kinds for seed in range(1, options.runs + 1)
            )
    print(f"{failed} runs went wrong" if failed else "nothing lost, nothing doubled, nothing different")
    return 1 if failed else 0


@contextmanager
def broker_of(kind: str | KafkaServer, prefix: str) -> Iterator[tuple[str, Broker]]:
    """A broker's name, and topics of their own on it."""
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(kind, KafkaServer):
            yield "kafka", KafkaBroker(kind.address, prefix, Path(folder))
        else:
            yield kind, EmbeddedBroker(Path(folder))


def one(kind: str | KafkaServer, seed: int, options: argparse.Namespace) -> bool:
    with broker_of(kind, f"faults-{seed}-") as (name, broker):
        began = time.monotonic()
        verdict, figures = run(broker, seed, options.encounters, options.kills)
        is_right = verdict == Verdict(0, 0, 0)
        _print(_ROW, name, seed, *figures, *astuple(verdict), began, is_right)
        return is_right


def one_listener(kind: str | KafkaServer, seed: int, options: argparse.Namespace) -> bool:
    with broker_of(kind, f"listener-{seed}-") as (name, broker):
        began = time.monotonic()
        verdict, figures = listener.run(broker, seed, options.kills)
        _print(_LISTENER_ROW, name, seed, *astuple(figures), *astuple(verdict), began, verdict.is_right)
        return verdict.is_right


def _print(row: str, *cells: object) -> None:
    *figures, began, is_right = cells
    assert isinstance(began, float)
    print(row.format(*figures, f"{time.monotonic() - began:.1f}", "ok" if is_right else "WRONG"), flush=True)


if __name__ == "__main__":
    sys.exit(main())
