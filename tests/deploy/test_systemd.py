"""The units of one node: as systemd reads them, hardened, one for each process."""

import re
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from streams.settings import load_settings
from tests.deploy.tools import DEPLOY

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMMANDS = ("listen", "project", "run", "web")
EXPOSURE_MOST = 1.5  # of 10, by systemd's own count


def units(folder: Path) -> list[str]:
    """The units with a program that is there, since systemd looks for it."""
    for unit in [*UNITS, DEPLOY / "systemd/dripcode.target"]:
        (folder / unit.name).write_text(unit.read_text().replace("/opt/dripcode/bin/dripcode", "/bin/true"))
    return [str(path) for path in sorted(folder.iterdir())]


def analyzed(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/bin:/bin"},
    )


@pytest.mark.systemd
def test_systemd_has_nothing_to_say(tmp_path: Path) -> None:
    done = analyzed("verify", "--man=no", *units(tmp_path))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.systemd
def test_little_is_open_to_whoever_breaks_in(tmp_path: Path) -> None:
    services = [path for path in units(tmp_path) if path.endswith(".service")]
    said = analyzed("security", "--offline=true", "--no-pager", *services).stdout
    levels = re.findall(r"Overall exposure level for (\S+): ([\d.]+)", said)
    assert len(levels) == len(UNITS)
    assert [name for name, level in levels if float(level) > EXPOSURE_MOST] == []


def test_there_is_one_for_each_process_and_the_target_wants_all() -> None:
    assert [unit.stem for unit in UNITS] == [f"dripcode-{name}" for name in COMMANDS]
    target = (DEPLOY / "systemd/dripcode.target").read_text()
    for unit in UNITS:
        assert f"/bin/dripcode {unit.stem.removeprefix('dripcode-')}\n" in unit.read_text()
        assert unit.name in target


def test_they_differ_in_what_they_must_alone() -> None:
    sections = {}
    for unit in UNITS:
        parsed = ConfigParser(strict=False, interpolation=None)
        parsed.optionxform = str  # type: ignore[assignment,method-assign]
        parsed.read(unit)
        sections[unit.stem] = {
            name: value for name, value in parsed["Service"].items() if name not in ("ExecStart", "ExecReload")
        }
    assert all(section == sections["dripcode-run"] for section in sections.values())


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_settings_in_them_are_settings(unit: Path) -> None:
    given = dict(re.findall(r"^Environment=(DRIPCODE_\w+)=(.*)$", unit.read_text(), re.MULTILINE))
    del given["DRIPCODE_CONFIG"]
    settings, _ = load_settings(environment=given)
    assert str(settings.data_dir) == "/var/lib/dripcode"
