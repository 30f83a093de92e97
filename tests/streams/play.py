"""Plays messages through a real listener and worker, and says what came of them; and the oracle to compare with."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streams.batch import Folded, code_all, read_all
from streams.claims import issue_version, newest_sets
from streams.demo.stage import Stage
from streams.embedded.records import Record
from streams.identity import Who
from streams.mllp_client import Feed, MllpClient, Patience, SendReport
from streams.records import TALLY_KEY, Command, Tally, decode_tally, encode
from streams.settings import Settings
from streams.site import coder_of, rules_of
from tests.faults.fault import Fault
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


_QUICK = {
    "DRIPCODE_CLOSE_AFTER_DISCHARGE": "500ms",
    "DRIPCODE_CLOSE_CHECK_EVERY": "200ms",
    "DRIPCODE_LOOK_AFTER": "100ms",
    "DRIPCODE_INSTANCE": "worker-1",
    "DRIPCODE_KAFKA_SESSION": "6s",
    "DRIPCODE_MLLP_STORE_TIMEOUT": "5s",
    # Faust's own consumer may stand still after a restart: the watchdog ends it, and it is started again.
    "DRIPCODE_STUCK_AFTER": "25s",
}
# How long a sender goes on with one message: longer than any of our faults, since an engine would never give up.
_SENDER = Patience(connect=5.0, answer=8.0, message=180.0)


@dataclass
class Play:
    """One run of messages through the real processes."""

    broker: Broker
    messages: Sequence[bytes]
    rate: float | None = None
    # After a kill, Faust's own consumer may commit one message of a partition each half second: minutes for a hundred.
    patience: float = 300.0
    disturb: Callable[[Stage], None] | None = None  # called over and over while messages are being sent
    faults: Sequence[Fault] = ()
    environment: dict[str, str] = field(default_factory=dict)
    logs: Path | None = None  # where the processes' output goes; None for data_dir
    at_end: Callable[[Stage], None] | None = None  # called when all is coded, before the processes stop
    report: SendReport | None = None
    restarts: int = 0  # of a process that ended by itself
    _ended: dict[str, tuple[subprocess.Popen[bytes], float]] = field(default_factory=dict)

    def run(self) -> Outcome:
        """Send everything, close every encounter, wait until it is coded."""
        environment = {**self.broker.environment, **_QUICK, **self.environment}
        for fault in self.faults:
            environment.update(fault.environment)
        stage = Stage(self.logs or self.broker.settings.data_dir, environment)
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
            if self.at_end is not None:
                self.at_end(stage)
        finally:
            for fault in self.faults:
                fault.end(stage)
            stage.stop()
        return outcome_of(self.broker)

    def _send(self, stage: Stage) -> None:
        """Send while the faults strike; go on until each has struck as often as it was meant to."""
        feed = Feed(self.messages)
        for fault in self.faults:
            fault.begin(stage)
        port = next((fault.route for fault in self.faults if fault.route), stage.mllp_port)
        clients = [MllpClient("127.0.0.1", port, _SENDER) for _ in range(4)]
        sender = threading.Thread(target=lambda: asyncio.run(feed.through(clients, self.rate)))
        sender.start()
        while sender.is_alive() or not all(fault.is_over for fault in self.faults):
            if self.disturb is not None and sender.is_alive():
                self.disturb(stage)
            for fault in self.faults:
                fault(stage)
            self._supervise(stage)
            sender.join(0.05)
            time.sleep(0 if sender.is_alive() else 0.05)
        self.report = feed.report()

    def _supervise(self, stage: Stage) -> None:
        """Start what ended by itself again a second later, as whoever runs it would; a few times, not for ever."""
        for name in ("listener", "worker"):
            process = stage.processes[name]
            code = process.poll()
            if code is None:
                continue
            known, since = self._ended.get(name, (None, 0.0))
            if known is not process:
                self._ended[name] = process, time.monotonic()
                self.restarts += 1
                assert code == 1, f"the {name} ended with {code}"
                is_disturbed = any(fault.is_standing for fault in self.faults)
                assert is_disturbed or self.restarts <= 5 + 5 * len(self.faults), f"the {name} ends again and again"
            elif time.monotonic() - since > 1.0:
                stage.start(name, "run" if name == "worker" else "listen")

    def _settle(self, stage: Stage) -> None:
        """Wait until nothing waits, twice in a row: one agent's work is the next one's."""
        until = time.monotonic() + self.patience
        calm = 0
        while calm < 2:
            time.sleep(0.3)
            calm = calm + 1 if self.broker.lag() == 0 else 0
            self._supervise(stage)
            assert time.monotonic() < until, f"{self.broker.lag()} messages still wait after {self.patience:.0f} s"
