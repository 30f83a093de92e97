"""`dripcode settings`: what is in force, the example file, and no secret in either."""

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.settings import command
from streams.settings import NAMES, Settings, SettingsError, load_settings

EXAMPLE = Path(__file__).parents[3] / "deploy/dripcode.example.toml"
SECRET = "synthetic-secret"


def said(*arguments: str, **environment: str) -> str:
    done = CliRunner().invoke(command, list(arguments), env=environment, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_the_example_that_ships_is_the_one_that_is_made() -> None:
    assert said("--example") == EXAMPLE.read_text(encoding="utf-8")


def test_the_example_names_every_setting_and_its_lines_are_the_defaults(tmp_path: Path) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    active = tmp_path / "site.toml"
    active.write_text("\n".join(line.removeprefix("#") for line in lines if line.startswith("#") and line[1:2] != " "))
    settings, sources = load_settings(active, environment={})
    assert settings == Settings()
    assert tuple(sources) == NAMES
    assert load_settings(EXAMPLE, environment={}) == (Settings(), {})


def test_what_is_printed_is_toml_again_whatever_stands_in_it(tmp_path: Path) -> None:
    odd = r'C:\sites\"north"'
    again = tmp_path / "again.toml"
    again.write_text(said(DRIPCODE_POLICY=odd, DRIPCODE_CLOSE_AT_AGE="36h"), encoding="utf-8")
    assert tomllib.loads(again.read_text())["policy"] == odd
    assert load_settings(again, environment={})[0].policy == odd


def test_passwords_are_named_by_their_files_alone(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in NAMES if name.endswith("password_file")}
    assert len(files) == 3
    for path in files.values():
        path.write_text(SECRET)
    printed = said(**{f"DRIPCODE_{name.upper()}": str(path) for name, path in files.items()})
    assert all(str(path) in printed for path in files.values())
    assert SECRET not in printed


def test_no_setting_is_a_secret_itself() -> None:
    hinted = {f.name for f in fields(Settings) if any(word in f.name for word in ("password", "secret", "token"))}
    assert hinted == {name for name in NAMES if name.endswith("_file")}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("redis", f"rediss://dripcode:{SECRET}@redis:6379/0"),
        ("redis", f"redis://:{SECRET}@redis"),
        ("redis", f"redis://redis?password={SECRET}"),
        ("broker", f"kafka://dripcode:{SECRET}@kafka:9092"),
    ],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"'{name}' holds a password.*_password_file'") as wrong:
        load_settings(environment={f"DRIPCODE_{name.upper()}": value})
    assert SECRET not in str(wrong.value)
