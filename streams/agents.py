"""The two agents and the close timer: take a batch, one pure call, write everything it causes.

A batch is taken without acknowledging it (streams/intake.py): that follows when everything that it caused is
confirmed. Concurrency is 1: Faust commits wrong offsets when acknowledgements have gaps.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import faust
from faust.types import TP, StreamT

from streams import records
from streams.apply import Applier, Inbound
from streams.claims import Issuer
from streams.dead_letters import NO_TRIES, Origin, Tries, Why, dead_letter
from streams.intake import Message, batches
from streams.progress import MessagesSkipped
from streams.settings import Settings
from streams.topics import Topics
from streams.watchdog import Watchdog
from streams.worker_metrics import WorkerMetrics
from streams.writing import BatchWriter, InTurn, Record, Then, nothing

log = logging.getLogger("dripcode.agents")


@dataclass(frozen=True, slots=True)
class Desk:
    """What the agents work with."""

    topics: Topics
    applier: Applier
    issuer: Issuer
    writer: BatchWriter
    metrics: WorkerMetrics
    after: Callable[[Sequence[Record]], Then] = lambda _: nothing  # what follows once records are confirmed

    async def apply(self, messages: Sequence[Message]) -> None:
        """Apply inbound messages and commands, write their facts and what closes, acknowledge."""
        batch = [_inbound(message) for message in messages]
        await self._end_if_skipped(*self.applier.skipped(batch))
        out, counts = self.applier.apply(batch, time.time())
        await self.writer.write(out, messages, self.after(out))
        self.metrics.applied(counts)

    async def code(self, messages: Sequence[Message]) -> None:
        """Code closed encounters, write claim lines and findings, acknowledge."""
        out: list[Record] = []
        lines: list[dict[str, object]] = []
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        offsets = [(message.partition, message.offset) for message in messages]
        await self._end_if_skipped(*self.issuer.skipped(offsets))
        for message in messages:
            began, outcome = time.perf_counter(), "coded"
            try:
                of_encounter, issued = self.issuer.issue(message.partition, message.value or b"", now)
            except Exception as wrong:  # noqa: BLE001 - nothing may escape: a poison encounter would stop its partition
                origin = Origin(message.topic, message.partition, message.offset)
                # Where and which error, never its text: it may hold what the record held.
                log.error("coding failed at %s: %s", origin, type(wrong).__name__)
                why = Why(f"CODING_{type(wrong).__name__}")
                key, value = message.key or b"", message.value or b""
                out.append(dead_letter(self.topics.dead_letter, key, value, origin, why, tries=_tries(message.headers)))
                outcome = "failed"
            else:
                out += of_encounter
                lines += issued
            self.metrics.coding.observe(outcome, [time.perf_counter() - began])
        await self.writer.write([*out, *self.issuer.advance(offsets)], messages)
        self.metrics.issued(lines, [message.timestamp for message in messages if message.timestamp])

    async def _end_if_skipped(self, noted: list[Record], errors: list[MessagesSkipped]) -> None:
        """Note gaps in what was delivered, then raise, before anything behind them is acknowledged."""
        if errors:
            await self.writer.write(noted, [])
            raise errors[0]

    def recovered(self, tp: TP) -> int:
        """The next offset due in a partition, by what its tables hold; 0 when they do not tell."""
        if tp.topic == self.topics.inbound:
            return self.applier.partition(tp.partition).tally.next_offset
        if tp.topic == self.topics.closed:
            return self.issuer.partition(tp.partition).progress.next_offset
        return 0

    def due_commands(self) -> list[Record]:
        """Close commands for what is due in the partitions this worker owns."""
        now = time.time()
        return [
            Record(self.topics.commands, command.patient.encode(), records.encode(command), partition=number)
            for number in list(self.applier.partitions)
            for command in self.applier.due_commands(number, now)
        ]


def install_agents(app: faust.App, desk: Desk, settings: Settings) -> None:
    """Subscribe the agents and start the timers on an app."""
    topics = desk.topics
    watchdog = Watchdog(app, desk.metrics, settings.stuck_after.total_seconds(), desk.recovered)

    def topic(*names: str) -> faust.TopicT:
        return app.topic(*names, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    def ahead() -> Desk:
        """The desk of one agent, which works out a batch while the one before is being written."""
        return replace(desk, writer=InTurn(app, desk.writer, watchdog.progressed))

    reads = topics.inbound, topics.commands

    @app.agent(topic(*reads), name="assemble", concurrency=1)
    async def assemble(stream: StreamT[bytes]) -> None:
        """Keep each message as a fact; send an encounter on when it closes, and again after late news.

        Key: patient, on topic and table alike, so one partition owns a patient.
        Delivery: at least once; a message read twice is the same fact and is counted once.
        """
        await _work(app, batches(app, stream, reads, settings.batch_size), ahead().apply)

    @app.agent(topic(topics.closed), name="code", concurrency=1)
    async def code(stream: StreamT[bytes]) -> None:
        """Code each closed encounter into its claim set.

        Key: patient. Delivery: at least once; a closed encounter read twice publishes the same lines again.
        """
        await _work(app, batches(app, stream, [topics.closed], settings.batch_size), ahead().code)

    @app.task
    async def ready() -> None:
        """Say so once the tables are recovered and the agents take messages."""
        log.info("worker ready: %s", app.conf.id)

    @app.timer(settings.close_check_every.total_seconds(), name="close")
    async def close() -> None:
        """Look for encounters that are due; the agent that owns the partition decides."""
        if app.rebalancing or not app.tables.actives_ready:
            return
        commands = desk.due_commands()
        if commands:
            await desk.writer.write(commands, [])

    @app.timer(5.0, name="watch")
    async def watch() -> None:
        """Exit when there is lag and the commit does not move: a restart mends what we cannot see from inside."""
        await watchdog.check()


async def _work(
    app: faust.App, taken: AsyncIterator[Sequence[Message]], handle: Callable[[Sequence[Message]], Awaitable[None]]
) -> None:
    """Hand batches on. A failure ends the worker: what is not acknowledged is read again."""
    async for messages in taken:
        try:
            await handle(messages)
        except Exception as wrong:
            log.error("the worker ends: %s", wrong)
            await app.crash(wrong)
            raise


def _inbound(message: Message) -> Inbound:
    received = next((value for name, value in message.headers or () if name == "received_at"), None)
    return Inbound(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key or b"",
        value=message.value or b"",
        received_at=_number(received) or message.timestamp or time.time(),
        tries=_tries(message.headers),
    )


def _tries(headers: Iterable[tuple[str, bytes]] | None) -> Tries:
    """The history of a message that was a dead letter before."""
    found = {name: value for name, value in headers or () if name in ("replayed_from", "replays")}
    if not found:
        return NO_TRIES
    replayed_from = found.get("replayed_from", b"").decode("utf-8", "replace")
    return Tries(replayed_from=replayed_from, replays=int(_number(found.get("replays"))))


def _number(header: bytes | None) -> float:
    try:
        return float(header or b"0")
    except ValueError:
        return 0.0
