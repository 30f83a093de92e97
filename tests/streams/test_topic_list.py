"""topics.toml names every topic that the flow has, and no other."""

from datetime import timedelta

from streams.settings import load_settings
from streams.topic_list import wanted_topics
from streams.topics import topics_of

SETTINGS = load_settings(environment={"DRIPCODE_TOPIC_PREFIX": "north-"})[0]


def test_every_topic_of_the_flow_stands_in_the_file_in_its_order() -> None:
    topics = topics_of(SETTINGS)
    assert [topic.name for topic in wanted_topics(SETTINGS)] == [*topics.plain(), *topics.compacted()]


def test_changelogs_are_compacted_and_the_rest_is_kept_for_more_than_a_year() -> None:
    kept = {topic.name: topic.keeps for topic in wanted_topics(SETTINGS)}
    assert {name for name, keeps in kept.items() if keeps is None} == set(topics_of(SETTINGS).compacted())
    looked_at = kept.pop(topics_of(SETTINGS).open)
    assert looked_at == SETTINGS.close_at_age  # what stands open for longer closes
    assert min(keeps for keeps in kept.values() if keeps) > timedelta(days=366)


def test_one_copy_may_be_away_where_there_are_several() -> None:
    topic = wanted_topics(SETTINGS)[0]
    in_sync = [topic.configuration(copies)["min.insync.replicas"] for copies in (1, 2, 3)]
    assert in_sync == ["1", "1", "2"]
