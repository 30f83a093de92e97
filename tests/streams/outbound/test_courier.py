"""A delivery that dies at any moment loses nothing, and repeats nothing under another name."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from streams.embedded.records import Record
from streams.formats.charge import Document, News
from streams.outbound.courier import Away, Courier, TopicChanged
from streams.outbound.journal import Journal, JournalError, Outgoing
from streams.provision import open_store
from streams.read_model.following import follower_of
from streams.settings import Settings, load_settings
from streams.topics import topics_of
from tests.streams.issued import Line, as_published, by_name, histories, line, standing, version

READY = frozenset({"ready"})


class Died(Exception):
    """The process is gone."""


class Deathbed:
    """Dies at one of the next moments, before or after what it wraps."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.left = 0  # moments; 0: lives for ever

    def moment(self) -> None:
        if self.left:
            self.left -= 1
            if not self.left:
                raise Died

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            self.moment()
            result = function(*arguments, **named)
            self.moment()
            return result

        return wrapped


class Receiver:
    """Remembers everything that arrives; may refuse, may be away."""

    def __init__(self, deathbed: Deathbed | None = None) -> None:
        self.arrived: list[Document] = []
        self.deathbed = deathbed or Deathbed(random.Random(0))
        self.refuses: Callable[[Outgoing], str] = lambda _: ""
        self.is_away = False

    def documents(self, news: Sequence[News], _number: int) -> list[Document]:
        return [Document(one.id, json.dumps(_said(one)).encode(), one.key) for one in news]

    async def hand_over(self, document: Outgoing) -> str:
        self.deathbed.moment()
        if self.is_away:
            raise Away("nobody answers")
        refusal = self.refuses(document)
        if not refusal:
            self.arrived.append(Document(document.name, document.content, document.key))
        self.deathbed.moment()
        return refusal

    async def close(self) -> None:
        pass


def _said(news: News) -> list[list[Any]]:
    rows = [(one, "CD") for one in news.reversed] + [(one, "CG") for one in news.made]
    return [[one.transaction_id, kind, one.line["claim_line_id"], one.line["units"]] for one, kind in rows]


def balance(documents: Sequence[Document]) -> set[tuple[str, int]]:
    """What is charged in the end. A charge is made once, taken back once, after it was made."""
    charged: dict[str, tuple[str, int]] = {}
    seen: Counter[tuple[str, str]] = Counter()
    for document in documents:
        for transaction, kind, key, units in json.loads(document.content):
            seen[transaction, kind] += 1
            if kind == "CG":
                charged[transaction] = (key, units)
            else:
                assert charged.pop(transaction) == (key, units)
    assert set(seen.values()) <= {1}
    return set(charged.values())


def settings_in(folder: Path) -> Settings:
    environment = {"DRIPCODE_DATA_DIR": str(folder), "DRIPCODE_PARTITIONS": "3"}
    return load_settings(environment=environment)[0]


def put(settings: Settings, found: Sequence[Record]) -> None:
    with open_store(settings) as store:
        store.append_many(found)


async def deliver(settings: Settings, receiver: Receiver, wrap: Callable[[Journal], None] = lambda _: None) -> Courier:
    topics = topics_of(settings)
    with Journal.open(settings.data_dir / "state.db", {}) as journal:
        wrap(journal)
        async with follower_of(settings, (topics.claim_lines,)) as follower:
            courier = Courier(journal, follower, topics, receiver, READY)
            await courier.deliver()
            return courier


@pytest.mark.parametrize("seed", range(12))
def test_a_delivery_that_dies_again_and_again_ends_with_what_stands(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    settings = settings_in(tmp_path)
    made = histories(chance, encounters=12, versions=5)
    to_come = as_published(chance, made, topics_of(settings).claim_lines)
    deathbed = Deathbed(chance)
    receiver = Receiver(deathbed)
    deaths = 0

    def wrap(journal: Journal) -> None:
        for name in ("take", "settle", "arrived"):
            setattr(journal, name, deathbed.around(getattr(journal, name)))

    while to_come or deaths < 15:
        count = chance.randint(0, 25)
        put(settings, to_come[:count])
        to_come = to_come[count:]
        deathbed.left = chance.randint(1, 20)
        try:
            asyncio.run(deliver(settings, receiver, wrap))
        except Died:
            deaths += 1
        else:
            deaths += not to_come  # there was nothing left to die of
    deathbed.left = 0
    asyncio.run(deliver(settings, receiver))
    assert balance(by_name(receiver.arrived)) == standing(made)


def test_nothing_new_delivers_nothing(tmp_path: Path) -> None:
    settings, receiver = settings_in(tmp_path), Receiver()
    put(settings, records(settings, version(1, [line("a")])))
    assert asyncio.run(deliver(settings, receiver)).delivered == 1
    assert asyncio.run(deliver(settings, receiver)).delivered == 0


def test_what_nobody_of_ours_wrote_keeps_nothing_back(tmp_path: Path) -> None:
    settings, receiver = settings_in(tmp_path), Receiver()
    topic = topics_of(settings).claim_lines
    put(settings, [Record(topic, b"V1", b"not a line"), *records(settings, version(1, [line("a")]))])
    assert asyncio.run(deliver(settings, receiver)).delivered == 1


def records(settings: Settings, lines: Sequence[Line]) -> list[Record]:
    topic = topics_of(settings).claim_lines
    return [Record(topic, one["encounter_id"].encode(), json.dumps(one).encode()) for one in lines]


def test_what_follows_a_refusal_waits_for_its_encounter_alone(tmp_path: Path) -> None:
    settings, receiver = settings_in(tmp_path), Receiver()
    receiver.refuses = lambda document: "AE" if "SYNV1" in document.key else ""
    put(settings, records(settings, version(1, [line("a")]) + version(1, [line("b", "V2")])))
    asyncio.run(deliver(settings, receiver))
    put(settings, records(settings, version(2, [line("c")], [line("a")])))
    asyncio.run(deliver(settings, receiver))
    assert balance(receiver.arrived) == {("b", 1)}
    with Journal.open(settings.data_dir / "state.db", {}) as journal:
        assert [one.refusal for one in journal.outgoing()] == ["AE", ""]
    receiver.refuses = lambda _: ""
    assert asyncio.run(deliver(settings, receiver)).delivered == 2
    assert balance(receiver.arrived) == {("b", 1), ("c", 1)}


def test_a_refused_document_can_be_given_up_and_no_other(tmp_path: Path) -> None:
    settings, receiver = settings_in(tmp_path), Receiver()
    receiver.refuses = lambda _: "AR"
    put(settings, records(settings, version(1, [line("a")])))
    asyncio.run(deliver(settings, receiver))
    with Journal.open(settings.data_dir / "state.db", {}) as journal:
        (one,) = journal.refused()
        assert not journal.give_up("another")
        assert journal.give_up(one.name)
        assert journal.outgoing() == []


def test_a_destination_that_is_away_gets_it_later(tmp_path: Path) -> None:
    settings, receiver = settings_in(tmp_path), Receiver()
    put(settings, records(settings, version(1, [line("a")])))
    receiver.is_away = True
    with pytest.raises(Away):
        asyncio.run(deliver(settings, receiver))
    receiver.is_away = False
    asyncio.run(deliver(settings, receiver))
    assert balance(receiver.arrived) == {("a", 1)}


def test_a_broker_made_anew_is_told_from_one_with_nothing_new(tmp_path: Path) -> None:
    settings, receiver = settings_in(tmp_path), Receiver()
    put(settings, records(settings, version(1, [line("a")])))
    asyncio.run(deliver(settings, receiver))
    for path in tmp_path.glob("broker.db*"):
        path.unlink()
    with pytest.raises(TopicChanged, match="another"):
        asyncio.run(deliver(settings, receiver))


def test_a_memory_serves_one_delivery_of_one_kind(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "state.db", {"format": "csv"}), pytest.raises(JournalError, match="another delivery"):
        Journal.open(tmp_path / "state.db", {"format": "csv"})
    with pytest.raises(JournalError, match="made for format csv, not x12"):
        Journal.open(tmp_path / "state.db", {"format": "x12"})
    with Journal.open(tmp_path / "state.db", {"format": "csv"}) as journal:
        assert journal.positions() == {}


def test_a_file_that_is_no_memory_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(JournalError, match=r"state\.db: cannot be used"):
        Journal.open(path, {})
