"""An MLLP receiver that does as its script says: answers, is late, cuts the line, talks nonsense."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from streams.mllp import Deframer, frame

CUT = "cut"
Act = bytes | float | str  # bytes are written, a number of seconds is waited, CUT closes the connection
Script = Callable[[int, bytes], Sequence[Act]]


def message(control_id: str, patient: str = "SYN0000001", more: str = "") -> bytes:
    return (
        f"MSH|^~\\&|MAR|SYNTH|DRIP|BILL|20260302080000-0500||RAS^O17^RAS_O17|{control_id}|P|2.5.1{more}\r"
        f"PID|1||{patient}^^^SYNTH^MR||SYNTHETIC^PATIENT\r"
    ).encode("ascii")


def control_id_of(text: bytes) -> str:
    return text.split(b"\r")[0].split(b"|")[9].decode("ascii")


def answer(text: bytes, code: str = "AA", about: str | None = None) -> bytes:
    """An unframed acknowledgement of the message."""
    about = control_id_of(text) if about is None else about
    return f"MSH|^~\\&|DRIP|BILL|MAR|SYNTH|20260302||ACK|A1|P|2.5.1\rMSA|{code}|{about}\r".encode("ascii")


def acknowledge(_count: int, text: bytes) -> Sequence[Act]:
    return [frame(answer(text))]


class Receiver:
    """Listens on a free port; `received` is what came, in order, `connections` how many were opened."""

    def __init__(self, script: Script = acknowledge) -> None:
        self.script = script
        self.received: list[bytes] = []
        self.by_connection: list[list[bytes]] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        return len(self.by_connection)

    async def __aenter__(self) -> Self:
        await self.listen(0)
        return self

    async def listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        mine: list[bytes] = []
        self.by_connection.append(mine)
        deframer = Deframer(1_000_000)
        try:
            while data := await reader.read(65536):
                for text in deframer.feed(data):
                    self.received.append(text)
                    mine.append(text)
                    if not await _act(self.script(len(self.received), text), writer):
                        return
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)


async def _act(acts: Sequence[Act], writer: asyncio.StreamWriter) -> bool:
    for act in acts:
        if isinstance(act, bytes):
            writer.write(act)
            await writer.drain()
        elif isinstance(act, str):
            return False
        else:
            await asyncio.sleep(act)
    return True
