"""The patient is still in bed: a missing stop is in the queue, a person supplies it, and the finding goes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from streams.demo.stage import Stage
from streams.mllp_client import send_all
from tests.streams.brokers import EmbeddedBroker
from tests.streams.web.conftest import DAY, Site, aside

ENCOUNTER = '"><img src=x onerror=canary()>'  # its stop is missing
IN_BED = [text for text in DAY if ENCOUNTER.encode() in text and b"|ADT^A03" not in text]


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site where nothing closes today and what is open is looked at soon."""
    broker = EmbeddedBroker(tmp_path_factory.mktemp("ward"))
    soon = {"DRIPCODE_LOOK_AFTER": "300ms", "DRIPCODE_CLOSE_CHECK_EVERY": "100ms"}
    stage = Stage(broker.settings.data_dir, {**broker.environment, **soon})
    try:
        stage.start_listener()
        stage.start_worker()
        stage.start_pages()
        stage.wait_ready()
        aside(lambda: asyncio.run(send_all(IN_BED, "127.0.0.1", stage.mllp_port, connections=1)))
        yield Site(stage, broker)
    finally:
        stage.stop()


def test_a_stop_missing_at_an_open_encounter_is_asked_for_and_supplied_while_it_is_open(ward: Site, page: Page) -> None:
    page.goto(f"{ward.page}queue?state=open")
    row = page.locator("#findings tr", has_text="not closed yet").filter(has_text="stop")
    expect(row.first).to_be_visible()
    expect(row.first).to_contain_text(ENCOUNTER)
    assert Axe().run(page).violations_count == 0
    page.goto(f"{ward.page}queue?state=closed")
    expect(page.locator("#findings")).to_contain_text("Nothing waits that fits")
    page.goto(f"{ward.page}queue")
    page.locator("#findings tr", has_text="not closed yet").filter(has_text="stop").locator("a").first.click()
    expect(page.locator("h1")).to_contain_text("not closed yet")
    expect(page.locator("#waiting")).to_contain_text("not closed yet")
    expect(page.locator("#facts")).to_contain_text("nothing of this is billed")
    assert Axe().run(page).violations_count == 0
    supply = page.locator("details", has_text="Supply the stop").first
    supply.locator("summary").click()
    stop = supply.locator("input[name=stop]")
    start = datetime.fromisoformat(stop.get_attribute("min") or "")
    stop.fill((start + timedelta(hours=1)).isoformat(timespec="minutes"))
    supply.locator("input[name=who]").fill("Synthia Reviewer")
    supply.locator("input[name=why]").fill("flowsheet of the infusion")
    supply.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("the encounter is shown with it")
    expect(page.locator("#lines-of")).to_contain_text("not closed yet")
    page.goto(f"{ward.page}queue?state=open")
    expect(row).to_have_count(0)
    assert ward.values(ward.broker.topics.claim_lines) == ward.values(ward.broker.topics.worklist) == []
