"""A running system with a coded day behind real pages, and a browser to look at them with."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from streams.claims import newest_sets
from streams.demo.hospital_day import Sent, hospital_day
from streams.demo.stage import DEMO_PATIENCE, Stage
from streams.mllp_client import send_all
from streams.read_model.opening import open_shelf
from streams.settings import Settings
from tests.servers.chromium import ARGUMENTS, chromium
from tests.streams.brokers import EmbeddedBroker
from tests.waiting import PATIENCE

_T = TypeVar("_T")

expect.set_options(timeout=PATIENCE * 1000)

# What a page may only show as text: in the encounter, control, order and patient ids, sender, unit and drug.
CANARY = {
    b"V9000001-0": b"<u>CTRL",
    b"V9000001": b'"><img src=x onerror=canary()>',
    b"SYN9000001": b"=1+1<s>9",  # and to a spreadsheet no formula
    b"ORD900000101": b"ORD<s>1",
    b"INFMAR": b"<u>MAR",
    b"INFUSION": b"<u>UNIT",
    b"immune globulin (IVIG) 30 g": b"<script>canary()</script>",
    b"|20260302100000-0500|SYN1024": b"||SYN1024",  # its stop is missing
}


def _canaries(messages: Sequence[Sent]) -> list[bytes]:
    found = [message.text for message in messages if message.encounter_id == "V9000001"]
    for plain, canary in CANARY.items():
        found = [text.replace(plain, canary) for text in found]
    return found


_SENT = hospital_day(1, 40, date(2026, 3, 2))
DAY = [*(message.text for message in _SENT), *_canaries(_SENT)]


def aside(call: Callable[[], _T]) -> _T:
    """Call in another thread: Playwright's loop runs in this one, where no second loop can."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call).result()


def agree(look: Callable[[], _T], expected: Callable[[], _T], patience: float = PATIENCE) -> None:
    """Both say the same, at the latest after a while: pages follow the topics."""
    until = time.monotonic() + patience
    while (said := look()) != (true := expected()):
        if time.monotonic() > until:
            assert said == true
        time.sleep(0.3)


def number(text: str) -> int:
    """A number as a page writes it."""
    return int(re.sub(r"[^\d-]", "", text))


class Site:
    """The processes of a site, its broker, and where its pages are."""

    def __init__(self, stage: Stage, broker: EmbeddedBroker, settings: Settings | None = None) -> None:
        self.stage = stage
        self.broker = broker
        self.settings = settings or broker.settings

    @property
    def page(self) -> str:
        return self.stage.page

    def values(self, topic: str) -> list[dict[str, Any]]:
        """What a topic has, decoded."""
        return [json.loads(value) for _, _, value in aside(lambda: self.broker.read(topic))]

    def open_findings(self) -> list[dict[str, Any]]:
        """The findings that wait, each with the newest word on it."""
        newest = {finding["finding_id"]: finding for finding in self.values(self.broker.topics.worklist)}
        return [one for one in newest.values() if one["resolved_at"] is None]

    def is_open(self, finding: dict[str, Any]) -> bool:
        """Whether it waits still."""
        return finding["finding_id"] in {one["finding_id"] for one in self.open_findings()}

    def finding(self, kind: str) -> dict[str, Any]:
        """An open finding of a kind."""
        return next(one for one in self.open_findings() if one["kind"] == kind)

    def standing(self) -> dict[str, dict[str, Any]]:
        """The lines that stand, by id, as the topic has them."""
        lines = self.values(self.broker.topics.claim_lines)
        return {line["claim_line_id"]: line for of in newest_sets(lines).values() for line in of}

    def shown(self) -> set[str]:
        """The ids of the lines that the read model has."""

        async def look() -> set[str]:
            shelf = open_shelf(self.settings)
            found = {key for key, _ in await shelf.ranked("line", "recent", 100_000)}
            await shelf.close()
            return found

        return aside(lambda: asyncio.run(look()))

    def settle(self, patience: float = 3 * PATIENCE) -> None:
        """Wait until nothing waits, what is quiet has closed, and the read model has all of it."""
        until, calm, before = time.monotonic() + patience, 0, -1
        while calm < 4:
            self.stage.check()
            assert time.monotonic() < until, "the day is not coded in time"
            standing = self.standing()
            is_calm = aside(self.broker.lag) == 0 and len(standing) == before and self.shown() == set(standing)
            calm, before = calm + 1 if is_calm else 0, len(standing)
            time.sleep(0.5)


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that has coded a synthetic day and goes on running."""
    broker = EmbeddedBroker(tmp_path_factory.mktemp("site"))
    quiet = {"DRIPCODE_CLOSE_AFTER_QUIET": "3s", "DRIPCODE_CLOSE_CHECK_EVERY": "100ms", "DRIPCODE_LOOK_AFTER": "300ms"}
    stage = Stage(broker.settings.data_dir, {**broker.environment, **DEMO_PATIENCE, **quiet})
    try:
        stage.start_listener()
        stage.start_worker()
        stage.start_pages()
        stage.wait_ready()
        asyncio.run(send_all(DAY, "127.0.0.1", stage.mllp_port, connections=4))
        made = Site(stage, broker)
        made.settle()
        yield made
    finally:
        stage.stop()


@pytest.fixture(scope="module")  # while it is open no other loop runs in this thread
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh window; an error in the page's script fails the test."""
    made = browser.new_page(viewport={"width": 1300, "height": 900})
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    yield made
    made.close()
    assert errors == []
