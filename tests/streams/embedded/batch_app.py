"""An app that takes batches and commits what they cause together with their offsets."""

import os
from typing import Any, cast

import faust

from streams.embedded import Record

app = faust.App(
    "batches",
    broker=os.environ["BROKER"],
    datadir=os.environ["APP_DATA"],
    store="memory://",
    topic_partitions=3,
    web_enabled=False,
    stream_wait_empty=False,
)

source = app.topic("source", key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
seen = app.Table("seen", partitions=3)  # filled by its changelog alone, so that a restart has something to recover
padding = bytes(int(os.environ.get("PADDING", "0")))


@app.agent(source)
async def copy(stream: Any) -> None:
    async for events in stream.noack_take(100, within=0.01):
        records = []
        for event in events:
            message = event.message
            name = b'"%d:%d"' % (message.partition, message.offset)
            records.append(Record("copies", message.key, name + padding, partition=message.partition))
            records.append(Record("batches-seen-changelog", name, b"1", partition=message.partition))
        producer, consumer = cast(Any, app.producer), cast(Any, app.consumer)
        await producer.commit_batch(records, consumer.offsets_after(events))
        for event in events[::2]:
            event.ack()  # not needed, and harmless


@app.task
async def say_what_was_recovered() -> None:
    await app.tables.wait_until_recovery_completed()
    print(f"recovered {len(seen)}", flush=True)


if __name__ == "__main__":
    app.main()
