"""What a process says of itself on the read model, once a second: the samples of its own /metrics, and its trouble."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable

import msgspec
from prometheus_client import CollectorRegistry

from streams.read_model.shelf import ReadModelAway, Shelf

log = logging.getLogger("dripcode.read_model")

EVERY_SECONDS = 1.0
STANDS_SECONDS = 15.0  # a process that says nothing for so long is shown no more


class Notice(msgspec.Struct):
    """One process. Times in seconds since 1970; samples are (name, labels, value) as Prometheus would scrape them."""

    role: str  # worker, listener, projector
    process: str  # host and process id, or the worker's instance name
    started_at: float
    at: float
    trouble: str  # "" when it is well
    samples: list[tuple[str, dict[str, str], float]]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Notice).decode


def read_notices(notices: dict[str, bytes]) -> list[Notice]:
    """The notices that are up, in order of name."""
    return [_decode(value) for _, value in sorted(notices.items())]


def process_name(instance: str = "") -> str:
    """The configured name of the process, else its host and process id."""
    return instance or f"{socket.gethostname()}:{os.getpid()}"


async def keep_noticed(
    shelf: Shelf, role: str, process: str, registry: CollectorRegistry, trouble: Callable[[], str]
) -> None:
    """Put the notice up anew until cancelled. With the store away work goes on; the log says so once."""
    started, is_away = time.time(), False
    while True:
        notice = Notice(role, process, started, time.time(), trouble(), _samples(registry))
        try:
            await shelf.notice(f"{role}:{process}", _encode(notice), STANDS_SECONDS)
        except ReadModelAway as wrong:
            if not is_away:
                log.warning("read model: %s; the pages miss this process, nothing else does", wrong)
            is_away = True
        else:
            if is_away:
                log.info("read model: back")
            is_away = False
        await asyncio.sleep(EVERY_SECONDS)


def _samples(registry: CollectorRegistry) -> list[tuple[str, dict[str, str], float]]:
    return [
        (sample.name, dict(sample.labels), sample.value)
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]
