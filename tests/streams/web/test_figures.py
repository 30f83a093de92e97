"""Every figure on the front page and the work queue is the topics' own."""

from __future__ import annotations

import re
from collections import Counter
from math import inf
from typing import Any

from playwright.sync_api import Page
from prometheus_client.parser import text_string_to_metric_families

from streams import records
from streams.read_model.histograms import quantile
from streams.web import show
from tests.streams.play import outcome_of
from tests.streams.web.conftest import DAY, Site, agree, aside, number

BALANCE = re.compile(r"(received|applied|duplicate|dead|ignored|waiting|difference)\s+([\d\u202f]+)")


def table(page: Page, heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    found: list[list[str]] = page.evaluate(
        "id => [...document.getElementById(id).parentElement.querySelectorAll('table.cards tbody tr')]"
        ".map(row => [...row.children].map(cell => cell.innerText.trim()))",
        heading,
    )
    return found


def asking(site: Site) -> list[dict[str, Any]]:
    return [one for one in site.open_findings() if one["severity"] != "notice"]


def units(findings: list[dict[str, Any]]) -> int:
    return sum(stake["units"] for one in findings for stake in one["codes_at_stake"])


def test_the_balance_and_its_reasons(site: Site, page: Page) -> None:
    def said() -> dict[str, int]:
        page.goto(site.page)
        return {word: number(n) for word, n in BALANCE.findall(page.locator("p.balance").inner_text())}

    def true() -> dict[str, int]:
        balance = aside(lambda: outcome_of(site.broker)).balance
        dead, ignored = sum(balance.dead.values()), sum(balance.ignored.values())
        found = {"received": len(DAY), "applied": balance.applied, "duplicate": balance.duplicate}
        return {**found, "dead": dead, "ignored": ignored, "waiting": 0, "difference": 0}

    agree(said, true)
    balance = aside(lambda: outcome_of(site.broker)).balance
    text = page.locator("#balance-of .small").inner_text()
    for reason, n in {**balance.dead, **balance.ignored}.items():
        assert f"{show.words(reason)} {n}" in text


def test_the_tiles(site: Site, page: Page) -> None:
    def said() -> dict[str, int]:
        page.goto(site.page)
        tiles = page.locator("#tiles li").all_inner_texts()
        words = ("wait to be applied", "claim lines issued", "wait for a person", "dead letters")
        return {word: number(tile.split()[0]) for word in words for tile in tiles if word in tile.replace("\n", " ")}

    def true() -> dict[str, int]:
        lines = [line for line in site.values(site.broker.topics.claim_lines) if line["action"] == "add"]
        return {
            "wait to be applied": 0,
            "claim lines issued": len(lines),
            "wait for a person": len({one["encounter_id"] for one in asking(site)}),
            "dead letters": len(aside(lambda: site.broker.read(site.broker.topics.dead_letter))),
        }

    agree(said, true)


def test_what_waits_by_kind(site: Site, page: Page) -> None:
    def said() -> dict[str, tuple[int, int]]:
        page.goto(site.page)
        return {row[0].split("\n")[0]: (number(row[2]), number(row[3])) for row in table(page, "waits")}

    def true() -> dict[str, tuple[int, int]]:
        by_kind: dict[str, list[dict[str, Any]]] = {}
        for one in asking(site):
            by_kind.setdefault(one["kind"], []).append(one)
        rows = [(of[0]["severity"], -units(of), kind, of) for kind, of in by_kind.items()]
        first = sorted(rows, key=lambda row: row[:3])[:8]
        return {f"{show.label(kind)} {show.severity(level)}": (len(of), units(of)) for level, _, kind, of in first}

    agree(said, true)
    levels = Counter(one["severity"] for one in site.open_findings())
    text = page.locator("#queue-of").inner_text()
    assert f"{levels['hold']} hold a line, {levels['review']} ask for a look, {levels['notice']} inform" in text


def test_closings_by_cause(site: Site, page: Page) -> None:
    closed = [
        records.decode_closed(value).cause for _, _, value in aside(lambda: site.broker.read(site.broker.topics.closed))
    ]
    page.goto(site.page)
    text = page.locator("#queue-of").inner_text()
    for cause, n in Counter(closed).items():
        assert re.search(rf"\b{cause} {n}\b", text)


def test_the_sources_and_their_types(site: Site, page: Page) -> None:
    page.goto(site.page)
    said = {row[0]: (number(row[4]), row[5]) for row in table(page, "sources")}
    sent: dict[str, Counter[str]] = {}
    for text in DAY:
        fields = text.split(b"\r")[0].split(b"|") if text.startswith(b"MSH|") else []
        if len(fields) > 3:
            kind = "^".join(fields[8].decode().split("^")[:2]) if len(fields) > 8 else ""
            sent.setdefault(show.sender(f"{fields[2].decode()}|{fields[3].decode()}"), Counter())[kind] += 1
    named = {name: row for name, row in said.items() if name in sent}
    assert set(named) == set(sent)
    for name, types in sent.items():
        assert named[name][0] == sum(types.values())
        for kind, n in types.items():
            assert kind == "" or f"{kind} {n}" in named[name][1]
    assert sum(n for n, _ in said.values()) == len(DAY)


def test_each_partition_has_its_worker_and_its_messages(site: Site, page: Page) -> None:
    page.goto(site.page)
    page.get_by_text("Each partition of the inbound topic").click()
    rows = [row.inner_text().split("\t") for row in page.locator("#partitions tbody tr").all()]
    lies = Counter(part for part, _, _ in aside(lambda: site.broker.read(site.broker.topics.inbound)))
    assert {int(row[0]): number(row[2]) for row in rows} == {part: lies[part] for part in range(len(rows))}
    assert {row[3] for row in rows} == {"0"}
    worker = next(row[0] for row in table(page, "processes") if row[1] == "worker")
    assert {row[1] for row in rows} == {worker}


def test_dead_letters_are_named_by_their_places(site: Site, page: Page) -> None:
    page.goto(site.page)
    seen: Counter[int] = Counter()
    places = []
    for part, _, _ in aside(lambda: site.broker.read(site.broker.topics.dead_letter)):
        places.append(f"{part}@{seen[part]}")
        seen[part] += 1
    said = table(page, "dead")
    assert len(places) <= 20
    assert sorted(row[2] for row in said) == sorted(places)
    reasons = {show.words(reason): n for reason, n in aside(lambda: outcome_of(site.broker)).balance.dead.items()}
    assert Counter(row[0] for row in said) == reasons


def test_how_long_stages_take_is_what_the_processes_measured(site: Site, page: Page) -> None:
    text = page.request.get(f"http://127.0.0.1:{site.stage.listener_port}/metrics").text()
    buckets = {
        float(sample.labels["le"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "dripcode_mllp_ack_seconds_bucket"
    }
    page.goto(site.page)
    rows = {row[0]: row for row in table(page, "stages")}
    acknowledged = rows["received to acknowledged"]
    assert (number(acknowledged[4]), buckets[inf]) == (len(DAY), len(DAY))
    assert acknowledged[5] == show.milliseconds(quantile(buckets, 0.99))
    assert f"99 % within {show.milliseconds(quantile(buckets, 0.99))}" in page.locator("#tiles").inner_text()
    balance = aside(lambda: outcome_of(site.broker)).balance
    assert number(rows["received to applied"][4]) == balance.applied
    closed = aside(lambda: site.broker.read(site.broker.topics.closed))
    assert number(rows["closed to claim lines"][4]) == len(closed)


def test_the_minutes_of_the_last_hour_add_up(site: Site, page: Page) -> None:
    page.goto(site.page)
    page.locator("#chart-hour summary").click()
    rows = [row.inner_text().split("\t") for row in page.locator("#chart-hour tbody tr").all()]
    received, applied, lines = (sum(number(row[n]) for row in rows) for n in (1, 2, 3))
    added = [line for line in site.values(site.broker.topics.claim_lines) if line["action"] == "add"]
    assert (received, lines) == (len(DAY), len(added))
    assert applied == aside(lambda: outcome_of(site.broker)).balance.applied


def queue_rows(page: Page, address: str) -> list[tuple[str, str, str]]:
    """(encounter, kind's label, codes at stake) of every row, over all pages of the queue."""
    rows, start = [], 0
    while True:
        page.goto(f"{address}{'&' if '?' in address else '?'}start={start}")
        cells = page.evaluate(
            "[...document.querySelectorAll('#findings tbody tr')].map(row => [row.children[0].innerText,"
            " row.querySelector('td b')?.innerText ?? '', row.children[3]?.innerText ?? ''])"
        )
        rows += [tuple(cell.strip() for cell in row) for row in cells if row[1]]
        if len(cells) < 50:
            return rows
        start += 50


def expected_rows(findings: list[dict[str, Any]]) -> Counter[tuple[str, str, str]]:
    stakes = {one["finding_id"]: show.at_stake(one["codes_at_stake"]) or "\u2013" for one in findings}
    return Counter((one["encounter_id"], show.label(one["kind"]), stakes[one["finding_id"]]) for one in findings)


def test_the_work_queue_has_every_finding_once(site: Site, page: Page) -> None:
    agree(lambda: Counter(queue_rows(page, f"{site.page}queue")), lambda: expected_rows(asking(site)))
    assert number(page.locator("#total b").inner_text()) == len(asking(site))


def test_the_work_queue_is_narrowed_by_unit_kind_and_age(site: Site, page: Page) -> None:
    snapshots = aside(lambda: site.broker.read(site.broker.topics.closed))
    where = {
        closed.encounter.encounter_id: closed.encounter.location or closed.encounter.facility
        for closed in (records.decode_closed(value) for _, _, value in snapshots)
    }
    findings = asking(site)
    unit, _ = Counter(where[one["encounter_id"]] for one in findings).most_common(1)[0]
    there = [one for one in findings if where[one["encounter_id"]] == unit]
    agree(lambda: Counter(queue_rows(page, f"{site.page}queue?unit={unit}")), lambda: expected_rows(there))
    kind = there[0]["kind"]
    of_kind = [one for one in there if one["kind"] == kind]
    address = f"{site.page}queue?unit={unit}&kind={kind}"
    agree(lambda: Counter(queue_rows(page, address)), lambda: expected_rows(of_kind))
    chosen = page.locator("select[name=unit] option:checked").inner_text()
    assert chosen.startswith(unit)
    page.goto(f"{site.page}queue?waits=3600")
    assert "Nothing waits that fits" in page.locator("#findings").inner_text()
    kinds = Counter(one["kind"] for one in site.open_findings())
    for option in page.locator("select[name=kind] option").all()[1:]:
        assert number(option.inner_text().rpartition("(")[2]) == kinds[option.get_attribute("value") or ""]


def test_the_claim_lines_add_up(site: Site, page: Page) -> None:
    page.goto(f"{site.page}lines")
    text = page.locator("#sums").inner_text()
    standing = list(site.standing().values())
    assert number(text.split("lines")[0]) == len(standing)
    for status in {line["status"] for line in standing}:
        of = [line for line in standing if line["status"] == status]
        said = re.search(rf"{status}\s+([\d\u202f]+) lines, ([\d\u202f]+) units", text)
        assert said
        assert [number(n) for n in said.groups()] == [len(of), sum(line["units"] for line in of)]
    code, _ = Counter(line["code"] for line in standing).most_common(1)[0]
    page.goto(f"{site.page}lines?code={code}")
    of_code = [line for line in standing if line["code"] == code]
    assert number(page.locator("#sums").inner_text().split("lines")[0]) == len(of_code)
