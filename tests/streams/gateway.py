"""A listener on a broker file of its own, brokers that misbehave, and the sender's end of a connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from streams.append_queue import Appender, RecordTooLarge
from streams.appenders import appender_of
from streams.embedded.records import Position, Record
from streams.embedded.store import Store
from streams.listener import Listener, listener_of
from streams.metrics import ListenerMetrics
from streams.mllp import frame
from streams.provision import broker_path
from streams.settings import Settings, load_settings
from streams.tls import ListenerTls
from streams.topics import topics_of
from tests.waiting import PATIENCE


def message(number: int, msh_15: str = "", msh_16: str = "", pid: str = "SYN1^^^SYNTH^MR") -> bytes:
    head = f"MSH|^~\\&|MAR|SYNTH|DRIP|BILL|20260302090000-0500||RAS^O17|C{number}|P|2.5.1|||{msh_15}|{msh_16}"
    return f"{head}\rPID|1||{pid}\rPV1|1|O||||||||||||||||||V1\r".encode()


def settings_in(folder: Path, **given: object) -> Settings:
    """Settings of a broker file in a folder, with some set."""
    return load_settings(environment={"DRIPCODE_DATA_DIR": str(folder)}, given=given)[0]


def stored(settings: Settings) -> list[bytes]:
    """Every message on the inbound topic, partition after partition."""
    topic = topics_of(settings).inbound
    with Store.open(broker_path(settings)) as store:
        return [r.value or b"" for n in range(settings.partitions) for r in store.read(topic, n, 0, 100_000)]


@dataclass
class Gateway:
    """A listener that runs."""

    settings: Settings
    listener: Listener
    metrics: ListenerMetrics
    port: int

    def count(self, name: str, **labels: str) -> float:
        """A counter's or gauge's value; 0.0 when it was never touched."""
        return self.metrics.registry.get_sample_value(f"dripcode_mllp_{name}", labels) or 0.0

    def stored(self) -> list[bytes]:
        return stored(self.settings)

    @asynccontextmanager
    async def peer(self, context: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
        """A connection to it."""
        name = "localhost" if context else None
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=name)
        try:
            yield Peer(reader, writer)
        finally:
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(2):
                    await writer.wait_closed()


@dataclass
class Peer:
    """The sender's end."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> bytes:
        """The next answer, without its frame. Raises IncompleteReadError when there is none."""
        async with asyncio.timeout(PATIENCE):
            return (await self.reader.readuntil(b"\x1c\r")).removeprefix(b"\x0b").removesuffix(b"\x1c\r")

    async def tell(self, text: bytes) -> bytes:
        """Send a message and give its answer."""
        self.write(frame(text))
        return await self.answer()

    async def is_closed(self) -> bool:
        """Whether the listener closes without another byte; waits for it."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True


@asynccontextmanager
async def gateway(settings: Settings, appender: Appender | None = None, port: int = 0) -> AsyncIterator[Gateway]:
    """A listener as the settings say, on a free port; `appender` in place of the broker's own."""
    own = appender_of(settings)
    await own.start()
    metrics = ListenerMetrics()
    listener = listener_of(settings, appender or own, metrics, ListenerTls.of(settings))
    await listener.start("127.0.0.1", port)
    try:
        yield Gateway(settings, listener, metrics, listener.port)
    finally:
        await listener.stop()
        await own.stop()


def msa(answer: bytes) -> bytes:
    """MSA-1 and MSA-2 of an answer, as "AA|C1"."""
    return next(line for line in answer.split(b"\r") if line.startswith(b"MSA"))[4:]


class FullDisk:
    """A broker that takes nothing, until it has room."""

    def __init__(self) -> None:
        self.has_room = False

    async def append(self, records: Sequence[Record]) -> list[Position | Exception]:
        if not self.has_room:
            raise OSError("disk full")
        return [Position(0, 0) for _ in records]


@dataclass
class Gated:
    """A broker that confirms when it is let."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    taken: list[Record] = field(default_factory=list)

    async def append(self, records: Sequence[Record]) -> list[Position | Exception]:
        self.taken += records
        await self.gate.wait()
        return [Position(0, number) for number, _ in enumerate(records)]


class Picky:
    """A broker that finds every message with BIG in it too large."""

    async def append(self, records: Sequence[Record]) -> list[Position | Exception]:
        return [RecordTooLarge("too large") if b"BIG" in (r.value or b"") else Position(0, 0) for r in records]
