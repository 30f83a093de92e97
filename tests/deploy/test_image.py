"""The Dockerfile: as hadolint wants it, small in rights, and in step with the package."""

import re
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.__main__ import COMMANDS, dripcode
from streams.settings import load_settings
from tests.deploy.tools import DEPLOY, run_tool

TEXT = (DEPLOY / "Dockerfile").read_text()
INSTRUCTIONS = [
    line.split(None, 1)
    for line in re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()
    if line.strip()
]
FINAL = INSTRUCTIONS[max(at for at, (word, _) in enumerate(INSTRUCTIONS) if word == "FROM") :]


def of_final(word: str) -> list[str]:
    return [rest for found, rest in FINAL if found == word]


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for rest in of_final("ENV") for pair in shlex.split(rest))


def test_hadolint_has_nothing_to_say() -> None:
    done = run_tool("hadolint", "--failure-threshold", "style", "Dockerfile")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_hadolint_would_say_it(tmp_path: Path) -> None:
    careless = tmp_path / "Dockerfile"
    careless.write_text(TEXT.replace(" --no-install-recommends", "").replace("trixie-slim AS", "latest AS"))
    said = run_tool("hadolint", str(careless)).stdout
    assert "DL3015" in said
    assert "DL3007" in said


def test_it_runs_as_a_user_by_number_and_is_asked_by_our_own_command() -> None:
    (user,) = of_final("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user), "a number, so that runAsNonRoot can be checked"
    (health,) = of_final("HEALTHCHECK")
    assert health.endswith('CMD ["dripcode", "health"]')
    assert "health" in COMMANDS


def test_the_final_stage_has_no_installer_and_runs_nothing_from_the_network_but_packages() -> None:
    (run,) = of_final("RUN")
    assert "pip" not in run
    assert not re.search(r"curl|wget|git ", TEXT)


def test_the_settings_in_it_are_settings() -> None:
    ours = {name: value for name, value in environment().items() if name.startswith("DRIPCODE_")}
    settings, sources = load_settings(environment=ours)
    assert len(sources) == len(ours)
    exposed = {int(port) for rest in of_final("EXPOSE") for port in rest.split()}
    listening = {int(value.rpartition(":")[2]) for name, value in ours.items() if name.endswith("_LISTEN")}
    assert exposed == listening
    assert str(settings.data_dir) == of_final("WORKDIR")[0]


@pytest.mark.parametrize(
    "copied", [rest.split()[:-1] for word, rest in INSTRUCTIONS if word == "COPY" and "--" not in rest]
)
def test_what_is_copied_is_there_and_let_through(copied: list[str]) -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    let_through = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    for name in copied:
        assert (DEPLOY.parent / name).exists()
        assert any(fnmatch(name, pattern) for pattern in let_through)


def test_its_command_is_one_of_ours() -> None:
    assert of_final("ENTRYPOINT") == ['["dripcode"]']
    assert of_final("CMD") == ['["run"]']
    assert CliRunner().invoke(dripcode, ["run", "--help"]).exit_code == 0


def test_every_package_and_file_of_ours_goes_into_the_image() -> None:
    """The tests run from the checkout, the image from what is installed: what pyproject.toml leaves out it lacks."""
    setuptools = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())["tool"]["setuptools"]
    data = setuptools["package-data"]
    packages = {Path(name.replace(".", "/")) for name in setuptools["packages"]}
    patterns = {Path(name.replace(".", "/")): found for name, found in data.items() if name != "*"}
    for top in ("coding", "hl7_parsers", "streams"):
        for path in (DEPLOY.parent / top).rglob("*"):
            file = path.relative_to(DEPLOY.parent)
            if path.is_dir() or "__pycache__" in file.parts or file.suffix == ".md":
                continue
            package = next(folder for folder in file.parents if folder in packages)
            named = ["*.py", *data["*"]] if package == file.parent else []
            named += patterns.get(package, [])
            assert any(fnmatch(str(file.relative_to(package)), pattern) for pattern in named), file
