"""`dripcode demo`: a synthetic hospital day through listener, worker and coding, in front of your eyes."""

from __future__ import annotations

import asyncio
import secrets
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

import coding
from streams.appenders import appender_of
from streams.demo.hospital_day import Sent, describe, hospital_day
from streams.demo.screen import Feed, balance_lines, findings_table, lines_table, live_view
from streams.demo.stage import DEMO_PATIENCE, Stage, StageError, port_or_free
from streams.demo.watch import Watch
from streams.embedded.records import Record
from streams.mllp_client import send_all
from streams.provision import open_store, provision_kafka
from streams.reading import reader_of
from streams.records import Command, encode
from streams.settings import Settings, load_settings
from streams.site import coder_of
from streams.topics import topics_of

DAY = date(2026, 3, 2)
# How long the day takes when somebody looks on.
DAY_SECONDS = 90.0
# How long after the last message the day may take to be coded before the demo gives up, seconds.
PATIENCE_SECONDS = 120.0


@click.command()
@click.option("--once", is_flag=True, help="End when the day is coded.")
@click.option("--seed", default=1, show_default=True, help="Another seed, another day.")
@click.option("--encounters", default=320, show_default=True, help="How many encounters the day has.")
@click.option("--connections", default=4, show_default=True, help="MLLP connections of the sender.")
@click.option("--rate", type=float, help="Messages a second, 0 for as fast as they are acknowledged (so with --once).")
@click.option("--folder", type=click.Path(path_type=Path), help="Keep broker file and logs here.")
@click.option("--broker", metavar="URL", help="kafka://HOST:PORT to run on, in topics of its own; else a file.")
def command(
    once: bool,
    seed: int,
    encounters: int,
    connections: int,
    rate: float | None,
    folder: Path | None,
    broker: str | None,
) -> None:
    """Send a synthetic hospital day over MLLP and watch claim lines come out, on the pages and in the terminal."""
    console = Console()
    made = tempfile.TemporaryDirectory(prefix="dripcode-demo-") if folder is None else None
    place = Path(made.name) if made else folder
    assert place is not None
    place.mkdir(parents=True, exist_ok=True)
    stage = Stage(place, {**DEMO_PATIENCE, **_on(broker)})
    if not once:  # a run to look at answers where a user would look
        stage.mllp_port, stage.worker_port, stage.web_port = (port_or_free(wanted) for wanted in (2575, 9464, 8080))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whatever ends the demo, its processes end with it
    keep: AbstractContextManager[object] = made or nullcontext()
    with keep:
        try:
            Show(console, stage, hospital_day(seed, encounters, DAY)).run(connections, rate, once=once)
        except StageError as wrong:
            raise click.ClickException(f"{wrong}\n{_tail(place)}") from None
        except KeyboardInterrupt:
            console.print("stopping")
        finally:
            stage.stop()


class Show:
    """One run of the demo: the day, its stage, and what a person sees of it."""

    def __init__(self, console: Console, stage: Stage, day: Sequence[Sent]) -> None:
        self.console = console
        self.stage = stage
        self.day = day
        self.settings = _settings(stage)
        self.feed = Feed(len(day))
        self.watch: Watch

    def run(self, connections: int, rate: float | None, *, once: bool) -> None:
        """Start, feed, wait until it is coded, tell what came of it; go on until Ctrl-C unless `once`."""
        began = time.monotonic()
        self.console.print(describe(self.day))
        if self.settings.is_embedded:
            open_store(self.settings).close()
        else:
            asyncio.run(provision_kafka(self.settings))
        self.stage.start_worker()
        self.stage.start_listener()
        if not once:
            self.stage.start_pages()
            rate = len(self.day) / DAY_SECONDS if rate is None else rate
        self.stage.wait_ready()
        self.console.print(f"\nlistener and worker ready after {time.monotonic() - began:.1f} s; sending\n")
        if not once:
            self.console.print(f"[bold]Watch it at {self.stage.page}[/bold]\n", highlight=False)
        asyncio.run(self._watched(connections, rate or None, once=once))

    async def _watched(self, connections: int, rate: float | None, *, once: bool) -> None:
        async with reader_of(self.settings) as reader:
            self.watch = Watch(reader, topics_of(self.settings))
            await self._play(connections, rate)
            self._tell()
            if not once:
                await self._keep_running()
                return
            self.console.print(
                "\nThis was `dripcode demo --once`. To keep it running: dripcode demo"
                "\nTo try messages of your own: dripcode code FILE.hl7  (or --explain for a person's view)",
                highlight=False,
                soft_wrap=True,
            )

    async def _play(self, connections: int, rate: float | None) -> None:
        sending = asyncio.create_task(self._send(connections, rate))
        with self._live() as show:
            await self._until(sending.done, show)
            await sending
            self.feed.ended = time.monotonic()
            await self._until(lambda: self.watch.lag == 0, show)
            await self._close_the_rest()
            await self._until(self._is_coded, show)

    async def _send(self, connections: int, rate: float | None) -> None:
        def progress(acknowledged: int) -> None:
            self.feed.acknowledged = acknowledged

        report = await send_all(
            [message.text for message in self.day],
            "127.0.0.1",
            self.stage.mllp_port,
            connections=connections,
            rate=rate,
            on_progress=progress,
        )
        self.feed.acknowledged = report.answered
        self.report = report

    async def _until(self, is_done: Callable[[], bool], show: Callable[[], None]) -> None:
        """Look and show until it is done. Raises StageError when it takes too long or a process ends."""
        last_news, waiting_since = -1, time.monotonic()
        while True:
            await self.watch.look()
            show()
            self.stage.check()
            if is_done():
                return
            news = self.watch.received + self.watch.balance.received + len(self.watch.claim_sets)
            if news != last_news:
                last_news, waiting_since = news, time.monotonic()
            elif time.monotonic() - waiting_since > PATIENCE_SECONDS:
                raise StageError(f"nothing has moved for {PATIENCE_SECONDS:.0f} s")
            await asyncio.sleep(0.1)

    def _live(self) -> AbstractContextManager[Callable[[], None]]:
        """The live view on a terminal; elsewhere nothing until the end."""
        if not self.console.is_terminal:
            return nullcontext(lambda: None)
        return _LiveView(Live(console=self.console, refresh_per_second=8), self)

    async def _close_the_rest(self) -> None:
        """The day is over: close what is still open, as a person would by command."""
        commands = []
        for who in sorted(self.watch.encounters):
            if who.encounter_id not in self.watch.closed:
                close = Command("close", *who, at=time.time())
                commands.append(Record(self.watch.topics.commands, who.patient.encode(), encode(close)))
        appender = appender_of(self.settings)
        await appender.start()
        try:
            for answer in await appender.append(commands):
                if isinstance(answer, Exception):
                    raise StageError(f"a command could not be stored: {answer}")
        finally:
            await appender.stop()

    def _is_coded(self) -> bool:
        return self.watch.lag == 0 and len(self.watch.closed) == len(self.watch.encounters)

    def _tell(self) -> None:
        """The balance, the lines by code, the findings, three encounters explained."""
        watch, console = self.watch, self.console
        console.print(
            f"{self.feed.acknowledged} messages sent and stored in {self.feed.seconds:.1f} s, "
            f"{self.feed.rate:.0f} a second\n{self.report.summary()}\n",
            highlight=False,
        )
        received = watch.received
        for line in balance_lines(received, watch.balance):
            console.print(line, highlight=False)
        console.print(
            f"{len(watch.closed)} encounters closed and coded, {watch.reissued} of them again after late news",
            highlight=False,
        )
        if received != watch.balance.received:
            raise StageError("the balance does not close: a message is unaccounted for")
        console.print()
        console.print(lines_table(watch))
        console.print()
        console.print(findings_table(watch))
        coder = coder_of(self.settings)
        for encounter_id in _examples(self.day):
            encounter = watch.closed[encounter_id].encounter
            console.print()
            console.print(coding.explain(encounter, coder.code(encounter)), highlight=False, soft_wrap=True)

    async def _keep_running(self) -> None:
        stage = self.stage
        self.console.print(
            f"\nStill running; Ctrl-C stops it."
            f"\n  pages: {stage.page}"
            f"\n  send messages of your own: dripcode send FILE.hl7 --to 127.0.0.1:{stage.mllp_port}"
            f"\n  metrics: http://127.0.0.1:{stage.worker_port}/metrics and http://127.0.0.1:{stage.listener_port}/metrics"
            f"\n  broker file and logs: {stage.folder}",
            highlight=False,
        )
        with self._live() as show:
            while True:
                await self.watch.look()
                show()
                stage.check()
                await asyncio.sleep(0.25)


class _LiveView(AbstractContextManager[Callable[[], None]]):
    def __init__(self, live: Live, show: Show) -> None:
        self.live, self.show = live, show

    def __enter__(self) -> Callable[[], None]:
        self.live.__enter__()
        return lambda: self.live.update(live_view(self.show.feed, self.show.watch))

    def __exit__(self, *what: object) -> None:
        self.live.__exit__(None, None, None)


def _on(broker: str | None) -> dict[str, str]:
    """The settings of a day on Kafka: topics that no other day has."""
    if not broker:
        return {}
    return {
        "DRIPCODE_BROKER": broker,
        "DRIPCODE_TOPIC_PREFIX": f"demo-{secrets.token_hex(4)}-",
        "DRIPCODE_INSTANCE": "demo",
    }


def _settings(stage: Stage) -> Settings:
    return load_settings(environment={k: v for k, v in stage.variables().items() if k.startswith("DRIPCODE_")})[0]


# By the family names of their synthetic patients: two access sites, and a pause.
_TOLD = (b"SYNTHETIC-TWICE-TWO-LINES^", b"SYNTHETIC-PAUSED^")


def _examples(day: Sequence[Sent]) -> list[str]:
    """Three encounters worth explaining: two seed examples and the observation stay with the most messages."""
    named = [next(m.encounter_id for m in day if name in m.text and m.encounter_id) for name in _TOLD]
    observed = Counter(m.encounter_id for m in day if m.department == "observation" and m.encounter_id)
    return [*named, *(encounter_id for encounter_id, _ in observed.most_common(1))]


def _tail(folder: Path, lines: int = 12) -> str:
    """The last lines of each log."""
    return "\n".join(
        f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
        for log in sorted(folder.glob("*.log"))
    )
