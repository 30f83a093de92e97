"""Alerts and dashboards: the rules do what their unit tests say, and a real Prometheus answers every panel."""

from __future__ import annotations

import json
import re
import socket
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.demo.hospital_day import hospital_day
from streams.demo.stage import Stage
from tests.servers.prometheus import PrometheusServer, promtool
from tests.streams.brokers import EmbeddedBroker
from tests.streams.play import Play
from tests.waiting import PATIENCE

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus"
DASHBOARDS = sorted((DEPLOY / "grafana").glob("*.json"))
MESSAGES = [message.text for message in hospital_day(5, 60)]
# What Grafana puts in for $__rate_interval: here the whole day that is played.
RATE = "2m"


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((RULES / "dripcode.rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def panels() -> list[tuple[str, str, str]]:
    """Dashboard, panel and query of every target."""
    return [
        (path.stem, panel["title"], target["expr"])
        for path in DASHBOARDS
        for panel in json.loads(path.read_text())["panels"]
        for target in panel["targets"]
    ]


def asked() -> set[str]:
    """The metrics that alerts and panels ask for."""
    queries = [alert["expr"] for alert in alerts()] + [query for _, _, query in panels()]
    return {name for query in queries for name in re.findall(r"dripcode_\w+", query)}


class Board:
    """What a Prometheus knows that scraped a day from its first messages to its last line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server: PrometheusServer | None = None
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self.names: set[str] = set()
        self.rules: list[dict[str, Any]] = []
        self.healths: dict[str, str] = {}
        try:
            Play(EmbeddedBroker(folder), MESSAGES, rate=30, disturb=self._beside, at_end=self._look).run()
        finally:
            if self.server is not None:
                self.server.stop()

    def _beside(self, stage: Stage) -> None:
        if self.server is not None:
            return
        stage.start_pages()
        self.server = PrometheusServer(self.folder, configuration(self.folder, stage))
        self.server.start()
        stage.wait_ready()
        with socket.create_connection(("127.0.0.1", stage.mllp_port)) as sender:
            sender.sendall(b"\x0bMSH|^~\\&|A message that ends in the middle")
        _look_at(stage.page)

    def _look(self, stage: Stage) -> None:
        assert self.server is not None
        stage.check()
        _look_at(stage.page)
        until = time.monotonic() + PATIENCE
        self._ask(self.server)
        # The projector looks at its store every few seconds. What never comes is for the tests to tell.
        while (self.empty() or asked() - self.names) and time.monotonic() < until:
            time.sleep(1)
            self._ask(self.server)

    def _ask(self, server: PrometheusServer) -> None:
        self.answers = {query: server.query(query.replace("$__rate_interval", RATE)) for _, _, query in panels()}
        self.names = {sample["metric"]["__name__"] for sample in server.query('{__name__=~"dripcode_.+"}')}
        self.rules, self.healths = server.rules(), server.healths()

    def empty(self) -> list[str]:
        """The panels that show nothing."""
        return [
            f"{dashboard}, {title}: {query}"
            for dashboard, title, query in panels()
            if not [sample for sample in self.answers[query] if sample["value"][1] != "NaN"]
        ]


def _look_at(page: str) -> None:
    with urllib.request.urlopen(page, timeout=PATIENCE) as answer:
        assert answer.status == 200


def configuration(folder: Path, stage: Stage) -> Path:
    """prometheus.yml as it ships, with the ports of a stage for targets, looking every second."""
    shipped = yaml.safe_load((RULES / "prometheus.yml").read_text())
    ports = {
        "dripcode-worker": stage.worker_port,
        "dripcode-listener": stage.listener_port,
        "dripcode-projector": stage.projector_port,
        "dripcode-web": stage.web_metrics_port,
    }
    for job in shipped["scrape_configs"]:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
    shipped["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    shipped["rule_files"] = [str(RULES / name) for name in shipped["rule_files"]]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(shipped))
    return path


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return Board(tmp_path_factory.mktemp("board"))


@pytest.mark.prometheus
def test_the_rules_do_what_their_unit_tests_say() -> None:
    for arguments in (
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "dripcode.rules.test.yml", "dripcode.drift.test.yml"),
    ):
        done = promtool(*arguments, folder=RULES)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_a_severity_and_a_runbook() -> None:
    cases = "".join(path.read_text() for path in RULES.glob("*.test.yml"))
    for alert in alerts():
        told = alert["annotations"]
        assert f'alertname="{alert["alert"]}"' in cases, f"{alert['alert']} has no unit test"
        assert alert["labels"]["severity"] in {"page", "ticket", "worklist"}
        assert told["summary"]
        assert told["runbook"]


@pytest.mark.prometheus
@pytest.mark.slow
def test_every_process_is_scraped_and_no_rule_is_broken(board: Board) -> None:
    assert board.healths == dict.fromkeys(
        ("dripcode-worker", "dripcode-listener", "dripcode-projector", "dripcode-web"), "up"
    )
    assert {rule["health"] for rule in board.rules} == {"ok"}
    assert [rule["name"] for rule in board.rules if rule.get("state") == "firing"] == []


@pytest.mark.prometheus
@pytest.mark.slow
def test_alerts_and_panels_ask_for_metrics_that_there_are(board: Board) -> None:
    assert len(asked()) > 40
    assert sorted(asked() - board.names) == []


@pytest.mark.prometheus
@pytest.mark.slow
def test_every_panel_shows_something_after_a_day(board: Board) -> None:
    assert len(board.answers) > 60
    assert board.empty() == []
