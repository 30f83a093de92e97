"""Dead letters, the notes of their replays, and what both make of a letter's standing; on a real broker file."""

import asyncio
from pathlib import Path

import pytest

from hl7_parsers import parse_message
from streams.appenders import EmbeddedAppender
from streams.apply import Applier, Inbound
from streams.dead_letters import Origin, Tries, Why, dead_letter
from streams.embedded.records import Record
from streams.embedded.store import Store
from streams.provision import broker_path, open_store
from streams.reading import reader_of
from streams.replay import CannotReplay, Letter, Shelf, read_shelf, replay, replayed_record
from streams.settings import Settings
from streams.site import rules_of
from streams.topics import app_id, topics_of
from tests.streams.gateway import message, settings_in

NO_PATIENT = message(1, pid="")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = settings_in(tmp_path)
    open_store(found).close()
    return found


def put(settings: Settings, *records: Record) -> None:
    with Store.open(broker_path(settings)) as store:
        store.append_many(records)


def died(settings: Settings, value: bytes = NO_PATIENT, offset: int = 7, tries: Tries | None = None) -> Record:
    topics = topics_of(settings)
    origin = Origin(topics.inbound, 2, offset)
    tries = tries or Tries(received_at=1000.5)
    return dead_letter(topics.dead_letter, b"|", value, origin, Why("NO_PATIENT", "PID-3"), tries=tries)


def shelf_of(settings: Settings) -> Shelf:
    async def read() -> Shelf:
        async with reader_of(settings) as reader:
            return await read_shelf(reader, topics_of(settings))

    return asyncio.run(read())


def send_again(settings: Settings, *letters: Letter, content: bytes | None = None) -> None:
    async def send() -> None:
        appender = EmbeddedAppender(settings)
        await appender.start()
        notes, problems = await replay(letters, topics_of(settings), appender, content)
        await appender.stop()
        assert len(notes) == len(letters)
        assert problems == []

    asyncio.run(send())


def work(settings: Settings) -> None:
    """Apply what lies on the inbound topic, as the worker would, from its start."""
    topics = topics_of(settings)
    applier = Applier(topics, rules_of(settings))
    with Store.open(broker_path(settings)) as store:
        for partition in range(settings.partitions):
            done = store.committed(app_id(settings), (topics.inbound, partition)) or 0
            batch = [
                Inbound(topics.inbound, partition, r.offset, r.key or b"", r.value or b"", 1000.5, _tries(r.headers))
                for r in store.read(topics.inbound, partition, done, 1000)
            ]
            out, _ = applier.apply(batch, 0.0)
            ends = {(topics.inbound, partition): done + len(batch)}
            dead = [record for record in out if record.topic == topics.dead_letter]
            store.append_and_commit(dead, app_id(settings), ends)


def _tries(headers: object) -> Tries:
    found = dict(headers)  # type: ignore[call-overload]
    return Tries(replayed_from=found.get("replayed_from", b"").decode(), replays=int(found.get("replays", b"0")))


def states(settings: Settings) -> list[str]:
    shelf = shelf_of(settings)
    return [shelf.standing(letter).state for letter in shelf.letters]


def test_a_letter_is_open_then_sent_then_replayed(settings: Settings) -> None:
    put(settings, died(settings, message(1)))
    assert states(settings) == ["open"]
    send_again(settings, *shelf_of(settings).letters)
    assert states(settings) == ["sent"]
    work(settings)
    assert states(settings) == ["replayed"]


def test_a_letter_that_dies_again_is_failed_and_the_new_one_counts_the_tries(settings: Settings) -> None:
    put(settings, died(settings))
    for tries in (1, 2, 3):
        shelf = shelf_of(settings)
        [letter] = [letter for letter in shelf.letters if shelf.standing(letter).state == "open"]
        send_again(settings, letter)
        work(settings)
        shelf = shelf_of(settings)
        successor = shelf.standing(letter).successor
        assert successor is not None
        assert successor.tries == Tries(1000.5, letter.id, tries)
        assert successor.value == NO_PATIENT
    assert sorted(states(settings)) == ["failed", "failed", "failed", "open"]


def test_a_replayed_message_says_where_it_comes_from_and_when_it_was_received_first(settings: Settings) -> None:
    put(settings, died(settings, message(5)))
    [letter] = shelf_of(settings).letters
    record = replayed_record(letter, topics_of(settings))
    headers = dict(record.headers)
    assert record.value == message(5)
    assert record.key == b"SYNTH|SYN1"
    assert headers["replayed_from"] == letter.id.encode()
    assert headers["replays"] == b"1"
    assert headers["received_at"] == b"1000.500"
    assert headers["control_id"] == b"C5"


def test_other_content_goes_under_its_own_patient(settings: Settings) -> None:
    put(settings, died(settings))
    [letter] = shelf_of(settings).letters
    send_again(settings, letter, content=message(1, pid="SYN9^^^SYNTH^MR"))
    work(settings)
    shelf = shelf_of(settings)
    assert shelf.standing(letter).state == "replayed"
    note = shelf.standing(letter).replay
    assert note is not None
    assert note.is_replaced
    with Store.open(broker_path(settings)) as store:
        [record] = store.read(note.topic, note.partition, note.offset, 1)
    assert record.key == b"SYNTH|SYN9"
    assert parse_message(record.value or b"").patient.id == "SYN9"


def test_a_letter_of_another_topic_goes_back_there_as_it_was(settings: Settings) -> None:
    topics = topics_of(settings)
    why = Why("CODING_ValueError")
    put(settings, dead_letter(topics.dead_letter, b"SYNTH|SYN1", b"{}", Origin(topics.closed, 1, 5), why))
    [letter] = shelf_of(settings).letters
    record = replayed_record(letter, topics)
    assert (record.topic, record.key, record.value) == (topics.closed, b"SYNTH|SYN1", b"{}")
    with pytest.raises(CannotReplay, match="replaced"):
        replayed_record(letter, topics, b"other")


def test_a_letter_of_a_topic_that_is_not_ours_stays(settings: Settings) -> None:
    topics = topics_of(settings)
    put(settings, dead_letter(topics.dead_letter, b"", b"", Origin("elsewhere", 0, 0), Why("X")))
    with pytest.raises(CannotReplay, match="elsewhere"):
        replayed_record(shelf_of(settings).letters[0], topics)


def test_the_tally_counts_a_replay_as_received_and_says_that_it_was_one(settings: Settings) -> None:
    topics = topics_of(settings)
    applier = Applier(topics, rules_of(settings))
    texts = [message(1), message(1), NO_PATIENT]
    batch = [Inbound(topics.inbound, 0, n, b"", text, 0.0, Tries(0.0, "0@1", n % 2)) for n, text in enumerate(texts)]
    applier.apply(batch, 0.0)
    tally = applier.partition(0).tally
    assert (tally.received, tally.replayed) == (3, 1)
    applier.apply(batch, 0.0)  # read again after a crash
    assert (tally.received, tally.replayed) == (3, 1)
