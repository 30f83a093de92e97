"""Runs a command beside a Kafka broker of its own: python -m tests.servers COMMAND…, with {kafka} for its address."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.servers.kafka import KafkaServer, missing_for_kafka


def main(command: list[str]) -> int:
    """Start the broker, run the command to its end, stop the broker. The command's exit code."""
    lacking = missing_for_kafka()
    if lacking:
        print(f"No Kafka here: {lacking}. `make servers` brings it where it may.", file=sys.stderr)
        return 1
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it is asked until it answers
    with tempfile.TemporaryDirectory(prefix="dripcode-kafka-") as folder, KafkaServer(Path(folder)) as server:
        print(f"Apache Kafka on {server.broker}", flush=True)
        given = [word.replace("{kafka}", server.broker) for word in command]
        with subprocess.Popen(given) as running:
            try:
                return running.wait()
            except KeyboardInterrupt:  # the command got it too, and ends by itself
                return running.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
