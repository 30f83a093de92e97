"""deploy/README.md: a runbook for each alert, and nothing named that is not there."""

import re

import pytest
import yaml
from click.testing import CliRunner

from streams.__main__ import COMMANDS, dripcode
from streams.settings import NAMES
from tests.deploy.tools import DEPLOY

TEXT = (DEPLOY / "README.md").read_text()


def test_each_alert_has_its_runbook_and_each_runbook_its_alert() -> None:
    groups = yaml.safe_load((DEPLOY / "prometheus/dripcode.rules.yml").read_text())["groups"]
    alerts = [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]
    told = re.findall(r"^### (Dripcode\w+)\n(.+)$", TEXT, re.MULTILINE)
    assert [name for name, _ in told] == alerts


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`dripcode ([a-z-]+)", TEXT))))
def test_commands_that_are_named_are_commands(name: str) -> None:
    assert name in COMMANDS
    assert CliRunner().invoke(dripcode, [name, "--help"]).exit_code == 0


def test_files_that_are_named_are_there() -> None:
    named = set(re.findall(r"`([\w/]+(?:\.(?:yaml|sh|toml|md)|/))`", TEXT))
    made_by_a_site = {"state/", "faust/", "deliveries/"}
    elsewhere = {"streams/topics.toml"}
    assert {"kubernetes/", "compose.yaml", "secrets.sh"} <= named
    for name in named - made_by_a_site - elsewhere:
        assert (DEPLOY / name).exists() or (DEPLOY / "kubernetes" / name).exists(), name


def test_settings_that_are_named_are_settings() -> None:
    named = set(re.findall(r"`((?:mllp|web|kafka|redis)_[a-z_]+[a-z])`", TEXT))
    named |= {name.lower() for name in re.findall(r"DRIPCODE_([A-Z_]+[A-Z])", TEXT)}
    assert len(named) > 4
    assert named <= set(NAMES)
