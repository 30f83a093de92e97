"""The Faust transport for `sqlite://` brokers: one broker file, one worker."""

from typing import Any, ClassVar, cast

import apsw
from faust.transport import base
from faust.types import AppT

from streams import faust_private

from .consumer import Consumer as EmbeddedConsumer
from .errors import UnknownTopic
from .options import options_from
from .producer import Producer as EmbeddedProducer
from .store import Store


class Transport(base.Transport):
    """Makes the consumer and the producer of one app and holds the one connection they share."""

    Consumer: ClassVar[Any] = EmbeddedConsumer
    Producer: ClassVar[Any] = EmbeddedProducer
    Conductor: ClassVar[Any] = faust_private.Conductor

    driver_version = f"apsw={apsw.apsw_version()}"

    def __init__(self, url: list[Any], app: AppT, loop: Any = None) -> None:
        super().__init__(url, app, loop)
        faust_private.require_faust()
        self.options = options_from(url[0])
        self._store: Store | None = None
        self._users: set[object] = set()
        self.consumer: EmbeddedConsumer | None = None

    def create_consumer(self, callback: Any, **options: Any) -> Any:
        """Create the app's consumer, which the producer tells what it has written."""
        self.consumer = cast(EmbeddedConsumer, super().create_consumer(callback, **options))
        return self.consumer

    @property
    def is_open(self) -> bool:
        """Whether there is a store to ask."""
        return self._store is not None

    @property
    def store(self) -> Store:
        """The connection to the broker file; open from the start of the consumer or producer to the end of both."""
        assert self._store is not None, "neither consumer nor producer has been started"
        return self._store

    def open(self, user: object) -> Store:
        """Open the store for a consumer or producer, or share the one the other has opened."""
        if self._store is None:
            options = self.options
            self._store = Store.open(
                options.path, synchronous=options.synchronous.upper(), busy_seconds=options.busy_seconds
            )
        self._users.add(user)
        return self._store

    def close(self, user: object) -> None:
        """Close the store once nobody uses it any more."""
        self._users.discard(user)
        if self._store is not None and not self._users:
            self._store.close()
            self._store = None

    def declare(self, name: str) -> None:
        """Create a topic that is used before it was declared, as a Kafka broker would: as the app describes it.

        Raises:
            UnknownTopic: it does not exist and the app does not allow creating topics.
        """
        if self.store.topic(name) is not None:
            return
        if not self.app.conf.topic_allow_declare:
            raise UnknownTopic(f"topic {name} does not exist, and topic_allow_declare is off")
        described = [topic for topic in self.app.topics if name in topic.topics]
        counts = [topic.partitions for topic in described if topic.partitions]
        if name == self.app.conf.reply_to:
            counts = [1]  # an agent may answer before the asker has declared its topic; Faust will say one partition
        self.store.create_topic(
            name,
            counts[0] if counts else self.app.conf.topic_partitions,
            compacted=any(topic.compacting for topic in described),
        )
