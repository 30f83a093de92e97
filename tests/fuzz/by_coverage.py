"""The atheris engine: our mutations and libFuzzer's, kept when they reach code that none before did."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["hl7_parsers", "streams.mllp"]):
    from tests.fuzz.mutations import SEEDS, mutated
    from tests.fuzz.properties import PROFILES, check_framing, check_reading

_FOUND = Path(".fuzz")
_LENGTH_MAX = 100_000


def run(seconds: int, seed: int | None) -> int:
    """Fuzz; libFuzzer ends the process at the first finding, or when the time is over."""
    _FOUND.mkdir(exist_ok=True)
    with TemporaryDirectory() as corpus:
        for number, message in enumerate(SEEDS):
            (Path(corpus) / str(number)).write_bytes(message)
        options = [
            f"-max_total_time={seconds}",
            f"-max_len={_LENGTH_MAX}",
            "-timeout=60",
            f"-seed={seed or 0}",  # 0: another one each time
            f"-artifact_prefix={_FOUND}/",
        ]
        atheris.Setup([sys.argv[0], *options, corpus], _check, custom_mutator=_mutate)
        atheris.Fuzz()
    return 0


def _check(data: bytes) -> None:
    check_reading(data, PROFILES[len(data) % len(PROFILES) :][:2])
    check_framing(data, [len(data) // 3, len(data) // 2])


def _mutate(data: bytes, longest: int, seed: int) -> bytes:
    chance = random.Random(seed)
    if chance.random() < 0.5:
        return atheris.Mutate(data, longest)
    return mutated(data, chance)[:longest]
