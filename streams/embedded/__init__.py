"""The embedded default: a Faust transport on one SQLite file, for one node and one worker.

The broker file (no Faust needed; any process)
    with Store.open(path) as store:                      # synchronous="FULL": a return means it is on the disk
        store.create_topic("hl7.inbound", 4)
        store.append("hl7.inbound", key, value, headers)              -> Position(partition, offset)
        store.append_many([Record(topic, key, value, headers), …])    -> [Position, …], one transaction
        store.read("hl7.inbound", partition, from_offset, limit)      -> [StoredRecord, …]
        store.highwater(topic, partition), store.earliest(topic, partition)
        store.committed(group, (topic, partition)), store.lag(group, topic), store.commit(group, {tp: offset})

The worker
    app = faust.App("dripcode", broker=broker_url(path), store="memory://", stream_wait_empty=False)
    broker_url(path, synchronous="full", poll_ms=5, …): options in `options.Options`; broker_file(url): back to the path
    The consumer group is the app's id (`app.conf.id`).

An agent that takes batches
    async for events in stream.noack_take(500, within=0.05):
        …
        offsets = app.consumer.offsets_after(events)        # {TP: next to read}; raises when an event is missing
        await app.producer.commit_batch(records, offsets)   # Records and offsets, one transaction: exactly once
        await app.producer.send_batch(records)              # Records alone, one transaction
    The events need no ack(). A topic that is committed so must be read by one agent only.

A failed write raises StoreFailed and ends the app; nothing later is committed. Who appended without Faust may open a
new Store and go on: what it was not told of as appended is not there. Errors are drawn in `errors`.

Limits: one node, one worker per app id, a local disk. Never open the file with the standard library's sqlite3 in a
process that has a Store: it is another copy of SQLite and drops the locks of ours when it closes.
"""

from .errors import (
    BadBrokerUrl,
    BadRecord,
    BatchOutOfOrder,
    EmbeddedError,
    FaustChanged,
    NotABrokerFile,
    SqliteTooOld,
    StoreFailed,
    TopicMismatch,
    UnknownTopic,
    WorkerAlreadyRunning,
)
from .options import Options, broker_file, broker_url
from .records import Position, Record, StoredRecord, Topic, TopicPartition
from .store import Store

__all__ = [
    "BadBrokerUrl",
    "BadRecord",
    "BatchOutOfOrder",
    "EmbeddedError",
    "FaustChanged",
    "NotABrokerFile",
    "Options",
    "Position",
    "Record",
    "SqliteTooOld",
    "Store",
    "StoreFailed",
    "StoredRecord",
    "Topic",
    "TopicMismatch",
    "TopicPartition",
    "UnknownTopic",
    "WorkerAlreadyRunning",
    "broker_file",
    "broker_url",
]
