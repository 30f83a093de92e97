"""The random engine: our mutations of our seeds, each kind of failure told once with the bytes that made it."""

from __future__ import annotations

import faulthandler
import hashlib
import random
import time
import traceback
from pathlib import Path

from tests.fuzz.mutations import SEEDS, mutated
from tests.fuzz.properties import check_framing, check_reading

FOUND = Path(".fuzz")
HANGS_AFTER = 60  # seconds on one input, after which the process tells where it is and ends
MICROSECONDS_A_BYTE_MAX = 400  # processor time for all profiles; the longest inputs are some 100 KB
ERRORS_SHOWN = 10


def run(seconds: int, seed: int | None) -> int:
    """Fuzz with the seed, or one that is told; the exit status."""
    seed = random.randrange(2**32) if seed is None else seed
    print(f"seed {seed}", flush=True)
    return fuzz(seconds, random.Random(seed))


def fuzz(seconds: int, chance: random.Random) -> int:
    """Mutate and check until the time is over; each kind of failure is told once."""
    ends, inputs, read, told = time.monotonic() + seconds, 0, 0, set[str]()
    slowest = 0.0
    while time.monotonic() < ends and len(told) < ERRORS_SHOWN:
        data = mutated(chance.choice(SEEDS), chance)
        faulthandler.dump_traceback_later(HANGS_AFTER, exit=True)
        began = time.process_time()
        try:
            read += check_reading(data)
            check_framing(data, [chance.randint(0, len(data)) for _ in range(chance.randint(0, 6))])
        except Exception as wrong:  # noqa: BLE001 - whatever escapes is what we are looking for
            _tell(data, wrong, told)
        micros = 1e6 * (time.process_time() - began) / (len(data) + 1000)
        slowest = max(slowest, micros)
        if micros > MICROSECONDS_A_BYTE_MAX:
            _tell(data, TimeoutError(f"{micros:.0f} µs a byte for {len(data)} bytes"), told)
        inputs += 1
    faulthandler.cancel_dump_traceback_later()
    print(f"{inputs:,} inputs, {read:,} readings gave events, at most {slowest:.0f} µs a byte, {len(told)} findings")
    return 1 if told else 0


def _tell(data: bytes, wrong: Exception, told: set[str]) -> None:
    last = traceback.extract_tb(wrong.__traceback__)[-1:] or [traceback.FrameSummary("time", 0, "")]
    kind = f"{type(wrong).__name__} {last[0].filename}:{last[0].lineno}"
    if kind in told:
        return
    told.add(kind)
    FOUND.mkdir(exist_ok=True)
    file = FOUND / hashlib.sha256(data).hexdigest()[:16]
    file.write_bytes(data)
    print(f"{kind}: {wrong}\n  {len(data)} bytes in {file}: {data[:300]!r}", flush=True)
    traceback.print_exception(wrong)
