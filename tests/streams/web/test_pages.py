"""The pages in a real browser, over a running site."""

from __future__ import annotations

import csv
import json
import re
from io import StringIO
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from streams.web import show
from tests.streams.web.conftest import CANARY, Site
from tests.waiting import wait_for


def paths(site: Site) -> dict[str, str]:
    held = site.finding("NO_STOP")
    return {
        "throughput": "",
        "queue": "queue?severity=hold",
        "lines": "lines?code=96365",
        "encounter": f"encounters/{quote(held['encounter_id'])}",
        "unknown": "encounters/SYN-404",
    }


@pytest.mark.parametrize("name", ["throughput", "queue", "lines", "encounter", "unknown"])
def test_a_page_has_no_barrier(site: Site, page: Page, name: str) -> None:
    page.goto(site.page + paths(site)[name])
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.emulate_media(color_scheme="dark")  # the same page in other colours
    found = Axe().run(page, options={"runOnly": ["color-contrast"]})
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", ["throughput", "queue", "lines", "encounter"])
def test_a_page_fits_a_phone(site: Site, page: Page, name: str) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(site.page + paths(site)[name])
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390


def test_the_keyboard_reaches_the_pages(site: Site, page: Page) -> None:
    page.goto(site.page)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    for name in ("Throughput", "Work queue", "Claim lines"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/lines$"))


def test_in_three_clicks_it_is_clear_why_an_encounter_is_held_and_what_is_missing(site: Site, page: Page) -> None:
    one_of_each = {one["kind"]: one for one in site.open_findings() if one["severity"] == "hold"}
    assert one_of_each
    for held in one_of_each.values():
        kind, missing = show.label(held["kind"]), show.missing(held["kind"])
        page.goto(site.page)
        page.locator("#queue-of").get_by_role("link", name=kind, exact=True).click()
        expect(page.locator("#findings")).to_contain_text(missing)  # the first click tells it already
        page.get_by_role("link", name=held["encounter_id"], exact=True).first.click()
        said = page.locator(f"article:has(input[value='{held['finding_id']}'])")
        expect(said).to_contain_text(held["text"])
        expect(said.locator(".missing") if missing else said).to_contain_text(missing)
        for control in held["message_control_ids"]:
            expect(said).to_contain_text(control)


def test_news_arrives_without_a_reload(site: Site, page: Page) -> None:
    page.goto(site.page)
    page.evaluate("window.marked = true")
    before = page.locator("main").inner_html()
    page.wait_for_function("before => document.querySelector('main').innerHTML !== before", arg=before)
    assert page.evaluate("window.marked") is True


def test_the_export_is_what_the_topic_has(site: Site, page: Page) -> None:
    answer = page.request.get(site.page + "lines.csv")
    rows = list(csv.DictReader(StringIO(answer.text())))
    standing = site.standing()
    assert not [cell for row in rows for cell in row.values() if cell[:1] in ("=", "+", "-", "@")]
    assert "'=1+1<s>9" in {row["patient_id"] for row in rows}
    assert {row["claim_line_id"] for row in rows} == set(standing)
    for row in rows:
        line = standing[row["claim_line_id"]]
        assert (row["code"], row["units"], row["service_date"]) == (
            line["code"],
            str(line["units"]),
            line["service_date"],
        )


def test_no_script_or_style_comes_from_elsewhere(site: Site, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in paths(site).values():
        page.goto(site.page + path)
    assert asked
    assert all(url.startswith(site.page) for url in asked)


def test_a_stop_supplied_on_the_page_becomes_a_new_version_and_an_audit_line(site: Site, page: Page) -> None:
    held = site.finding("NO_STOP")
    encounter = held["encounter_id"]
    page.goto(f"{site.page}encounters/{quote(encounter)}")
    supply = page.locator("details", has_text="Supply the stop").first
    supply.locator("summary").click()
    stop = supply.locator("input[name=stop]")
    start = stop.get_attribute("min") or ""
    hour = int(start[11:13])
    later = f"{start[:11]}{hour + 1:02d}{start[13:]}" if hour < 23 else f"{start[:11]}23:59"
    stop.fill(later)
    supply.locator("input[name=who]").fill("Synthia Reviewer")
    supply.locator("input[name=why]").fill("flowsheet of the infusion")
    supply.get_by_role("button").click()
    expect(page.get_by_role("status")).to_be_visible()
    wait_for(lambda: not site.is_open(held), "the finding is settled by the stop")
    site.settle()
    page.goto(f"{site.page}encounters/{quote(encounter)}")
    expect(page.locator(".versions")).to_contain_text("Version")
    audit = [json.loads(line) for line in (site.broker.settings.data_dir / "audit.log").read_text().splitlines()]
    assert any(
        entry["who"] == "Synthia Reviewer"
        and entry["did"] == "documented a stop"
        and entry["encounter_id"] == encounter
        for entry in audit
    )


def test_a_finding_resolved_on_the_page_is_settled_with_who_and_why(site: Site, page: Page) -> None:
    finding = site.finding("BOUNDARY_MINUTE")
    page.goto(f"{site.page}encounters/{quote(finding['encounter_id'])}")
    form = page.locator(f"form:has(input[value='{finding['finding_id']}'])")
    page.locator(f"details:has(input[value='{finding['finding_id']}']) summary").click()
    form.locator("input[name=who]").fill("Synthia Reviewer")
    form.locator("input[name=why]").fill("both times confirmed in the chart")
    form.get_by_role("button").click()
    wait_for(lambda: not site.is_open(finding), "the finding is resolved")


def test_nothing_of_a_patient_is_in_a_log(site: Site) -> None:
    ids = {str(line["encounter_id"]) for line in site.standing().values()}
    ids |= {str(line["patient_id"]) for line in site.standing().values()}
    for log in site.broker.settings.data_dir.glob("*.log"):
        if log.name != "audit.log":
            said = log.read_text()
            assert not [one for one in ids if re.search(rf"\b{re.escape(one)}\b", said)]


def test_what_messages_say_is_shown_as_text_alone(site: Site, page: Page) -> None:
    called: list[str] = []
    page.expose_function("canary", lambda: called.append("called"))
    encounter = CANARY[b"V9000001"].decode()
    drug = CANARY[b"immune globulin (IVIG) 30 g"].decode()
    page.goto(site.page)
    page.locator(".find input").fill(encounter)
    page.get_by_role("button", name="Find").click()
    expect(page.locator("h1")).to_contain_text(f"Encounter {encounter}")
    expect(page.locator("#given")).to_contain_text(drug)
    for text in (b"V9000001-0", b"SYN9000001", b"ORD900000101"):
        expect(page.locator("main")).to_contain_text(CANARY[text].decode())
    pages = {
        f"encounters/{quote(encounter)}": drug,
        f"queue?unit={quote(CANARY[b'INFUSION'].decode())}": encounter,
        "": CANARY[b"INFMAR"].decode(),
        f"encounters/{quote('<img src=x>')}": "<img src=x> is not known here",
        f"lines?code={quote(drug)}": "No line fits",
    }
    for path, text in pages.items():
        page.goto(site.page + path)
        expect(page.locator("main")).to_contain_text(text)
        part = page.request.get(f"{site.page}{path}{'&' if '?' in path else '?'}part=1").text()
        page.evaluate("text => document.querySelector('main').innerHTML = text", part)
        found = page.evaluate("document.querySelectorAll('main :is(script, img, s, u)').length")
        assert found == 0, path
    assert called == []


def test_a_given_encounter_is_found_by_its_id(site: Site, page: Page) -> None:
    line = next(iter(site.standing().values()))
    finding = site.open_findings()[0]
    for name, encounter in (
        (line["encounter_id"], line["encounter_id"]),
        (line["claim_line_id"], line["encounter_id"]),
        (finding["finding_id"], finding["encounter_id"]),
    ):
        page.goto(site.page)
        page.locator(".find input").fill(name)
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_contain_text(f"Encounter {encounter}")
    page.locator(".find input").fill("SYN-404")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("SYN-404 is not known here")


def test_what_somebody_reads_stands_still_and_the_rest_goes_on(site: Site, page: Page) -> None:
    page.goto(site.page)
    page.locator("#chart-rates summary").click()
    opened = page.locator("#chart-rates details")
    page.evaluate("document.getElementById('chart-waiting').marked = true")
    page.wait_for_function("() => !document.getElementById('chart-waiting').marked")
    expect(opened).to_have_attribute("open", "")
    expect(page.locator("#chart-rates")).to_have_class("held")
    page.locator("#chart-rates summary").click()
    page.evaluate("document.activeElement.blur()")
    expect(page.locator("#chart-rates")).not_to_have_class("held")


def test_a_choice_that_is_being_made_is_not_taken_back(site: Site, page: Page) -> None:
    page.goto(f"{site.page}queue")
    page.locator("select[name=severity]").select_option("hold")
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(3500)  # longer than the page takes to renew itself
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile("severity=hold"))
    assert set(page.locator("#findings tbody .tag").all_inner_texts()) == {"holds a line"}


def test_the_stop_is_supplied_from_the_finding(site: Site, page: Page) -> None:
    held = site.finding("NO_STOP")
    page.goto(f"{site.page}encounters/{quote(held['encounter_id'])}")
    page.locator("#waiting").get_by_role("link", name="Supply the stop").first.click()
    expect(page.locator("form:target input[name=stop]")).to_be_visible()
