"""Plays messages through a real listener and worker, and says what came of them; and the oracle to compare with."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.batch import Folded, code_all, read_all
from streams.claims import issue_version, newest_sets
from streams.demo.stage import Stage
from streams.embedded.records import Record
from streams.identity import Who
from streams.mllp_client import SendReport, send_all
from streams.records import TALLY_KEY, Command, Tally, decode_tally, encode
from streams.settings import Settings
from streams.site import coder_of, rules_of
from tests.streams.brokers import Broker

# What differs between two runs that mean the same. That one more message said so is no news, so a set may not name it.
VOLATILE = (
    "coded_at",
    "claim_set_version",
    "supersedes",
    "line_number",
    "line_count",
    "opened_at",
    "message_control_ids",
)


@dataclass(frozen=True)
class Outcome:
    """Per encounter the lines that stand, the ids of the open findings, the balance."""

    lines: dict[str, list[dict[str, Any]]]
    findings: set[str]
    balance: Tally


def oracle(messages: Sequence[bytes], settings: Settings) -> Outcome:
    """The same messages folded and coded in memory, undisturbed."""
    rules, coder = rules_of(settings), coder_of(settings)
    folded = Folded()
    for read in read_all([("day", message) for message in messages], rules):
        folded.take(read)
    lines: list[dict[str, Any]] = []
    findings: set[str] = set()
    for closed, coded in code_all(folded, rules, coder):
        issued = issue_version(closed, coded, None, "")
        lines += issued.lines
        findings |= {finding["finding_id"] for finding in issued.findings}
    return Outcome(plain(newest_sets(lines)), findings, folded.tally)


def accounts(messages: Sequence[bytes], settings: Settings) -> list[Who]:
    """Every encounter that the messages speak of, as it is called in the end."""
    folded = Folded()
    for read in read_all([("day", message) for message in messages], rules_of(settings)):
        folded.take(read)
    return list(folded.accounts())


def plain(sets: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Claim sets without what may differ, encounters without lines left out."""
    return {
        encounter: [{name: value for name, value in line.items() if name not in VOLATILE} for line in lines]
        for encounter, lines in sets.items()
        if lines
    }


def outcome_of(broker: Broker) -> Outcome:
    """What stands on the topics."""
    lines = [json.loads(value) for _, _, value in broker.read(broker.topics.claim_lines)]
    findings: dict[str, dict[str, Any]] = {}
    for _, _, value in broker.read(broker.topics.worklist):
        finding = json.loads(value)
        known = findings.setdefault(finding["finding_id"], finding)
        if finding["claim_set_version"] >= known["claim_set_version"]:
            findings[finding["finding_id"]] = finding
    tallies: dict[int, Tally] = {}
    for partition, key, value in broker.read(broker.topics.facts_changelog):
        if key == TALLY_KEY:
            tallies[partition] = decode_tally(value)
    balance = Tally()
    for tally in tallies.values():
        balance.add(tally)
    still_open = {key for key, finding in findings.items() if finding["resolved_at"] is None}
    return Outcome(plain(newest_sets(lines)), still_open, balance)


@dataclass
class Play:
    """One run of messages through the real processes."""

    broker: Broker
    messages: Sequence[bytes]
    rate: float | None = None
    patience: float = 150.0
    disturb: Callable[[Stage], None] | None = None  # called over and over while messages are being sent
    environment: dict[str, str] = field(default_factory=dict)
    report: SendReport | None = None
    restarts: int = 0

    def run(self) -> Outcome:
        """Send everything, close every encounter, wait until it is coded."""
        quick = {
            "DRIPCODE_CLOSE_AFTER_DISCHARGE": "500ms",
            "DRIPCODE_CLOSE_CHECK_EVERY": "200ms",
            "DRIPCODE_INSTANCE": "worker-1",
            "DRIPCODE_KAFKA_SESSION": "6s",
            # Faust's own consumer may stand still after a restart: the watchdog ends it, and it is started again.
            "DRIPCODE_STUCK_AFTER": "25s",
        }
        stage = Stage(self.broker.settings.data_dir, {**self.broker.environment, **quick, **self.environment})
        try:
            stage.start_listener()
            stage.start_worker()
            stage.wait_ready()
            self._send(stage)
            self._settle(stage)
            now = time.time()
            for account in accounts(self.messages, self.broker.settings):
                command = Command("close", *account, at=now)
                self.broker.put(Record(self.broker.topics.commands, account.patient.encode(), encode(command)))
            self._settle(stage)
        finally:
            stage.stop()
        return outcome_of(self.broker)

    def _send(self, stage: Stage) -> None:
        reports: list[SendReport] = []

        def send() -> None:
            reports.append(
                asyncio.run(send_all(list(self.messages), "127.0.0.1", stage.mllp_port, connections=4, rate=self.rate))
            )

        sender = threading.Thread(target=send)
        sender.start()
        while sender.is_alive():
            if self.disturb is not None:
                self.disturb(stage)
            self._supervise(stage)
            sender.join(0.05)
        self.report = reports[0]

    def _supervise(self, stage: Stage) -> None:
        """Start a worker again that ended by itself, as whoever runs it would; a few times, not for ever."""
        stage.check("listener")
        code = stage.processes["worker"].poll()
        if code is not None:
            self.restarts += 1
            assert code == 1, f"the worker ended with {code}"
            assert self.restarts <= 5, "the worker ends again and again"
            del stage.processes["worker"]
            stage.start_worker()

    def _settle(self, stage: Stage) -> None:
        """Wait until nothing waits, twice in a row: one agent's work is the next one's."""
        until = time.monotonic() + self.patience
        calm = 0
        while calm < 2:
            time.sleep(0.3)
            calm = calm + 1 if self.broker.lag() == 0 else 0
            self._supervise(stage)
            assert time.monotonic() < until, f"{self.broker.lag()} messages still wait after {self.patience:.0f} s"


class Killer:
    """Kills the worker every so often and starts it again."""

    def __init__(self, seed: int, kills: int) -> None:
        self.random = random.Random(seed)
        self.left = kills
        self.next = time.monotonic() + self.random.uniform(0.2, 1.0)

    def __call__(self, stage: Stage) -> None:
        if self.left and time.monotonic() > self.next:
            self.left -= 1
            stage.kill("worker")
            stage.start_worker()
            # Recovered or not, the next kill may come at any moment of its life.
            self.next = time.monotonic() + self.random.uniform(0.5, 4.0)


class Guest:
    """A second worker that comes in the middle and is killed a while later."""

    def __init__(self, comes: float, stays: float) -> None:
        self.comes = time.monotonic() + comes
        self.leaves = self.comes + stays
        self.is_gone = False

    def __call__(self, stage: Stage) -> None:
        now = time.monotonic()
        if now > self.comes and "guest" not in stage.processes and not self.is_gone:
            stage.start("guest", "run", {"DRIPCODE_INSTANCE": "worker-2", "DRIPCODE_METRICS_LISTEN": ""})
        if now > self.leaves and not self.is_gone:
            stage.kill("guest")
            self.is_gone = True
