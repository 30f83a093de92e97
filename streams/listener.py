"""MLLP in, ACK out: a message is answered only after the broker has confirmed it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl

from streams.answers import AnswerPolicy
from streams.append_queue import Appender, AppendQueue
from streams.conversation import Conversation, Ended, Limits
from streams.delivery import Desk
from streams.metrics import ListenerMetrics
from streams.settings import Settings
from streams.tls import ListenerTls, names_in, refusal_of
from streams.topics import topics_of

log = logging.getLogger("dripcode.listener")

# How long a handshake, and the last bytes of a connection that is being closed, may take; seconds.
_HANDSHAKE_SECONDS = 10.0
_CLOSING_SECONDS = 1.0
# A peer that is gone without a word is noticed after about two minutes of silence.
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3))


class Listener:
    """Serves MLLP connections, so many at once; all append through one queue."""

    def __init__(self, desk: Desk, limits: Limits, connections_most: int = 500, tls: ListenerTls | None = None) -> None:
        self.desk = desk
        self.limits = limits
        self.connections_most = connections_most
        self.tls = tls
        self._conversations: dict[asyncio.Task[None], Conversation | None] = {}
        self._server: asyncio.Server | None = None
        self._is_closing = False
        self._is_full = False

    @property
    def port(self) -> int:
        """The port that is bound (useful when 0 was asked for)."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def trouble(self) -> str:
        """Why messages cannot be stored; "" when they can."""
        return self.desk.queue.trouble

    async def start(self, host: str, port: int) -> None:
        self.desk.queue.start()
        self._server = await asyncio.start_server(self._accept, host, port)
        log.info("listening for MLLP on %s:%d%s", host, self.port, " with TLS" if self.tls else "")

    async def stop(self, grace: float = 5.0) -> None:
        """Take no new connections, answer what was read, then close."""
        self._is_closing = True
        if self._server is not None:
            self._server.close()
        for conversation in self._conversations.values():
            if conversation is not None:
                conversation.leave()
        if self._conversations:
            _, late = await asyncio.wait(self._conversations, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self.desk.queue.stop()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Nothing may be awaited before start_tls: the first bytes of the handshake are its.
        where = _where(writer)
        if self._is_closing or not self._has_place(where):
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._conversations[task] = None
        self.desk.metrics.connections.inc()
        try:
            if await self._secured(writer, where):
                await self._converse(task, reader, writer, where)
        except asyncio.CancelledError:  # by stop(), out of patience; asyncio would take it for an error of ours
            log.warning("connection of %s ended by the stop, some of its messages not answered", where)
        finally:
            self.desk.metrics.connections.dec()
            del self._conversations[task]
            writer.close()

    def _has_place(self, where: str) -> bool:
        """Whether one more connection may be; says once when there is no place, and once when there is again."""
        if len(self._conversations) < self.connections_most:
            self._is_full = False
            return True
        self.desk.metrics.refused.labels("too_many").inc()
        if not self._is_full:
            log.error("connection of %s refused: there are %d, see mllp_connections", where, self.connections_most)
            self._is_full = True
        return False

    async def _secured(self, writer: asyncio.StreamWriter, where: str) -> bool:
        """Do the TLS handshake if there is one to do. False when the peer may not come in; why is said."""
        if self.tls is None:
            return True
        try:
            await writer.start_tls(self.tls.context(), ssl_handshake_timeout=_HANDSHAKE_SECONDS)
        except (OSError, ssl.SSLError) as wrong:
            refusal = refusal_of(wrong)
            self.desk.metrics.refused.labels(refusal.reason).inc()
            log.warning("connection of %s refused: %s", where, refusal.told)
            return False
        certificate = writer.get_extra_info("peercert")
        if not self.tls.admits(certificate):
            self.desk.metrics.refused.labels("tls_name").inc()
            names = ", ".join(names_in(certificate)) or "no name"
            log.warning("connection of %s refused: %s is not in mllp_tls_client_names", where, names)
            return False
        return True

    async def _converse(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter, where: str
    ) -> None:
        _keep_alive(writer)
        conversation = Conversation(reader, writer, where, self.limits, self.desk)
        self._conversations[task] = conversation
        if self._is_closing:
            return
        try:
            await conversation.hold()
        except ConnectionError:
            log.info("connection of %s was cut", where)
        except ssl.SSLError as wrong:
            log.info("connection of %s was cut: %s", where, wrong.reason)
        except Ended as ended:
            self.desk.metrics.refused.labels(ended.reason).inc()
            level = logging.INFO if ended.reason == "idle" else logging.WARNING
            log.log(level, "connection of %s closed: %s", where, ended)
            if ended.reason == "unread":
                writer.transport.abort()
        await _hand_over(reader, writer)


def listener_of(
    settings: Settings, appender: Appender, metrics: ListenerMetrics, tls: ListenerTls | None = None
) -> Listener:
    """A listener as the settings say."""
    queue = AppendQueue(appender, metrics, settings.mllp_room, settings.mllp_store_timeout.total_seconds())
    limits = Limits(
        longest_message=settings.mllp_max_message,
        idle_seconds=settings.mllp_idle_timeout.total_seconds(),
        message_seconds=settings.mllp_message_timeout.total_seconds(),
        answer_seconds=settings.mllp_answer_timeout.total_seconds(),
        in_flight=settings.mllp_in_flight,
    )
    topic = topics_of(settings).inbound
    desk = Desk(topic, queue, metrics, AnswerPolicy.of(settings), settings.mllp_max_message)
    return Listener(desk, limits, settings.mllp_connections, tls)


async def _hand_over(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let the last answers reach the peer: closing over bytes that were not read would make the kernel drop them."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_CLOSING_SECONDS):
            if writer.can_write_eof() and not writer.is_closing():
                writer.write_eof()
                while await reader.read(65536):
                    pass
            writer.close()
            await writer.wait_closed()


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is None:
        return
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _where(writer: asyncio.StreamWriter) -> str:
    peer = writer.get_extra_info("peername")
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "unknown"
