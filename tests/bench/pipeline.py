"""The whole way on the embedded broker: the worker on a day that lies there already, and with the listener in front."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from streams.batch import Folded, read_all
from streams.close import standing_of
from streams.demo.stage import Stage
from streams.embedded.store import Store
from streams.mllp_client import percentile, send_all
from streams.provision import broker_path, open_store
from streams.settings import Settings, load_settings
from streams.site import rules_of
from streams.tls import client_context
from streams.topics import Topics, app_id, topics_of
from tests.bench.messages import LARGE_DAY, day, records
from tests.bench.processes import Pace, cpu_seconds, folder, follow, pace, stage_in, wait_for
from tests.bench.tables import Spread, Table
from tests.servers.certificates import Authority

ROUNDS = 3
WAYS = ((4, False), (20, False), (20, True))  # connections, TLS
# What lies there was discharged long ago: encounters close at the timer's next look.
AT_ONCE = {"DRIPCODE_CLOSE_AFTER_DISCHARGE": "1ms"}


def run() -> list[Table]:
    return [_worker_table(), _listener_table()]


def settings_in(place: Path, environment: dict[str, str]) -> Settings:
    return load_settings(environment={"DRIPCODE_DATA_DIR": str(place), **environment})[0]


@cache
def closing_encounters(encounters: int) -> int:
    """How many encounters of the day close by themselves: those with a discharge or a cancellation that stands."""
    folded = Folded()
    for read in read_all([("day", message.text) for message in day(encounters)], rules_of(Settings())):
        folded.take(read)
    standings = (standing_of(iter(facts.values())) for facts in folded.encounters.values())
    return sum(standing.status[1] in ("discharge", "cancelled") for standing in standings)


class Watched:
    """The broker file as an outsider sees it."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.topics: Topics = topics_of(settings)
        self.group = app_id(settings)
        self.partitions = settings.partitions

    def highwater(self, topic: str) -> int:
        return sum(self.store.highwater(topic, partition) for partition in range(self.partitions))

    def done(self, topic: str) -> int:
        """Messages of the topic that are applied, everything that they caused written in the same transaction."""
        return sum(self.store.committed(self.group, (topic, number)) or 0 for number in range(self.partitions))

    def is_coded(self, encounters: int) -> bool:
        """Nothing waits, and so many encounters have been closed and coded."""
        topics = self.topics
        if any(self.done(name) < self.highwater(name) for name in (topics.inbound, topics.commands, topics.closed)):
            return False
        sets = (self.store.read(topics.claim_sets_changelog, n, 0, 1_000_000) for n in range(self.partitions))
        return len({(record.key or b"").rpartition(b"\x1f")[0] for some in sets for record in some}) >= encounters


def _worker_table() -> Table:
    rows: list[list[object]] = []
    for name, encounters, environment in (
        ("the demo's day, nothing closes", 320, {}),
        ("a larger day, nothing closes", LARGE_DAY, {}),
        ("a larger day, encounters close and are coded", LARGE_DAY, AT_ONCE),
    ):
        paces, whole = zip(*(_one_day(encounters, environment) for _ in range(ROUNDS)), strict=True)
        rows.append(
            [
                name,
                f"{len(day(encounters)):,}",
                Spread.of(one.per_second for one in paces),
                Spread.of(one.cpu_micro for one in paces),
                Spread.of(whole),
            ]
        )
    return Table(
        "The worker on the embedded broker",
        "`dripcode run` on a broker file that holds the day already, eight partitions. Messages a second and the "
        "worker's processor time from its first commit to the one that completes the inbound topic: every message is "
        "applied, its fact, the tally and the offset written in one transaction. The last column is from the first "
        f"commit until nothing waits on any topic and every discharged encounter is coded. {ROUNDS} rounds, median "
        "(least - greatest).",
        ["what", "messages", "messages a second", "worker CPU µs a message", "seconds until all is done"],
        rows,
    )


def _one_day(encounters: int, environment: dict[str, str]) -> tuple[Pace, float]:
    messages = [message.text for message in day(encounters)]
    with folder() as place, stage_in(place, environment) as stage:
        settings = settings_in(place, environment)
        with open_store(settings) as store:
            watched = Watched(store, settings)
            store.append_many(records(messages, watched.topics.inbound))
            coded = closing_encounters(encounters) if environment else 0
            stage.start_worker()
            pid = stage.processes["worker"].pid
            looks = follow(lambda: watched.done(watched.topics.inbound), len(messages), pid, 0.005)
            wait_for(lambda: watched.is_coded(coded), f"{coded} encounters coded", 0.05)
            return pace(looks, is_timed=False), time.monotonic() - looks[0].at


def _listener_table() -> Table:
    messages = [message.text for message in day()]
    rows: list[list[object]] = []
    with folder() as place:
        rows.append(["one append, flushed (no listener)", *_bare_appends(place, messages)])
    for connections, is_secure in WAYS:
        rounds = [_sent(messages, connections, is_secure=is_secure) for _ in range(ROUNDS)]
        name = f"{connections} connections{', TLS with client certificates' if is_secure else ''}"
        rows.append([name, *(Spread.of(column) for column in zip(*rounds, strict=True))])
    return Table(
        "The whole way over MLLP on the embedded broker",
        f"The demo's day, {len(messages):,} messages, from a sender in this process through `dripcode listen` to "
        "`dripcode run`: three processes on these cores. Acknowledged means flushed to the disk. Latencies are the "
        f"sender's, from the first byte to the answer. {ROUNDS} rounds, median (least - greatest). The first row is "
        "what the disk alone allows: the same messages appended one by one.",
        [
            "what",
            "acknowledged a second",
            "applied a second",
            "ack p50 ms",
            "ack p99 ms",
            "listener CPU µs a message",
            "worker CPU µs a message",
        ],
        rows,
    )


def _bare_appends(place: Path, messages: Sequence[bytes]) -> list[object]:
    settings = settings_in(place, {})
    found = records(messages[:1000], topics_of(settings).inbound)
    open_store(settings).close()
    latencies = []
    with Store.open(broker_path(settings)) as store:
        for record in found:
            began = time.perf_counter()
            store.append_many([record])
            latencies.append(1e3 * (time.perf_counter() - began))
    latencies.sort()
    per_second = 1e3 * len(found) / sum(latencies)
    return [per_second, "", percentile(latencies, 50), percentile(latencies, 99), "", ""]


def _sent(messages: Sequence[bytes], connections: int, *, is_secure: bool) -> tuple[float, ...]:
    """Acknowledged a second, applied a second, p50, p99, CPU of listener and worker."""
    with folder() as place:
        environment, tls = _secured(place) if is_secure else ({}, None)
        return _sent_in(place, environment, messages, connections, tls)


def _secured(place: Path) -> tuple[dict[str, str], ssl.SSLContext]:
    """The listener's settings for TLS, and a sender's context that it lets in."""
    authority = Authority(place)
    listener, sender = authority.issue("listener", ["127.0.0.1"]), authority.issue("sender")
    environment = {
        "DRIPCODE_MLLP_TLS_CERTIFICATE": listener.certificate,
        "DRIPCODE_MLLP_TLS_KEY": listener.key,
        "DRIPCODE_MLLP_TLS_CLIENT_CA": authority.file,
    }
    return environment, client_context(authority.file, sender.certificate, sender.key)


def _sent_in(
    place: Path, environment: dict[str, str], messages: Sequence[bytes], connections: int, tls: ssl.SSLContext | None
) -> tuple[float, ...]:
    with stage_in(place, environment) as stage:
        stage.start_listener()
        stage.start_worker()
        stage.wait_ready()
        settings = settings_in(place, {})
        with open_store(settings) as store:
            watched = Watched(store, settings)
            before = _cpu(stage)
            began = time.monotonic()
            report = asyncio.run(send_all(messages, "127.0.0.1", stage.mllp_port, connections=connections, tls=tls))
            assert report.answered == len(messages)
            assert not report.unsent
            wait_for(lambda: watched.done(watched.topics.inbound) >= len(messages), "all sent messages applied")
            applied = time.monotonic() - began
            cpu = [1e6 * (now - then) / len(messages) for now, then in zip(_cpu(stage), before, strict=True)]
            return len(messages) / report.seconds, len(messages) / applied, report.p50_ms, report.p99_ms, *cpu


def _cpu(stage: Stage) -> list[float]:
    return [cpu_seconds(stage.processes[name].pid) for name in ("listener", "worker")]
