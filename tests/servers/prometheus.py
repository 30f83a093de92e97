"""A Prometheus server that scrapes what a test runs, and promtool beside it."""

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from typing import Any

from tests.servers.ports import free_port
from tests.servers.process import ServerProcess


class PrometheusServer:
    """A server of its own port and folder"""

    def __init__(self, folder: Path, configuration: Path) -> None:
        """
        Args:
            folder: where its data and its log (`prometheus.log`) go; it must exist.
            configuration: its prometheus.yml; rule files are looked for beside it.
        """
        self.port = free_port()
        command = [
            "prometheus",
            f"--config.file={configuration}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        self._process = ServerProcess("Prometheus", command, folder / "prometheus.log")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples that an instant query gives now. Raises ValueError with Prometheus' words for a wrong one."""
        found = self._get("query", query=expression)
        result: list[dict[str, Any]] = found["data"]["result"]
        return result

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with its health and state."""
        return [rule for group in self._get("rules")["data"]["groups"] for rule in group["rules"]]

    def healths(self) -> dict[str, str]:
        """The health of each target by job: up, down or unknown."""
        return {target["labels"]["job"]: target["health"] for target in self._get("targets")["data"]["activeTargets"]}

    def start(self) -> None:
        """Start, and return when it is ready."""
        self._process.start(self._answers)

    def stop(self) -> None:
        """Stop in order (SIGTERM)."""
        self._process.stop()

    def _get(self, what: str, **parameters: str) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as wrong:
            with wrong:
                raise ValueError(json.load(wrong)["error"]) from None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def promtool(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run promtool in a folder."""
    command: Sequence[str] = ["promtool", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def missing_for_prometheus() -> str | None:
    """Return what this machine lacks for a Prometheus server, or None when it has it all."""
    lacking = [name for name in ("prometheus", "promtool") if which(name) is None]
    return f"no {' and no '.join(lacking)}" if lacking else None
