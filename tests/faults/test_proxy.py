"""The proxy passes bytes on, stalls without losing any, and resets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.faults.proxy import Proxy


@asynccontextmanager
async def through(proxy: Proxy) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection through the proxy to a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1000):
                writer.write(data)
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        proxy.target = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            await asyncio.sleep(0.1)  # the echo sees the end and closes


def test_what_is_stalled_comes_whole_afterwards() -> None:
    async def scene(proxy: Proxy) -> None:
        async with through(proxy) as (reader, writer):
            writer.write(b"one")
            assert await reader.readexactly(3) == b"one"
            proxy.disturb("stall")
            await asyncio.sleep(0.1)
            writer.write(b"two")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.3)
            proxy.disturb("slow")
            writer.write(b"three")
            assert await asyncio.wait_for(reader.readexactly(8), 5) == b"twothree"

    with Proxy() as proxy:
        asyncio.run(scene(proxy))


def test_a_reset_ends_what_there_is_and_what_comes_until_it_is_over() -> None:
    async def scene(proxy: Proxy) -> None:
        async with through(proxy) as (reader, writer):
            writer.write(b"one")
            assert await reader.readexactly(3) == b"one"
            proxy.disturb("reset")
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await asyncio.wait_for(reader.readexactly(1), 5)
            reader_again, writer_again = await asyncio.open_connection("127.0.0.1", proxy.port)
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await asyncio.wait_for(reader_again.readexactly(1), 5)
            writer_again.close()
            proxy.disturb("")
            await asyncio.sleep(0.1)
            later, to_later = await asyncio.open_connection("127.0.0.1", proxy.port)
            to_later.write(b"two")
            assert await asyncio.wait_for(later.readexactly(3), 5) == b"two"
            to_later.close()

    with Proxy() as proxy:
        asyncio.run(scene(proxy))
