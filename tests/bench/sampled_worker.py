"""The worker, looked at every few milliseconds of its processor time: which part of the way it is in.

python -m tests.bench.sampled_worker FILE      # settings from the environment; FILE gets the counts as JSON

Looking costs little, where a profiler that counts calls doubles the time of code that makes many.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from streams.cli.run import run
from streams.log import configure
from streams.settings import load_settings

EVERY = 0.002  # seconds of processor time
LOOP = ("asyncio/base_events.py", "_run_once")

# The innermost frame that is known says which part it is: the end of its file's path, and its function ("": any).
PARTS: tuple[tuple[str, str, str], ...] = (
    ("hl7_parsers/message.py", "parse_message", "reading messages"),
    ("streams/assemble.py", "", "folding"),
    ("streams/claims.py", "issue", "coding, claim lines"),
    ("streams/apply.py", "", "keeping facts"),
    ("streams/embedded/producer.py", "commit_batch", "writing"),
    ("streams/embedded/producer.py", "send_batch", "writing"),
    ("streams/writing.py", "", "writing"),
    ("aiokafka/producer/", "", "writing"),
    ("streams/embedded/consumer.py", "", "fetching, handing over"),
    ("streams/embedded/store.py", "read", "fetching, handing over"),
    ("streams/kafka.py", "", "fetching, handing over"),
    ("aiokafka/consumer/", "", "fetching, handing over"),
    ("faust/transport/", "", "fetching, handing over"),
    ("mode/services.py", "wait_first", "fetching, handing over"),
    ("faust/streams.py", "", "Faust's streams"),
    ("faust/channels.py", "", "Faust's streams"),
    ("faust/sensors/", "", "Faust's streams"),
    ("aiokafka/conn.py", "", "Kafka's connections"),
    ("aiokafka/client.py", "", "Kafka's connections"),
)
OTHER = "event loop, timers, the rest"


class Sampler:
    """Counts looks by part and by the function that was running."""

    def __init__(self) -> None:
        self.parts: Counter[str] = Counter()
        self.functions: Counter[str] = Counter()
        self.began = 0.0

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)

    def stop(self) -> dict[str, object]:
        """What was counted, and the processor time from the first look on."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        return {"cpu": time.process_time() - self.began, "parts": self.parts, "functions": self.functions}

    def _look(self, _number: int, frame: FrameType | None) -> None:
        frames = list(_outwards(frame))
        if not any(_is(one, *LOOP) for one in frames):
            return  # still importing
        self.began = self.began or time.process_time()
        self.parts[next((part for one in frames if (part := _part(one))), OTHER)] += 1
        self.functions[f"{'/'.join(Path(frames[0].f_code.co_filename).parts[-2:])} {frames[0].f_code.co_name}"] += 1


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is(frame: FrameType, place: str, name: str) -> bool:
    code = frame.f_code
    return (not name or code.co_name == name) and (
        place in code.co_filename if place.endswith("/") else code.co_filename.endswith(place)
    )


def _part(frame: FrameType) -> str:
    return next((part for place, name, part in PARTS if _is(frame, place, name)), "")


def main(kept: Path) -> None:
    settings = load_settings()[0]
    configure(settings.log_format, settings.log_level)
    sampler = Sampler()
    sampler.start()
    try:
        run(settings)
    finally:
        kept.write_text(json.dumps(sampler.stop()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
