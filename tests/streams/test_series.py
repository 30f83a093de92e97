"""Series accounts: one number for weeks of visits, an encounter for each date of service."""

import random

from hypothesis import given as for_all
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hl7_parsers import events as hl7
from hl7_parsers.events import Code, Message, Visit
from streams.records import Command
from streams.series import split_day
from tests.streams.build import clock, message
from tests.streams.cluster import Cluster, assert_each_version_takes_back_the_one_before, folded, oracle
from tests.streams.test_handing import merged

HOUR = 3600.0
DAY = 24 * HOUR


def account(patient_class: str = "R") -> Visit:
    return Visit("ACC1", "PID-18", patient_class)


def registered(day: int = 2) -> Message:
    event = hl7.EncounterOpened(at=clock("07:00", day), entered=clock("07:00", day))
    return sent(event, "07:00", day, "ADT^A04")


def discharged(day: int) -> Message:
    event = hl7.EncounterClosed(at=clock("20:00", day), entered=clock("20:00", day))
    return sent(event, "20:00", day, "ADT^A03")


def infused(order: str, start: str, stop: str, day: int, stop_day: int = 0, *, drug: str = "ceftriaxone") -> Message:
    event = hl7.AdministrationGiven(
        placer=order, sub_id="1", word="CP", at=clock(start, day), stop=clock(stop, stop_day or day),
        drug=Code(drug.upper(), drug, "99SYN"), route="intravenous", method="infusion",
        entered=clock(stop, stop_day or day),
    )  # fmt: skip
    return sent(event, stop, stop_day or day, "RAS^O17")


def sent(event: hl7.AnyEvent, at: str, day: int, kind: str) -> Message:
    made = message(event, kind=kind, visit=account())
    header = hl7.Header(made.header.control_id, kind, "2.5.1", "MAR", "SYNTH", clock(at, day))
    return hl7.Message(header, made.patient, made.visit, made.events)


def played(*messages: Message) -> Cluster:
    cluster = Cluster(2, random.Random(0))
    for one in messages:
        cluster.send(one)
    cluster.run()
    return cluster


def roles(cluster: Cluster) -> dict[str, list[tuple[str, int]]]:
    return {
        encounter: sorted((line["code"], line["units"]) for line in lines)
        for encounter, lines in cluster.standing().items()
    }


def test_each_date_of_a_series_has_an_initial_service_of_its_own() -> None:
    messages = [registered(), infused("O1", "09:00", "10:00", 2), infused("O2", "09:00", "11:00", 9)]
    cluster = played(*messages)
    cluster.close_all(folded(messages).accounts())
    assert roles(cluster) == {
        "ACC1@2026-03-02": [("96365", 1)],
        "ACC1@2026-03-09": [("96365", 1), ("96366", 1)],
    }
    assert cluster.standing() == oracle(messages)[0]


def test_a_service_past_midnight_is_one_service_of_the_day_it_began() -> None:
    messages = [
        registered(),
        infused("O1", "23:00", "01:30", 2, 3),
        infused("O2", "01:00", "01:40", 3, drug="ondansetron"),
        infused("O3", "09:00", "10:00", 3),
    ]
    cluster = played(*messages)
    cluster.close_all(folded(messages).accounts())
    by_day = {
        encounter: {one for line in lines for one in line["administration_ids"]}
        for encounter, lines in cluster.standing().items()
    }
    assert by_day == {"ACC1@2026-03-02": {"O1:1", "O2:1"}, "ACC1@2026-03-03": {"O3:1"}}


def test_each_date_closes_when_it_is_quiet_and_later_dates_stay_open() -> None:
    cluster = played(registered(), infused("O1", "09:00", "10:00", 2))
    cluster.tick(23 * HOUR)
    assert cluster.standing() == {}
    cluster.tick(25 * HOUR)
    assert set(cluster.standing()) == {"ACC1@2026-03-02"}
    cluster.now = 7 * DAY
    cluster.send(infused("O2", "09:00", "10:00", 9))
    cluster.run()
    assert set(cluster.standing()) == {"ACC1@2026-03-02"}
    cluster.tick(8 * DAY + HOUR)
    assert set(cluster.standing()) == {"ACC1@2026-03-02", "ACC1@2026-03-09"}


def test_late_news_of_one_date_issues_that_date_alone() -> None:
    messages = [registered(), infused("O1", "09:00", "10:00", 2), infused("O2", "09:00", "11:00", 9)]
    cluster = played(*messages)
    cluster.close_all(folded(messages).accounts())
    before = len(cluster.published)
    cluster.send(infused("O3", "12:00", "13:00", 2, drug="ondansetron"))
    cluster.run()
    assert {line["encounter_id"] for line in cluster.published[before:]} == {"ACC1@2026-03-02"}


def test_a_command_may_name_one_date() -> None:
    cluster = played(registered(), infused("O1", "09:00", "10:00", 2), infused("O2", "09:00", "11:00", 9))
    cluster.command(Command("close", "SYNTH|SYN1", "ACC1@2026-03-09"))
    cluster.run()
    assert set(cluster.standing()) == {"ACC1@2026-03-09"}
    assert split_day("ACC1@2026-03-09") == ("ACC1", "2026-03-09")
    assert split_day("A@B") == ("A@B", "")


def test_an_account_that_turns_out_to_be_a_series_is_divided_and_its_whole_is_void() -> None:
    plain = [
        hl7.Message(one.header, one.patient, account("O"), one.events)
        for one in (infused("O1", "09:00", "10:00", 2), infused("O2", "09:00", "11:00", 9))
    ]
    cluster = played(*plain)
    cluster.close_all(folded(plain).accounts())
    assert set(cluster.standing()) == {"ACC1"}
    cluster.send(registered())
    cluster.run()
    assert set(cluster.standing()) == {"ACC1@2026-03-02", "ACC1@2026-03-09"}
    assert cluster.standing() == oracle([*plain, registered()])[0]


EVENTS = [
    registered(),
    infused("O1", "09:00", "10:00", 2),
    infused("O2", "09:00", "11:00", 9),
    infused("O3", "23:30", "00:45", 9, 10, drug="ondansetron"),
    infused("O4", "00:30", "00:50", 10, drug="saline"),
    discharged(12),
    merged("SYN1", "SYN2", "23:59"),
]


@for_all(order=st.permutations(range(len(EVENTS))), seed=st.integers(0, 1000), crashes=st.integers(0, 3))
@hypothesis_settings(deadline=None, max_examples=40)
def test_any_order_of_a_merged_series_ends_the_same(order: list[int], seed: int, crashes: int) -> None:
    cluster = Cluster(4, random.Random(seed), crashes)
    for number in order:
        cluster.send(EVENTS[number])
        if cluster.chance.random() < 0.2:
            cluster.close_all(folded(EVENTS[1:2]).accounts())
        while cluster.chance.random() < 0.5 and cluster.step():
            pass
    cluster.run()
    cluster.close_all(folded(EVENTS).accounts())
    lines, findings = oracle(EVENTS)
    assert cluster.standing() == lines
    assert cluster.open_findings() == findings
    assert_each_version_takes_back_the_one_before(cluster.published, is_calm=not crashes)
