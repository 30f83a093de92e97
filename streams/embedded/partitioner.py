"""Which partition a key belongs to: the same one Kafka's default partitioner would choose."""

from collections.abc import Sequence

from aiokafka.partitioner import DefaultPartitioner

_kafka_choice = DefaultPartitioner()


def partition_for(key: bytes | None, partitions: Sequence[int]) -> int:
    """Return the partition of a key (murmur2), or a random one for a record without a key."""
    choice: int = _kafka_choice(key, partitions, partitions)
    return choice
