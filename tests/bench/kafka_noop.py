"""A worker that does nothing: Faust's own cost of handing messages over, by its own consumer, settings as ours.

python -m tests.bench.kafka_noop      # settings from the environment; runs until it is told to stop
"""

from __future__ import annotations

from dataclasses import replace

import faust
from faust.types import StreamT

from streams.app import make_app
from streams.settings import load_settings
from streams.topics import topics_of


def app_that_does_nothing() -> faust.App:
    settings = replace(load_settings()[0], kafka_transport="stock")
    app = make_app(settings)
    inbound = app.topic(
        topics_of(settings).inbound, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )

    @app.agent(inbound, name="nothing", concurrency=1)
    async def nothing(stream: StreamT[bytes]) -> None:
        async for _ in stream:
            pass

    return app


if __name__ == "__main__":
    faust.Worker(
        app_that_does_nothing(), loglevel="warning", quiet=True, redirect_stdouts=False
    ).execute_from_commandline()
