"""Programs that come as packages of the test extra, beside the interpreter that runs the tests."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

DEPLOY = Path(__file__).parents[2] / "deploy"


def run_tool(
    name: str, *arguments: str, folder: Path = DEPLOY, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment in a folder."""
    return subprocess.run(
        [str(Path(sys.executable).with_name(name)), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
