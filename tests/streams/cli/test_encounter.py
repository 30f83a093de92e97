"""`dripcode encounter` against a real worker, on both brokers: a merged patient, a stop that was never charted."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.claims import newest_sets
from streams.cli.encounter import command
from streams.demo.stage import Stage
from streams.mllp_client import send_all
from tests.streams.brokers import Broker, EmbeddedBroker
from tests.waiting import wait_for

HEAD = "MSH|^~\\&|{app}|SYNTH|DRIP|BILL|202603020{hour}0000-0500||{kind}|{id}|P|2.5.1\r"
VISIT = "PV1|1|O|||||||||||||||||V1\r"
MESSAGES = [
    HEAD.format(app="ADT", hour=8, kind="ADT^A04", id="A1")
    + "EVN|A04|20260302080000-0500\rPID|1||SYN8^^^SYNTH^MR\r"
    + VISIT,
    HEAD.format(app="MAR", hour=9, kind="RAS^O17", id="M1")
    + "PID|1||SYN8^^^SYNTH^MR\r"
    + VISIT
    + "ORC|RE|O1\rRXA|0|1|20260302090000-0500||SYNCEF^ceftriaxone^99SYN|1|g|||||||||||||CP|A\rRXR|IV||||\r",
    HEAD.format(app="ADT", hour=9, kind="ADT^A40", id="A2")
    + "EVN|A40|20260302093000-0500\rPID|1||SYN1^^^SYNTH^MR\rMRG|SYN8^^^SYNTH^MR\r",
]
PATIENT = ("--patient", "SYN8", "--authority", "SYNTH")
SAID = ("--who", "SYN CODER", "--why", "flow sheet")


def run(broker: Broker, *arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), env=dict(broker.environment))


def settle(broker: Broker) -> None:
    for _ in range(2):  # one agent's work is the next one's
        wait_for(lambda: broker.lag() == 0, "nothing waits")
        time.sleep(0.5)


@pytest.mark.slow
def test_a_person_closes_documents_and_is_refused_under_the_id_that_was_merged_away(broker: Broker) -> None:
    quick = {"DRIPCODE_INSTANCE": "worker-1", "DRIPCODE_KAFKA_SESSION": "6s"}
    stage = Stage(broker.settings.data_dir, {**broker.environment, **quick})
    try:
        stage.start_listener()
        stage.start_worker()
        stage.wait_ready()
        report = asyncio.run(send_all([one.encode() for one in MESSAGES], "127.0.0.1", stage.mllp_port))
        assert report.is_complete
        settle(broker)
        closed = run(broker, "close", "V1", *PATIENT)
        assert (closed.exit_code, closed.stderr) == (0, "done\n")
        settle(broker)
        stop = ("--administration", "O1:1", "--stop", "2026-03-02T10:40-05:00")
        early = ("--administration", "O1:1", "--stop", "2026-03-02T08:40-05:00")
        assert run(broker, "document", "V1", *PATIENT, *SAID, *stop).exit_code == 0
        refused = run(broker, "document", "V1", "--patient", "SYN1", "--authority", "SYNTH", *SAID, *early)
        assert (refused.exit_code, refused.stderr) == (1, "refused: the stop is not after the start\n")
        unknown = run(broker, "reopen", "V9", *PATIENT, *SAID)
        settle(broker)
        assert unknown.exit_code in (0, 1)  # it goes on to the partition of the patient who stays
    finally:
        stage.stop()
    lines = newest_sets(json.loads(value) for _, _, value in broker.read(broker.topics.claim_lines))["V1"]
    assert [(line["patient_id"], line["code"], line["minutes"], line["status"]) for line in lines] == [
        ("SYN1", "96365", 100, "ready"),
        ("SYN1", "96366", 100, "ready"),
    ]
    assert {one["source"] for line in lines for one in line["reasons"] if one["rule"] == "STOP_FROM_PERSON"} == {
        "said by SYN CODER"
    }


def test_what_cannot_be_a_command_is_a_usage_error(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    for arguments in (
        ("document", "V1", *PATIENT, *SAID),
        ("document", "V1", *PATIENT, *SAID, "--administration", "O1:1"),
        ("document", "V1", *PATIENT, *SAID, "--administration", "O1:1", "--stop", "soon"),
        ("document", "V1", *PATIENT, *SAID, "--administration", "O1:1", "--stop", "2026-03-02T10:00"),
        ("document", "V1", *PATIENT, "--finding", "F1"),
        ("reopen", "V1", *PATIENT),
        ("close", "V1"),
        ("close", "V1", *PATIENT, "--wait", "long"),
    ):
        assert run(broker, *arguments).exit_code == 2, arguments
