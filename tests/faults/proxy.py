"""A loopback port whose traffic goes to another port, until it is told to stall, to be slow, or to reset it all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.servers.ports import free_port

_SLOW_SECONDS = 0.15  # what each piece waits while it is slow


class Proxy:
    """Runs in a thread of its own.

    A cut network loses no byte out of the middle of a TCP connection: it stalls, and goes on or is reset. So here:
    `stall` lets nothing through and has new connections hang, `slow` delays each piece, `reset` closes what there is
    and whatever comes, "" lets all through again.
    """

    def __init__(self, target: int = 0) -> None:
        self.port = free_port()
        self.target = target
        self._how = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()
        self._passes = asyncio.Event()
        self._connections: set[asyncio.StreamWriter] = set()
        self._stop = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the proxy does not start"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._call(self._stop.set)
        self._thread.join(10)

    def disturb(self, how: str) -> None:
        """Change what happens to the traffic: stall, slow, reset, or "" for nothing."""
        assert how in ("", "stall", "slow", "reset")
        self._call(lambda: self._set(how))

    def _call(self, what: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(what)

    def _set(self, how: str) -> None:
        self._how = how
        if how == "stall":
            self._passes.clear()
        else:
            self._passes.set()
        if how == "reset":
            for writer in list(self._connections):
                writer.transport.abort()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._passes.set()
        async with await asyncio.start_server(self._connected, "127.0.0.1", self.port):
            self._ready.set()
            await self._stop.wait()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await asyncio.sleep(0)  # the transports close their sockets

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        beyond: asyncio.StreamWriter | None = None
        try:
            await self._passes.wait()
            if self._how == "reset":
                writer.transport.abort()
                return
            from_beyond, beyond = await asyncio.open_connection("127.0.0.1", self.target)
            self._connections.add(beyond)
            pumps = [asyncio.create_task(self._pump(*way)) for way in ((reader, beyond), (from_beyond, writer))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # nobody listens beyond, or the proxy ends: the connection ends with it
        finally:
            for each in (writer, beyond):
                if each is not None:
                    self._connections.discard(each)
                    if self._stop.is_set():
                        each.transport.abort()
                    else:
                        each.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if self._how == "slow":
                    await asyncio.sleep(_SLOW_SECONDS)
                await self._passes.wait()
                writer.write(data)
                await writer.drain()
