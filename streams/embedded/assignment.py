"""Give the one worker every partition, by way of Faust's own assignor, which table recovery asks afterwards."""

from collections.abc import Iterable
from typing import Any, cast

from faust.types import TP, AppT

from .store import Store

_MEMBER = "embedded"


class _Cluster:
    """What the assignor asks of Kafka's cluster metadata."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def partitions_for_topic(self, name: str) -> set[int] | None:
        """Return the topic's partitions, or None when there is no such topic."""
        topic = self._store.topic(name)
        return None if topic is None else set(range(topic.partitions))


def assign(app: AppT, topics: Iterable[str], store: Store) -> set[TP]:
    """Return all partitions of the topics, after Faust's assignor has taken note of them."""
    assignor = cast(Any, app.assignor)
    members = {_MEMBER: assignor.metadata(set(topics))}
    ours = assignor.assign(_Cluster(store), members)[_MEMBER]
    assignor.on_assignment(ours)
    return {TP(topic, partition) for topic, partitions in ours.assignment for partition in partitions}
