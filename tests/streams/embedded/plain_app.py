"""An ordinary Faust app, as its documentation would have it: it knows nothing of the broker it runs on."""

import json
import os
from typing import Any

import faust

app = faust.App(
    "plain",
    broker=os.environ["BROKER"],
    datadir=os.environ["APP_DATA"],
    store="memory://",
    topic_partitions=3,
    web_enabled=False,
    broker_commit_interval=0.3,
    stream_wait_empty=False,
)

amounts = app.topic("amounts", key_type=str, value_type=int)
doubled = app.topic("doubled", key_type=str, value_type=int)
snapshots = app.topic("snapshots", value_type=str)
ticks = app.topic("ticks", value_type=str)
answers = app.topic("answers", value_type=int)
questions = app.topic("questions", value_type=str)

totals = app.Table("totals", default=int)
doubled_totals = app.Table("doubled_totals", default=int)
per_hour = app.Table("per_hour", default=int).tumbling(3600.0, expires=7200.0)


@app.agent(amounts)
async def add_up(stream: Any) -> Any:
    async for key, amount in stream.items():
        if amount < 0:
            totals.pop(key, None)
            continue
        totals[key] += amount
        per_hour[key] += 1
        await doubled.send(key=key, value=2 * amount)


@app.agent(doubled)
async def add_up_doubled(stream: Any) -> Any:
    async for key, amount in stream.items():
        doubled_totals[key] += amount


@app.agent()
async def square(stream: Any) -> Any:
    async for number in stream:
        yield number * number


@app.agent(questions)
async def answer(stream: Any) -> Any:
    async for question in stream:
        if question == "state":
            state = {"totals": dict(totals), "doubled": dict(doubled_totals)}
            await snapshots.send(value=json.dumps(state, sort_keys=True))
        else:
            await answers.send(value=await square.ask(int(question)))


@app.timer(0.2)
async def tick() -> None:
    await ticks.send(value="tick")


if __name__ == "__main__":
    app.main()
