"""Commands that read the topics, where there is no broker: one sentence that names the place, and nothing is made."""

from pathlib import Path

import pytest

from streams import __main__
from tests.servers.ports import free_port

DAYS = ("--from", "2026-03-01", "--to", "2026-03-04")
COMMANDS = [
    ("deliver", "csv", "--to", "out"),
    ("deliver", "dft", "--to", "127.0.0.1:1"),
    ("explain", "V1"),
    ("reconcile",),
    ("recode", *DAYS),
    ("topics",),
    ("topics", "claim.lines"),
    ("dead-letters", "list"),
]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """What a command says on stderr; it ends with status 2."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRIPCODE_DATA_DIR", str(tmp_path / "data"))

    def call(command: tuple[str, ...], broker: str) -> str:
        monkeypatch.setenv("DRIPCODE_BROKER", broker)
        monkeypatch.setattr("sys.argv", ["dripcode", *command])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        assert ended.value.code == 2
        return capsys.readouterr().err

    return call


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_broker_file_that_is_not_there_is_named_and_not_made(told, tmp_path: Path, command: tuple[str, ...]):
    path = tmp_path / "mistyped.db"
    assert told(command, f"sqlite:///{path}") == (
        f"dripcode: setting 'broker': there is no broker file {path}; `dripcode run` makes it\n"
    )
    assert not path.exists()
    assert not list(tmp_path.rglob("*.db"))


@pytest.mark.parametrize("command", [COMMANDS[0], *COMMANDS[2:]], ids=" ".join)
def test_a_kafka_that_does_not_answer_is_named(told, command: tuple[str, ...]):
    place = f"127.0.0.1:{free_port()}"
    assert told(command, f"kafka://{place}").startswith(
        f"dripcode: setting 'broker': no Kafka broker answers at {place}"
    )
