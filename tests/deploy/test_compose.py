"""compose.yaml: as Docker Compose itself reads it, and in step with settings, rules and dashboards."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from streams.__main__ import dripcode
from streams.settings import load_settings
from streams.web.people import People
from tests.deploy.tools import DEPLOY, run_tool

OURS = {"topics", "listener", "worker", "projector", "web"}


@cache
def composed() -> dict[str, Any]:
    """The file after Docker Compose has read it: merged, filled in, checked."""
    plain = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    done = run_tool("docker-compose", "--file", "compose.yaml", "config", "--format", "json", environment=plain)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = composed()["services"]
    return found


def test_the_services_are_those_that_are_asked_for() -> None:
    assert set(services()) == {"kafka", "redis", "prometheus", "grafana", *OURS}


def test_compose_would_refuse_what_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((DEPLOY / "compose.yaml").read_text().replace("read_only: true", "readonly: true"))
    assert "readonly" in run_tool("docker-compose", "--file", str(wrong), "config", "--quiet").stderr


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_services_have_known_settings_and_commands(name: str) -> None:
    service = services()[name]
    settings = {key: value for key, value in service["environment"].items() if key.startswith("DRIPCODE_")}
    assert len(load_settings(environment=settings)[1]) == len(settings)
    command = [*service["command"], "--help"]
    assert CliRunner().invoke(dripcode, command).exit_code == 0
    assert not any("password" in value.lower() for key, value in settings.items() if not key.endswith("_FILE"))


@pytest.mark.parametrize("name", sorted(OURS | {"redis", "prometheus", "grafana"}))
def test_nobody_may_more_than_needed(name: str) -> None:
    service = services()[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")


def test_only_what_people_and_engines_need_is_published_and_on_loopback() -> None:
    ports = {
        (name, port["target"]): port["host_ip"]
        for name, service in services().items()
        for port in service.get("ports", ())
    }
    assert ports == dict.fromkeys([("listener", 2575), ("web", 8080), ("grafana", 3000)], "127.0.0.1")
    assert composed()["networks"]["inside"]["internal"]
    reachable = {name for name, service in services().items() if "edge" in service["networks"]}
    assert reachable == {name for name, _ in ports}


def test_what_is_mounted_is_there() -> None:
    mounted = [
        Path(volume["source"])
        for service in services().values()
        for volume in service.get("volumes", ())
        if volume["type"] == "bind"
    ]
    assert len(mounted) == 7
    assert [path for path in mounted if not path.exists()] == []
    dashboards = {path.name for path in mounted if path.suffix == ".json"}
    assert dashboards == {path.name for path in (DEPLOY / "grafana").glob("*.json")}


def test_prometheus_scrapes_what_runs() -> None:
    jobs = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    targets = {target.split(":")[0] for job in jobs for group in job["static_configs"] for target in group["targets"]}
    assert targets == OURS - {"topics"}
    datasource = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())
    assert datasource["datasources"][0]["url"] == "http://prometheus:9090"


def test_the_secrets_are_made_once_for_their_owner_and_fit(tmp_path: Path) -> None:
    for name in ("secrets.sh", "redis/redis.acl.example"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((DEPLOY / name).read_bytes())
    made = _make(tmp_path)
    folder = tmp_path / "secrets"
    assert folder.stat().st_mode & 0o077 == 0
    wanted = {Path(secret["file"]).name for secret in composed()["secrets"].values()}
    assert wanted == {path.name for path in folder.iterdir()} - {"ca.key"}
    contents = {path: path.read_bytes() for path in folder.iterdir()}
    assert _make(tmp_path) == ""
    assert {path: path.read_bytes() for path in folder.iterdir()} == contents
    password = made.split()[-1]
    assert People.read(folder / "people.toml").sign_in("analyst", password)


def _make(folder: Path) -> str:

    environment = {**os.environ, "DRIPCODE": f"{sys.executable} -m streams", "PYTHONPATH": str(DEPLOY.parent)}
    done = subprocess.run(
        ["bash", str(folder / "secrets.sh")], capture_output=True, text=True, env=environment, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
