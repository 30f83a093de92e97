"""Marked patients go the whole way, well and badly; no log, metric, health page or error of a command names them."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.__main__ import dripcode
from streams.demo.hospital_day import hospital_day
from streams.demo.stage import Stage, is_well
from streams.embedded.records import Record
from streams.log import told_stack
from streams.mllp import frame
from tests.streams.brokers import EmbeddedBroker
from tests.streams.play import Play
from tests.streams.receiver import Receiver, answer
from tests.waiting import PATIENCE, wait_for

# In each marked value: patient's id and name, visit, orders, drug's name and code, nurse; and in what is broken.
MARK = "CANARY"
_MARKED = (
    (rb"SYN(\d{7})", rb"CANARYID\1"),
    (rb"SYNTHETIC", rb"CANARYNAME"),
    (rb"\bV(\d{7})", rb"CANARYVISIT\1"),
    (rb"\b(ORD|FIL)(\d+)", rb"CANARY\1\2"),
    (rb"(SYN1\d{3}\^[^^|]+)\^99SYN", rb"\1 CANARYDRUG^99SYN"),
    (rb"SYN1010\^", rb"CANARYCODE1010^"),
    (rb"\^NURSE\^", rb"^CANARYNURSE^"),
)
MESSAGE_MOST = 20_000


def marked(message: bytes) -> bytes:
    """A message with every value that tells of a person marked; its header as it was, for control ids may be logged."""
    header, _, rest = message.partition(b"\r")
    for pattern, instead in _MARKED:
        rest = re.sub(pattern, instead, rest)
    return header + b"\r" + rest


GOOD = [marked(message.text) for message in hospital_day(7, 3)]
RAS = next(message for message in GOOD if b"\rRXA|" in message)


def changed(pattern: bytes, instead: bytes) -> bytes:
    found, count = re.subn(pattern, instead, RAS, count=1)
    assert count
    return found


def headed(
    kind: bytes = b"RAS^O17^RAS_O17", control: bytes = b"B1", version: bytes = b"2.5.1", more: bytes = b""
) -> bytes:
    return b"MSH|^~\\&|MAR|SYNTH|DRIP|BILL|20260302||" + kind + b"|" + control + b"|P|" + version + more + b"\r"


BODY = RAS.partition(b"\r")[2]
BAD = [
    b"CANARYGARBAGE of nobody",
    b"CANARY|^~\\&|x\r" + BODY,
    headed() + b"CANARYSEGMENT\r",
    headed() + b"PID|1||CANARYID\r",
    headed() + b"PID|1||\r" + BODY,
    headed(b"CANARYTYPE^CANARYEVENT") + BODY,
    headed(b"RAS^CANARY") + BODY,
    headed(b"") + BODY,
    headed(version=b"CANARYVERSION") + BODY,
    headed(more=b"||||||CANARYSET") + BODY,
    headed() + BODY + headed(control=b"B2") + BODY,
    headed() + BODY + BODY.replace(b"CANARYID", b"CANARYOTHER"),
    headed() + b"PID|1||CANARYID\\XZZ\\^^^CANARY\\H\\AUTHORITY^MR||CANARY\xff\xfe^NAME\r" + BODY.partition(b"\r")[2],
    changed(rb"RXA\|0\|1\|\d+-\d+", b"RXA|0|1|CANARYTIME"),
    changed(rb"RXA\|0\|1\|", b"RXA|CANARYSUB|CANARYNUMBER|"),
    changed(rb"ORC\|\w\w\|", b"ORC|CANARYCONTROL|"),
    changed(rb"\|CP\|A\|", b"|CANARYSTATUS|CANARYACTION|"),
    changed(rb"\|\d+\|(mg|mL|g)\|", b"|CANARYDOSE|CANARYUNIT|"),
    changed(rb"\rRXR\|[^\r]*", b"\rRXR|CANARYROUTE|CANARYSITE||CANARYMETHOD"),
    changed(rb"\rPV1\|1\|\w", b"\rPV1|1|CANARYCLASS"),
    *(RAS[: len(RAS) * part // 7] for part in range(1, 7)),
    RAS + b"NTE|1||CANARYNOTE" + b"." * MESSAGE_MOST + b"\r",
]
# What some other program may write to our own topics.
POISON = (b"CANARYPOISON", b'{"action": "CANARY"}', b'{"CANARY": ["CANARY"]}', b"\xff\xfeCANARY", b"")


# Of whom patient data, or the words of a file, is asked for: what they print is for whoever asks.
PRINTS_PATIENTS = {"code", "parse", "explain", "topics claim.lines", "senders check"}
ENVIRONMENT = {
    "DRIPCODE_LOG_LEVEL": "debug",
    "DRIPCODE_PUBLISH_EVENTS": "true",
    "DRIPCODE_MLLP_MAX_MESSAGE": str(MESSAGE_MOST),
}


def leaks(texts: dict[str, str]) -> list[str]:
    """Who said something that is marked, and the line."""
    return [
        f"{name}: {line[:300]}" for name, text in texts.items() for line in text.splitlines() if MARK in line.upper()
    ]


def fetched(url: str, form: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and text of a page."""
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    try:
        with urllib.request.urlopen(url, data, timeout=PATIENCE) as answer:
            return int(answer.status), str(answer.read().decode())
    except urllib.error.HTTPError as wrong:
        with wrong:
            return wrong.code, str(wrong.read().decode())


def poured(port: int, data: bytes) -> None:
    """Send what may not belong there, wait for an answer, and hang up."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(data)
        connection.settimeout(1)
        with contextlib.suppress(OSError):
            connection.recv(1000)


class Day:
    """Good and bad messages through the real processes, with commands and pages beside them; what all of them said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = EmbeddedBroker(folder / "broker")
        self.texts: dict[str, str] = {}  # by who said it
        self.statuses: dict[str, int] = {}  # of pages
        self.page = ""
        logs = folder / "logs"
        for made in (folder / "broker", logs):
            made.mkdir()
        formulary = folder / "formulary.csv"
        formulary.write_text("code,coding_system,name,drug_class\n" + "".join(sorted(_drugs())))
        self.settings = {**ENVIRONMENT, "DRIPCODE_FORMULARY": str(formulary)}
        play = Play(self.broker, GOOD, rate=200, environment=self.settings, logs=logs)
        play.disturb, play.at_end = self._disturb, self._at_end
        self.outcome = play.run()
        for log in logs.glob("*.log"):
            self.texts[log.name] = log.read_text(errors="replace")

    def _disturb(self, stage: Stage) -> None:
        """Send what is bad, to the right port and to wrong ones."""
        if "web" in stage.processes:
            return
        stage.start_pages()
        stage.wait_ready()
        wait_for(lambda: is_well(stage.projector_port), "the projector is ready")
        for message in BAD:
            poured(stage.mllp_port, frame(message))
        poured(stage.mllp_port, b"CANARY without a frame\x0b\x0bMSH|CANARY\x1cCANARY")
        for port in (*_ops(stage).values(), stage.web_port):
            poured(port, frame(RAS))
            poured(port, b"GET /CANARY HTTP/1.1\r\nHost: CANARY CANARY\r\nCANARY\r\n\r\n")

    def _at_end(self, stage: Stage) -> None:
        self.page = stage.page
        wait_for(lambda: MARK in self._look("queue")[1], "the marks get so far")
        time.sleep(1)  # the notices follow
        stage.check()
        self._browse()
        self._command(stage)
        for name, port in _ops(stage).items():
            for path in ("metrics", "healthz", "readyz", "startupz"):
                _, self.texts[f"{name}/{path}"] = fetched(f"http://127.0.0.1:{port}/{path}")
        for topic in (self.broker.topics.commands, self.broker.topics.closed):
            for value in POISON:
                self.broker.put(Record(topic, b"CANARYKEY", value))
        wait_for(lambda: self.broker.lag() == 0, "the worker passes it over")
        time.sleep(1)  # and the projector
        stage.check()

    def _browse(self) -> None:
        _, queue = self._look("queue")
        visit = re.findall(r"/encounters/([^\"?#]*CANARYVISIT[^\"?#]*)", queue)[0]
        for path in ("", "queue?kind=CANARY", "lines", "lines?code=CANARY&from=CANARY&start=CANARY", "lines.csv"):
            self._look(path)
        for path in (f"encounters/{visit}", "encounters/CANARYNOBODY", "CANARY/missing", "static/CANARY"):
            self._look(path)
        wrong = {
            "administration_id": "CANARY",
            "stop": "CANARY",
            "finding_id": "CANARY",
            "why": "CANARY",
            "who": "CANARY",
        }
        self._look(f"encounters/{visit}", wrong)
        self._look("sign-in", {"name": "CANARY", "password": "CANARY"})

    def _look(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        status, text = fetched(self.page + path, form)
        self.statuses[path] = status
        return status, text

    def _command(self, stage: Stage) -> None:
        file, out = self.folder / "all.hl7", self.folder / "out"
        file.write_bytes(b"".join(frame(message) for message in [*GOOD, *BAD]))
        dead = self._run("dead-letters", "list")
        letter = dead.stdout.splitlines()[1].split()[0]
        everything = [
            ("code", str(file)),
            ("parse", str(file)),
            ("senders", "check", str(file)),
            ("send", str(file), "--to", f"127.0.0.1:{stage.mllp_port}"),
            ("dead-letters", "list", "--json"),
            ("dead-letters", "show", letter),
            ("dead-letters", "replay", letter, "--dry-run"),
            ("dead-letters", "replay", letter),
            ("topics",),
            ("topics", "claim.lines"),
            ("reconcile",),
            ("reconcile", str(file), str(file), str(file)),
            ("deliver", "csv", "--to", str(out / "csv")),
            ("deliver", "x12", "--to", str(out / "x12")),
            ("recode", "--from", "2026-01-01", "--to", "2026-12-31"),
            ("explain", "CANARYVISIT9000001"),
            ("encounter", "close", "CANARYNONE", "--patient", "CANARYNONE", "--authority", "SYNTH"),
        ]
        for arguments in everything:
            self._run(*arguments)
        asyncio.run(self._deliver_to_one_that_refuses())

    async def _deliver_to_one_that_refuses(self) -> None:
        def refuse(_count: int, text: bytes) -> list[bytes]:
            return [frame(answer(text, "AE") + b"ERR||FT1^1^CANARY|207||||CANARY|CANARY\r")]

        async with Receiver(refuse) as receiver:
            await asyncio.to_thread(self._run, "deliver", "dft", "--to", f"127.0.0.1:{receiver.port}")

    def _run(self, *arguments: str) -> Result:
        done = CliRunner().invoke(dripcode, list(arguments), env={**self.broker.environment, **self.settings})
        name = " ".join(each for each in arguments[:2] if "/" not in each and MARK not in each)
        self.texts[f"dripcode {name}, errors"] = done.stderr + _unexpected(done)
        if name not in PRINTS_PATIENTS:
            self.texts[f"dripcode {name}, output"] = done.stdout
        return done


def _unexpected(done: Result) -> str:
    """What the process would have ended with."""
    error = done.exception
    return "" if error is None or isinstance(error, SystemExit) else told_stack(error)


def _drugs() -> set[str]:
    """Rows of a formulary in which every drug of the day is known, as it is marked."""
    found = {code.decode() for message in GOOD for code in re.findall(rb"\|(\w+)\^[^^|]* CANARYDRUG\^99SYN", message)}
    return {f"{code},99SYN,CANARYDRUG {code},therapeutic\n" for code in found}


def _ops(stage: Stage) -> dict[str, int]:
    return {
        "worker": stage.worker_port,
        "listener": stage.listener_port,
        "projector": stage.projector_port,
        "web": stage.web_metrics_port,
    }


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return Day(tmp_path_factory.mktemp("marked"))


@pytest.mark.slow
def test_nothing_that_is_said_names_a_patient(day: Day) -> None:
    assert leaks(day.texts) == []


@pytest.mark.slow
def test_it_was_looked_for_where_there_was_something_to_say(day: Day) -> None:
    """Marks went all the way, everything logged, and what was broken was noticed."""
    assert any(MARK in str(line["drug"]) for lines in day.outcome.lines.values() for line in lines)
    assert [name for name in ("worker", "listener", "projector", "web") if not day.texts[f"{name}.log"]] == []
    assert "DEBUG" in day.texts["web.log"]
    assert re.search(r'dripcode_messages_total\{outcome="dead",reason="\w+"\} [1-9]', day.texts["worker/metrics"])
    assert "delivered" in day.texts["dripcode deliver csv, errors"]
    assert not re.search(r"\b0 files delivered", day.texts["dripcode deliver csv, errors"])
    assert day.texts["projector.log"].count("cannot be read") == len(POISON)


@pytest.mark.slow
def test_no_page_failed_over_it(day: Day) -> None:
    assert {path: status for path, status in day.statuses.items() if status >= 500} == {}


def test_a_leak_would_be_found() -> None:
    assert leaks({"a": "fine\nPatient canaryname was seen\n", "b": "fine"}) == ["a: Patient canaryname was seen"]
