"""One seed: its day through the real processes while its faults strike, and the oracle's judgement."""

from __future__ import annotations

import json
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
from tests.streams.play import Outcome, Play, oracle

# How long the sending takes when nothing holds it up: the faults strike meanwhile.
SENDING_SECONDS = 12.0


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


def run(
    mix: Mix, encounters: int, kafkas: KafkaLot, *, seconds: float = SENDING_SECONDS, keep: Path | None = None
) -> Result:
    """Run a mix, its messages sent over so many seconds.

    With `keep`, what a run that goes wrong leaves (logs, broker file) is copied there.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, Field(Path(folder), kafkas) as field:
        is_right = False
        try:
            result = _play(mix, encounters, field, began, seconds)
            is_right = result.verdict.is_right
        finally:
            if keep is not None and not is_right:
                shutil.copytree(folder, keep / f"seed-{mix.seed}", dirs_exist_ok=True, ignore_dangling_symlinks=True)
        return result


def _play(mix: Mix, encounters: int, field: Field, began: float, seconds: float) -> Result:
    messages, troubles = worse_day(mix.seed, encounters)
    faults = list(mix.make(field))
    broker = _broker(mix, field)
    play = Play(broker, messages, rate=len(messages) / seconds, faults=faults, logs=field.folder)
    outcome = play.run()
    stored = [value for _, _, value in broker.read(broker.topics.inbound)]
    expected = oracle(stored, broker.settings)
    verdict = judge(outcome, expected, messages, stored)
    if not verdict.is_right:
        _write_differences(field.folder / "differences.json", broker, outcome, expected)
    return Result(
        mix,
        verdict,
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


def _write_differences(path: Path, broker: Broker, outcome: Outcome, expected: Outcome) -> None:
    """For whoever looks for the cause: the encounters that differ, with every record of theirs, in order."""
    others = {
        encounter
        for encounter in outcome.lines.keys() | expected.lines.keys()
        if outcome.lines.get(encounter) != expected.lines.get(encounter)
    }
    patients = {line["patient_id"] for each in (outcome, expected) for of in others for line in each.lines.get(of, ())}
    texts = [text.encode() for text in sorted(others | patients)]
    records = {
        topic: [
            (partition, place, value.decode("utf-8", "replace"))
            for place, (partition, key, value) in enumerate(broker.read(topic))
            if any(text in key or text in value for text in texts)
        ]
        for topic in (*broker.topics.plain(), *broker.topics.compacted())
    }
    differences = {
        "run": {one: outcome.lines.get(one) for one in sorted(others)},
        "oracle": {one: expected.lines.get(one) for one in sorted(others)},
        "findings": {"run": sorted(outcome.findings), "oracle": sorted(expected.findings)},
        "records": records,
    }
    path.write_text(json.dumps(differences, indent=1))
