"""One seed: its day through the real processes while its faults strike, and the oracle's judgement."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.faults.days import worse_day
from tests.faults.field import Field, KafkaLot
from tests.faults.mixes import EMBEDDED, STOCK, Mix
from tests.faults.verdict import Verdict, judge
from tests.streams.brokers import Broker, EmbeddedBroker, KafkaBroker
from tests.streams.play import Play, oracle

_SENDING_SECONDS = 12.0


@dataclass(frozen=True)
class Result:
    """What a run was like and what came of it."""

    mix: Mix
    verdict: Verdict
    messages: int
    strikes: int
    restarts: int  # of a process that ended by itself
    resent: int
    lines: int
    seconds: float
    troubles: Counter[str]


def run(mix: Mix, encounters: int, kafkas: KafkaLot, keep: Path | None = None) -> Result:
    """Run a mix. With `keep`, what a run that goes wrong leaves (logs, broker file) is copied there."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, Field(Path(folder), kafkas) as field:
        is_right = False
        try:
            result = _play(mix, encounters, field, began)
            is_right = result.verdict.is_right
        finally:
            if keep is not None and not is_right:
                shutil.copytree(folder, keep / f"seed-{mix.seed}", dirs_exist_ok=True, ignore_dangling_symlinks=True)
        return result


def _play(mix: Mix, encounters: int, field: Field, began: float) -> Result:
    messages, troubles = worse_day(mix.seed, encounters)
    faults = list(mix.make(field))
    broker = _broker(mix, field)
    play = Play(
        broker, messages, rate=len(messages) / _SENDING_SECONDS, faults=faults, logs=field.folder, patience=150.0
    )
    outcome = play.run()
    stored = [value for _, _, value in broker.read(broker.topics.inbound)]
    return Result(
        mix,
        judge(outcome, oracle(stored, broker.settings), messages, stored),
        messages=len(messages),
        strikes=sum(fault.struck for fault in faults),
        restarts=play.restarts,
        resent=play.report.resends if play.report else 0,
        lines=sum(len(lines) for lines in outcome.lines.values()),
        seconds=time.monotonic() - began,
        troubles=troubles,
    )


def _broker(mix: Mix, field: Field) -> Broker:
    if mix.broker == EMBEDDED:
        return EmbeddedBroker(field.data)
    kafka = field.kafka()
    return KafkaBroker(
        kafka.server.direct_address,
        f"faults-{mix.seed}-",
        field.data,
        "stock" if mix.broker == STOCK else "own",
        kafka.server.address,
    )
