"""What each topic needs, read from topics.toml: one list for both brokers."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from streams.settings import Settings, read_duration

_FILE = files("streams") / "topics.toml"


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """A topic as it should be on the broker; `keeps` None: compacted."""

    name: str  # with the site's prefix
    keeps: timedelta | None
    max_message_bytes: int

    @property
    def retention_ms(self) -> int | None:
        return None if self.keeps is None else int(self.keeps.total_seconds() * 1000)

    def configuration(self, replication: int) -> Mapping[str, str]:
        """Kafka's settings of the topic."""
        kept = {"cleanup.policy": "compact"} if self.keeps is None else {"retention.ms": str(self.retention_ms)}
        in_sync = str(max(1, replication - 1))
        return {**kept, "max.message.bytes": str(self.max_message_bytes), "min.insync.replicas": in_sync}


def wanted_topics(settings: Settings) -> list[WantedTopic]:
    """Every topic in flow order, named as the site names them."""
    found = _read()
    return [
        WantedTopic(
            f"{settings.topic_prefix}{name}",
            None if topic["keeps"] == "compacted" else read_duration(topic["keeps"]),
            found["max_message_bytes"],
        )
        for name, topic in found["topic"].items()
    ]


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))
