"""What one event costs as its encounter grows, and what the close timer costs when nothing is due."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hl7_parsers import events as hl7
from streams import records
from streams.apply import Applier, Inbound, Rules
from streams.assemble import Site
from streams.close import Patience
from streams.records import Command
from streams.settings import Settings
from streams.topics import Topics, topics_of
from tests.bench.tables import Spread, Table, ratios

ROUNDS = 7
ENCOUNTERS = 20  # side by side, so that one place is timed over many events
PLACES = (10, 100, 1000)
AROUND = 5  # events before and after the place that are timed with it
OPEN = 100_000
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
NOW = START.timestamp()
PATIENCE = Patience(4 * 3600.0, 24 * 3600.0, 30 * 24 * 3600.0)


def run() -> list[Table]:
    return [_event_cost(), _late_cost(), _tick_cost()]


def message(encounter: int, number: int) -> hl7.Message:
    """The charting of one infusion, the number'th of its encounter."""
    at = hl7.Time(START + timedelta(minutes=number))
    event = hl7.AdministrationGiven(
        placer=f"ORD{number}", sub_id="1", word="CP", at=at, stop=hl7.Time(at.at + timedelta(minutes=45)),
        drug=hl7.Code(f"SYN{number % 60}", f"drug {number % 60}", "99SYN"), route="intravenous", method="infusion",
        access_site="LA-PIV", dose=None, entered=at,
        places={"placer": "ORC[1]-2", "at": "RXA[1]-3", "stop": "RXA[1]-4", "drug": "RXA[1]-5", "route": "RXR[1]-1"},
    )  # fmt: skip
    header = hl7.Header(f"C{encounter}-{number}", "RAS^O17", "2.5.1", "MAR", "SYNTH", at)
    return hl7.Message(
        header, hl7.Patient(f"SYN{encounter}", "SYNTH"), hl7.Visit(f"V{encounter}", "PV1-19", "O"), (event,)
    )


def _applier(read: Callable[[bytes], hl7.Message]) -> tuple[Applier, Topics]:
    topics = topics_of(Settings())
    return Applier(topics, Rules(read, Site(), PATIENCE)), topics


def _inbound(topic: str, offset: int, value: bytes) -> Inbound:
    return Inbound(topic, 0, offset, b"", value, NOW)


def _event_cost() -> Table:
    """One event a batch, the reading left out: what is timed is the fact, the standing, the due time, the tally."""
    taken: dict[int, list[float]] = {place: [] for place in PLACES}
    for _ in range(ROUNDS):
        read = {b"%d-%d" % (e, n): message(e, n) for e in range(ENCOUNTERS) for n in range(1, PLACES[-1] + AROUND + 1)}
        applier, topics = _applier(read.__getitem__)
        offset = 0
        spent = dict.fromkeys(PLACES, 0.0)
        for number in range(1, PLACES[-1] + AROUND + 1):
            batches = [[_inbound(topics.inbound, offset + e, b"%d-%d" % (e, number))] for e in range(ENCOUNTERS)]
            offset += ENCOUNTERS
            began = time.process_time()
            for batch in batches:
                applier.apply(batch, NOW)
            lasted = time.process_time() - began
            for place in PLACES:
                spent[place] += lasted if abs(number - place) <= AROUND else 0.0
        for place in PLACES:
            taken[place].append(spent[place] / ENCOUNTERS / (2 * AROUND + 1))
    return Table(
        "Applying one event as the encounter grows",
        f"`Applier.apply`, a batch of one event, reading left out; {ENCOUNTERS} open encounters side by side, the "
        f"{AROUND} events before and after the place timed with it; CPU time of {ROUNDS} rounds, median "
        "(least - greatest).",
        ["event of its encounter", "µs", "against the 10th"],
        [
            [f"{place:,}th", Spread.of(1e6 * s for s in taken[place]), ratios(taken[place], taken[10])]
            for place in PLACES
        ],
    )


def _late_cost() -> Table:
    """News for a closed encounter sends it on again, folded anew from all its facts."""
    taken: dict[int, list[float]] = {place: [] for place in PLACES}
    for _ in range(ROUNDS):
        for place in PLACES:
            read = {b"%d" % number: message(0, number) for number in range(place + 3)}
            applier, topics = _applier(read.__getitem__)
            applier.apply([_inbound(topics.inbound, n, b"%d" % n) for n in range(place)], NOW)
            close = records.encode(Command("close", "SYNTH|SYN0", "V0", at=NOW))
            applier.apply([_inbound(topics.commands, 0, close)], NOW)
            began = time.process_time()
            for number in range(place, place + 3):
                out, _ = applier.apply([_inbound(topics.inbound, number, b"%d" % number)], NOW)
            taken[place].append((time.process_time() - began) / 3)
            assert any(record.topic == topics.closed for record in out)
    each = {place: [one / place for one in seconds] for place, seconds in taken.items()}
    return Table(
        "Late news for a closed encounter",
        "The same, after the encounter was closed: its facts are folded and the encounter is sent on again, once a "
        "batch; facts and administrations made lately are remembered. The last column is the cost of one fact against "
        "that among ten: 1 is growth in proportion.",
        ["facts", "µs", "µs a fact", "against ten"],
        [
            [
                f"{place:,}",
                Spread.of(1e6 * s for s in taken[place]),
                Spread.of(1e6 * s for s in each[place]),
                ratios(each[place], each[10]),
            ]
            for place in PLACES
        ],
    )


def _tick_cost() -> Table:
    read = {b"%d" % number: message(number, 1) for number in range(OPEN)}
    applier, topics = _applier(read.__getitem__)
    for first in range(0, OPEN, 500):
        applier.apply([_inbound(topics.inbound, n, b"%d" % n) for n in range(first, first + 500)], NOW)
    few, _ = _applier(read.__getitem__)
    few.apply([_inbound(topics.inbound, n, b"%d" % n) for n in range(100)], NOW)
    assert len(applier.partition(0).due) == OPEN
    many_taken, few_taken = ([_ticks(one) for _ in range(ROUNDS)] for one in (applier, few))
    return Table(
        "The close timer when nothing is due",
        f"`Applier.due_commands`, CPU time of {ROUNDS} rounds of 1,000 looks, median (least - greatest).",
        ["open encounters", "µs a look", "against 100"],
        [
            ["100", Spread.of(1e6 * one for one in few_taken), "1"],
            [f"{OPEN:,}", Spread.of(1e6 * one for one in many_taken), ratios(many_taken, few_taken)],
        ],
    )


def _ticks(applier: Applier) -> float:
    began = time.process_time()
    for _ in range(1000):
        assert not applier.due_commands(0, NOW + 60)
    return (time.process_time() - began) / 1000
