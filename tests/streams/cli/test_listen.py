"""`dripcode listen` as a process: TLS from files, a new certificate on SIGHUP, an orderly end on SIGTERM."""

import asyncio
import os
import signal
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.listen import command
from streams.demo.stage import Stage
from streams.mllp_client import send_all
from streams.tls import client_context
from tests.servers.certificates import Authority
from tests.streams.gateway import message, settings_in, stored
from tests.waiting import PATIENCE


def metrics(stage: Stage) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{stage.listener_port}/metrics", timeout=PATIENCE) as answer:
        return str(answer.read().decode())


@pytest.mark.slow
def test_a_listener_with_tls_takes_a_new_certificate_and_ends_in_order(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    shown, sender = authority.issue("listener", ["127.0.0.1"]), authority.issue("sender")
    stage = Stage(
        tmp_path,
        {
            "DRIPCODE_MLLP_TLS_CERTIFICATE": shown.certificate,
            "DRIPCODE_MLLP_TLS_KEY": shown.key,
            "DRIPCODE_MLLP_TLS_CLIENT_CA": authority.file,
        },
    )
    tls = client_context(authority.file, sender.certificate, sender.key)
    messages = [message(number, pid=f"SYN{number % 5}^^^SYNTH^MR") for number in range(50)]

    def send() -> bool:
        report = asyncio.run(send_all(messages, "127.0.0.1", stage.mllp_port, connections=3, tls=tls))
        return report.is_complete

    try:
        stage.start_listener()
        stage.wait_ready()
        process = stage.processes["listener"]
        assert send()
        assert 'dripcode_mllp_acknowledgements_total{code="AA"} 50.0' in metrics(stage)
        assert "dripcode_mllp_certificate_expires_seconds 1." in metrics(stage)
        new = authority.issue("renewed", ["127.0.0.1"])
        os.replace(new.key, shown.key)
        os.replace(new.certificate, shown.certificate)
        process.send_signal(signal.SIGHUP)
        assert send()
        process.terminate()
        assert process.wait(20) == 0
    finally:
        stage.stop()
    log = (tmp_path / "listener.log").read_text()
    assert "the TLS files were read again" in log
    assert "stopping: no new connections" in log
    assert "Traceback" not in log
    assert len(stored(settings_in(tmp_path))) == 100


def test_a_certificate_that_cannot_be_used_ends_the_start_with_the_reason(tmp_path: Path) -> None:
    environment = {"DRIPCODE_DATA_DIR": str(tmp_path), "DRIPCODE_MLLP_TLS_CERTIFICATE": "absent.pem"}
    result = CliRunner().invoke(command, env=environment)
    assert "setting 'mllp_tls_certificate': absent.pem" in str(result.exception)
