"""The agents that bench_broker.py measures; MODE says which one runs."""

import os
from typing import Any, cast

import faust

from streams.embedded import Record

app = faust.App(
    "bench",
    broker=os.environ["BROKER"],
    datadir=os.environ["APP_DATA"],
    store="memory://",
    topic_partitions=4,
    web_enabled=False,
    stream_wait_empty=False,
    broker_commit_interval=0.2,
)
mode = os.environ["MODE"]
raw: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
source = app.topic("source", **raw)
copies = app.topic("copies", **raw)
facts = app.Table("facts", default=int, partitions=4)


@app.agent(source)
async def measured(stream: Any) -> None:
    producer, consumer = cast(Any, app.producer), cast(Any, app.consumer)
    if mode == "items":
        async for key, value in stream.items():
            facts[key.decode()] += 1
            await copies.send(key=key, value=value)
    elif mode == "items, no effect":
        async for _ in stream.items():
            pass
    else:
        async for events in stream.noack_take(500, within=0.02):
            records = []
            if mode == "batch":
                for event in events:
                    message = event.message
                    name = b'"%d:%d"' % (message.partition, message.offset)
                    records.append(Record("copies", message.key, message.value, partition=message.partition))
                    records.append(Record("bench-facts-changelog", name, b"1", partition=message.partition))
            await producer.commit_batch(records, consumer.offsets_after(events))


if __name__ == "__main__":
    app.main()
