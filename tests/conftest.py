"""Servers for the tests that need them, and what happens where one is missing.

A test gets a server by naming a fixture (`kafka`, `private_kafka`, `redis_server`); its mark follows from that, so that
`-m "not kafka"` leaves it out. Where the server cannot be had the test is skipped, and the end of the run says which
suites were and what would bring them; with CI=true or DRIPCODE_REQUIRE_SERVERS=1 any skipped test is an error.
"""

import gc
import os
import re
import signal
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from shutil import which

import hypothesis
import pytest

from tests.servers.asyncapi import ASYNCAPI
from tests.servers.chromium import missing_for_chromium
from tests.servers.kafka import KafkaServer, missing_for_kafka
from tests.servers.prometheus import missing_for_prometheus
from tests.servers.redis import RedisServer, missing_for_redis

MISSING: dict[str, Callable[[], str | None]] = {
    "asyncapi": lambda: None if ASYNCAPI.exists() else "no schema of AsyncAPI documents",
    "chromium": cache(missing_for_chromium),
    "kafka": cache(missing_for_kafka),
    "prometheus": cache(missing_for_prometheus),
    "redis": cache(missing_for_redis),
    "systemd": lambda: None if which("systemd-analyze") else "no systemd-analyze",
}
MARK_OF_FIXTURE = {"kafka": "kafka", "private_kafka": "kafka", "redis_server": "redis", "browser": "chromium"}
REMEDY = {
    "asyncapi": "install npm (Debian: npm), then `make servers`",
    "kafka": "install Java 17 or newer and Maven (Debian: openjdk-17-jre-headless maven), then `make servers`",
    "prometheus": "install Prometheus and promtool (Debian: prometheus), or run `make servers` as root",
    "redis": "install redis-server (Debian: redis-server), or run `make servers` as root",
    "chromium": "install Chromium (Debian: chromium), or run `make servers` as root",
    "systemd": "install systemd (Debian: systemd), or run `make servers` as root",
}
NOT_RUN = pytest.StashKey[dict[str, int]]()
REQUIRED = os.environ.get("DRIPCODE_REQUIRE_SERVERS", os.environ.get("CI", "")).lower() in {"1", "true", "yes"}


def pytest_configure(config: pytest.Config) -> None:
    """Keep a developer's own settings out of the tests, and stop servers also when the run is terminated."""
    config.stash[NOT_RUN] = {}
    for name in [name for name in os.environ if name.startswith("DRIPCODE_") and name != "DRIPCODE_SHARED"]:
        del os.environ[name]
    # Two shared cores are sometimes slow, and a slow example is no finding. Where nothing may be skipped the examples
    # are the same each time, so that no change fails by chance; other runs look elsewhere each time.
    slow = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile(
        "dripcode", hypothesis.settings.default, deadline=None, suppress_health_check=slow, derandomize=REQUIRED
    )
    hypothesis.settings.load_profile("dripcode")
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", returncode=143))
    # A shell's background job ignores Ctrl-C, and so would every process that a test starts and ends by it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test for the servers its fixtures start."""
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in MARK_OF_FIXTURE:
                item.add_marker(MARK_OF_FIXTURE[fixture])
        if item.get_closest_marker("kafka"):
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose server cannot be had here, or fail it where nothing may be skipped."""
    for suite, missing in MISSING.items():
        if item.get_closest_marker(suite) and (lacking := missing()):
            if REQUIRED:
                pytest.fail(f"{lacking}; {REMEDY[suite]}", pytrace=False)
            item.config.stash[NOT_RUN][suite] = item.config.stash[NOT_RUN].get(suite, 0) + 1
            pytest.skip(lacking)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which suites did not run and what would bring them."""
    for suite, tests in terminalreporter.config.stash[NOT_RUN].items():
        lacking = MISSING[suite]()
        told = f"Not run: {tests} tests of the {suite} suite ({lacking}). To run them: {REMEDY[suite]}"
        terminalreporter.write_line(told, yellow=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when a test was skipped where nothing may be."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if REQUIRED and reporter and reporter.stats.get("skipped"):
        told = "Tests were skipped, and with CI=true or DRIPCODE_REQUIRE_SERVERS=1 none may be"
        reporter.write_line(f"\n{told}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def _collect_connections(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect what aiokafka left of connections that it did not wait for, so that no later test is blamed for them."""
    yield
    if request.node.get_closest_marker("kafka"):
        gc.collect()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """The run's shared broker. Keep to topics and groups that begin with `topic_prefix`, and leave it running."""
    with KafkaServer(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture
def private_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A broker of the test's own, started, to be killed and restarted (about 5 s a test)."""
    with KafkaServer(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The run's shared Redis. Whoever uses it empties it first, or keeps to keys that begin with `topic_prefix`."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


_numbers = count(1)


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> str:
    """A prefix for topics, groups and keys that no other test of the run has; it ends in `-`."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    return f"{words[:40]}-{next(_numbers)}-"
