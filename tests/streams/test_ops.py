"""/metrics and /healthz: what a scraper and a supervisor are told."""

import asyncio
import json
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.apply import Applier, Inbound
from streams.demo.hospital_day import hospital_day
from streams.demo.stage import free_port
from streams.ops import serve_ops
from streams.settings import SettingsError, load_settings
from streams.site import rules_of
from streams.topics import topics_of
from streams.worker_metrics import WorkerMetrics
from tests.waiting import PATIENCE

SETTINGS = load_settings(environment={})[0]
TOPICS = topics_of(SETTINGS)


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as wrong:
        with wrong:
            return wrong.code, wrong.read().decode()


def served(metrics: WorkerMetrics, problem: str, path: str) -> tuple[int, str]:
    async def run() -> tuple[int, str]:
        port = free_port()
        runner = await serve_ops(f"127.0.0.1:{port}", metrics.registry, lambda: problem)
        assert runner is not None
        try:
            return await asyncio.to_thread(get, port, path)
        finally:
            await runner.cleanup()

    return asyncio.run(run())


@pytest.fixture
def after_a_day() -> WorkerMetrics:
    """The metrics of a worker that applied a small day."""
    applier, metrics = Applier(TOPICS, rules_of(SETTINGS)), WorkerMetrics()
    batch = [
        Inbound(TOPICS.inbound, 0, offset, b"|", sent.text, 0.0) for offset, sent in enumerate(hospital_day(1, 10))
    ]
    _, counts = applier.apply(batch, now=0.0)
    metrics.watch(applier)
    metrics.applied(counts)
    return metrics


def test_the_balance_can_be_scraped_and_closes(after_a_day: WorkerMetrics) -> None:
    status, text = served(after_a_day, "", "/metrics")
    assert status == 200
    families = {family.name: family for family in text_string_to_metric_families(text)}
    balance = {s.labels["outcome"]: s.value for s in families["dripcode_balance_messages"].samples}
    assert balance.pop("received") == sum(balance.values()) > 50
    outcomes = [s for s in families["dripcode_messages"].samples if s.name == "dripcode_messages_total"]
    assert sum(sample.value for sample in outcomes) == sum(balance.values())
    assert all(name.startswith("dripcode_") for name in families)


def test_no_metric_holds_anything_of_a_patient(after_a_day: WorkerMetrics) -> None:
    _, text = served(after_a_day, "", "/metrics")
    for sent in hospital_day(1, 10):
        assert not sent.encounter_id or sent.encounter_id not in text
    assert "SYN0" not in text
    assert "SYNTHETIC" not in text


WELL, RECOVERING = (200, json.dumps({"status": "ok"})), (503, json.dumps({"status": "recovering"}))


@pytest.mark.parametrize(
    ("path", "when_well", "when_recovering"),
    [("/readyz", WELL, RECOVERING), ("/startupz", WELL, RECOVERING), ("/healthz", WELL, WELL)],
)
def test_readiness_says_what_is_wrong_and_health_that_it_answers(
    path: str, when_well: tuple[int, str], when_recovering: tuple[int, str]
) -> None:
    assert served(WorkerMetrics(), "", path) == when_well
    assert served(WorkerMetrics(), "recovering", path) == when_recovering


def test_what_has_started_once_has_started() -> None:
    trouble = [""]

    async def run() -> list[tuple[int, str]]:
        port = free_port()
        runner = await serve_ops(f"127.0.0.1:{port}", WorkerMetrics().registry, lambda: trouble[0])
        assert runner is not None
        try:
            first = await asyncio.to_thread(get, port, "/startupz")
            trouble[0] = "recovering"
            return [first, await asyncio.to_thread(get, port, "/startupz")]
        finally:
            await runner.cleanup()

    assert asyncio.run(run()) == [WELL, WELL]


def test_without_an_address_nothing_is_served() -> None:
    assert asyncio.run(serve_ops("", WorkerMetrics().registry, str)) is None


def test_an_address_in_use_is_named() -> None:
    async def run() -> None:
        address = f"127.0.0.1:{free_port()}"
        first = await serve_ops(address, WorkerMetrics().registry, str)
        assert first is not None
        try:
            with pytest.raises(SettingsError, match=f"'metrics_listen': {address} cannot be listened on"):
                await serve_ops(address, WorkerMetrics().registry, str)
        finally:
            await first.cleanup()

    asyncio.run(run())
