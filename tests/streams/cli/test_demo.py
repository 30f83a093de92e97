"""`dripcode demo` as a new user would run it, to its end and to look on."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from tests.servers.kafka import KafkaServer
from tests.waiting import PATIENCE, wait_for


@pytest.mark.slow
def test_a_day_ends_by_itself_with_a_closed_balance_and_says_what_to_try_next(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "streams", "demo", "--once", "--encounters", "30", "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "COLUMNS": "120"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (balance,) = re.findall(
        r"received (\d+) = applied (\d+) \+ duplicate (\d+) \+ dead letters (\d+) \+ ignored (\d+)$",
        done.stdout,
        re.MULTILINE,
    )
    received, *parts = map(int, balance)
    assert received == sum(parts) > 300
    for code in ("96365", "96366", "96367", "96368", "96374", "96375"):
        assert re.search(rf"^{code} +therapeutic +\d+ +\d+", done.stdout, re.MULTILINE), code
    assert done.stdout.count("Encounter V") == 3
    last = done.stdout.strip().splitlines()[-2:]
    assert "dripcode demo" in last[0]
    assert "dripcode code FILE.hl7" in last[1]


@pytest.mark.slow
def test_the_same_day_goes_over_kafka(kafka: KafkaServer) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "streams", "demo", "--once", "--encounters", "4", "--broker", kafka.broker],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"received (\d+) = applied \d+ ", done.stdout)
    topics = asyncio.run(_topics(kafka.address))
    assert [name for name in topics if re.fullmatch(r"demo-\w{8}-claim\.lines", name)]


@pytest.mark.slow
@pytest.mark.parametrize("end", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGINT]])
def test_a_new_user_sees_a_living_system_on_its_page(tmp_path: Path, end: list[signal.Signals]) -> None:
    folder, said = tmp_path / "demo", tmp_path / "told.txt"
    with said.open("wb") as told:
        demo = subprocess.Popen(
            [sys.executable, "-m", "streams", "demo", "--encounters", "30", "--folder", str(folder)],
            stdout=told,
            stderr=told,
            env={**os.environ, "COLUMNS": "120"},
        )
    try:
        page = wait_for(
            lambda: re.search(r"Watch it at (http://\S+)", said.read_text()) or ended(demo, said), "an address"
        )[1]
        seen = wait_for(lambda: received(shown(page)), "a page that has received something")
        wait_for(lambda: received(text := shown(page)) > seen and "difference 0" in text, "it goes on, and balances")
        assert demo.poll() is None
        assert len(processes_of(folder)) == 4
    finally:
        for number in end:
            demo.send_signal(number)
            time.sleep(0.3)
        assert demo.wait(PATIENCE) in (0, 1)
    assert processes_of(folder) == [], said.read_text()


def ended(demo: subprocess.Popen[bytes], said: Path) -> None:
    """Fail with what the demo said when it has ended."""
    assert demo.poll() is None, said.read_text()


def processes_of(folder: Path) -> list[str]:
    """What runs on the demo's folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"DRIPCODE_DATA_DIR={folder}\0".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended meanwhile
            continue
    return found


def shown(page: str) -> str:
    """What stands on a page."""
    with urllib.request.urlopen(page, timeout=PATIENCE) as answer:
        return str(answer.read().decode())


async def _topics(address: str) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        found: list[str] = await admin.list_topics()
        return found
    finally:
        await admin.close()


def received(page: str) -> int:
    """How many messages the balance says."""
    found = re.search(r"received <b>([\d\u202f]+)</b>", page)
    return int(found[1].replace("\u202f", "")) if found else 0
