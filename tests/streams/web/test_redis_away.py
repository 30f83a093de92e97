"""Redis killed and started again while messages come in and a page stands open."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date

import pytest
from playwright.sync_api import Browser, Page, expect

from streams.demo.hospital_day import hospital_day
from streams.demo.stage import DEMO_PATIENCE, Stage
from streams.mllp_client import send_all
from tests.servers.redis import RedisServer
from tests.streams.brokers import EmbeddedBroker
from tests.streams.play import outcome_of
from tests.streams.web.conftest import Site, agree, aside, number

MESSAGES = [message.text for message in hospital_day(7, 30, date(2026, 3, 2))]
RATE = 40.0  # messages a second
QUIET = {"DRIPCODE_CLOSE_AFTER_QUIET": "3s", "DRIPCODE_CLOSE_CHECK_EVERY": "100ms"}


@pytest.fixture
def redis_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, RedisServer]]:
    """A site of its own whose read model lies in Redis."""
    folder = tmp_path_factory.mktemp("redis-site")
    (folder / "redis").mkdir()
    broker = EmbeddedBroker(folder)
    with RedisServer(folder / "redis") as redis:
        environment = {**broker.environment, **DEMO_PATIENCE, **QUIET, "DRIPCODE_REDIS": redis.url}
        stage = Stage(folder, environment)
        try:
            stage.start_listener()
            stage.start_worker()
            stage.start_pages()
            stage.wait_ready()
            yield Site(stage, broker, dataclasses.replace(broker.settings, redis=redis.url)), redis
        finally:
            stage.stop()


@pytest.fixture
def sender() -> Iterator[ThreadPoolExecutor]:
    """A thread beside this one."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def received(page: Page) -> int:
    found = re.search(r"received\s+([\d\u202f]+)", page.locator("p.balance").inner_text())
    return number(found[1]) if found else -1


@pytest.mark.redis
def test_redis_killed_under_load_loses_nothing_and_the_page_comes_back(
    redis_site: tuple[Site, RedisServer], page: Page, browser: Browser, sender: ThreadPoolExecutor
) -> None:
    site, redis = redis_site
    processes = {name: process.pid for name, process in site.stage.processes.items()}
    page.goto(site.page)
    page.evaluate("window.marked = true")

    def send(messages: Sequence[bytes]) -> Future[object]:
        port = site.stage.mllp_port
        return sender.submit(lambda: asyncio.run(send_all(messages, "127.0.0.1", port, connections=4, rate=RATE)))

    third = len(MESSAGES) // 3
    sent = send(MESSAGES[:third])
    agree(lambda: received(page) >= 10, lambda: True)

    redis.kill()
    trouble = page.locator("#trouble")
    expect(trouble).to_contain_text("Redis does not answer")
    expect(trouble).to_contain_text("Messages are processed all the same. What stands here is of")
    expect(page.locator("main")).to_have_class("stale")
    sent.result()
    send(MESSAGES[third : 2 * third]).result()
    agree(lambda: aside(lambda: outcome_of(site.broker)).balance.received, lambda: 2 * third)  # processing goes on
    other = browser.new_page()
    assert (answer := other.goto(site.page + "queue")) is not None
    assert answer.status == 503
    expect(other.locator("h1")).to_have_text("The pages have nothing to read from")

    sent = send(MESSAGES[2 * third :])
    redis.start()  # empty: everything is made anew from the topics
    expect(trouble).to_be_hidden()
    expect(other.locator("h1")).to_have_text("Work queue")
    sent.result()
    site.settle()
    agree(lambda: received(page), lambda: len(MESSAGES))
    assert page.evaluate("window.marked") is True, "the page was loaded anew"
    outcome = aside(lambda: outcome_of(site.broker))
    assert outcome.balance.received == len(MESSAGES)
    expect(page.locator("p.balance")).to_contain_text("difference 0")
    assert {name: process.pid for name, process in site.stage.processes.items()} == processes

    site.stage.kill("web")
    expect(trouble).to_contain_text("The pages' server does not answer. What stands here is of")
    assert received(page) == len(MESSAGES), "the last figures are gone"
    site.stage.start("web", "web")
    expect(trouble).to_be_hidden()
    expect(page.locator("#live")).to_contain_text("live, ")
