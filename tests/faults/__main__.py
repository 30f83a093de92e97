"""`make faults`: days of the synthetic hospital while things go wrong, each compared with an oracle; and the listener
killed under load, what it acknowledged compared with what lies on the topic.

    python -m tests.faults [--seeds 1-60] [--only embedded|kafka|kafka-stock|listener] [--fault NAME] [--keep FOLDER]

A seed chooses its broker, its day and its faults; the same number does so again. Prints one row a run. Exit 1 when
one went wrong.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

from tests.faults import listener
from tests.faults.field import KafkaLot
from tests.faults.mixes import BROKERS, EMBEDDED, FAULTS, KAFKA, Mix, alone, lacking, mix_of
from tests.faults.run import Result, run
from tests.streams.brokers import Broker, EmbeddedBroker, KafkaBroker

SEEDS = "1-60"
_COLUMNS = (
    "seed", "broker", "messages", "strikes", "restarts", "resent", "lines", "lost", "doubled", "different",
    "uncounted", "seconds", "verdict", "faults",
)  # fmt: skip
_ROW = "{:>4} {:<11} {:>8} {:>7} {:>8} {:>6} {:>5} {:>4} {:>7} {:>9} {:>9} {:>7} {:>7}  {}"
_LISTENER_COLUMNS = (
    "listener", "seed", "acknowledged", "kills", "resent", "copies", "lost", "foreign", "surplus", "disordered",
    "misanswered", "seconds", "verdict",
)  # fmt: skip
_LISTENER_ROW = "{:<9} {:>4} {:>12} {:>5} {:>6} {:>6} {:>4} {:>7} {:>7} {:>10} {:>11} {:>7} {:>7}"


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of every broker that is away, as is meant
    with tempfile.TemporaryDirectory(prefix="faults-kafka-") as folder, KafkaLot(Path(folder)) as kafkas:
        failed, ran, left_out = (0, 0, 0) if options.only == "listener" else _days(options, kafkas)
        if options.only in ("", "listener") and not options.fault:
            print(_LISTENER_ROW.format(*_LISTENER_COLUMNS))
            for kind in (EMBEDDED, KAFKA):
                for seed in range(1, options.listeners + 1):
                    ran += 1
                    failed += not _one_listener(kind, seed, kafkas)
    print(f"{ran} runs, {failed} of them wrong" + (f"; {left_out} left out" if left_out else ""))
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=_seeds, default=_seeds(SEEDS), metavar="A-B", help=f"default {SEEDS}")
    parser.add_argument("--only", choices=["", *BROKERS, "listener"], default="", help="one broker's seeds alone")
    parser.add_argument("--fault", choices=["", *FAULTS], default="", help="this fault alone, with each seed's day")
    parser.add_argument("--encounters", type=int, default=40)
    parser.add_argument("--listeners", type=int, default=5, help="runs of the listener under load, on each broker")
    parser.add_argument("--keep", type=Path, default=None, help="where to leave logs and files of a run gone wrong")
    return parser.parse_args()


def _seeds(text: str) -> Sequence[int]:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _days(options: argparse.Namespace, kafkas: KafkaLot) -> tuple[int, int, int]:
    """Runs gone wrong, runs, and seeds that this machine cannot run."""
    print(_ROW.format(*_COLUMNS))
    failed, ran, left_out = 0, 0, 0
    troubles: Counter[str] = Counter()
    for mix in _mixes(options):
        if without := lacking(mix):
            print(f"{mix.seed:>4} {mix.broker:<11} left out: {without}", flush=True)
            left_out += 1
            continue
        ran += 1
        try:
            result = run(mix, options.encounters, kafkas, keep=options.keep)
        except Exception:  # noqa: BLE001 - one run that breaks off must not take the others with it
            traceback.print_exc()
            print(f"{mix.seed:>4} {mix.broker:<11} BROKE OFF  {', '.join(mix.faults)}", flush=True)
            failed += 1
            continue
        _print(result)
        failed += not result.verdict.is_right
        troubles += result.troubles
    print("in these days: " + ", ".join(f"{count} {kind}" for kind, count in troubles.most_common()))
    return failed, ran, left_out


def _mixes(options: argparse.Namespace) -> Iterator[Mix]:
    for seed in options.seeds:
        mix = alone(seed, options.fault, options.only) if options.fault else mix_of(seed)
        if options.only in ("", mix.broker):
            yield mix


def _print(result: Result) -> None:
    mix, verdict = result.mix, result.verdict
    figures = (result.messages, result.strikes, result.restarts, result.resent, result.lines)
    end = f"{result.seconds:.1f}", "ok" if verdict.is_right else "WRONG", " ".join(mix.faults)
    print(_ROW.format(mix.seed, mix.broker, *figures, *astuple(verdict), *end), flush=True)


@contextmanager
def _listener_broker(kind: str, seed: int, kafkas: KafkaLot) -> Iterator[Broker]:
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        if kind == EMBEDDED:
            yield EmbeddedBroker(Path(folder))
        else:
            yield KafkaBroker(kafkas.one().server.direct_address, f"listener-{seed}-", Path(folder))


def _one_listener(kind: str, seed: int, kafkas: KafkaLot) -> bool:
    began = time.monotonic()
    with _listener_broker(kind, seed, kafkas) as broker:
        verdict, figures = listener.run(broker, seed, kills=3)
    end = f"{time.monotonic() - began:.1f}", "ok" if verdict.is_right else "WRONG"
    print(_LISTENER_ROW.format(kind, seed, *astuple(figures), *astuple(verdict), *end), flush=True)
    return verdict.is_right


if __name__ == "__main__":
    sys.exit(main())
