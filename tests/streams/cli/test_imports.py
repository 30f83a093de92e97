"""`dripcode import` and `dripcode tables`: what they say, how they end."""

import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result

from streams.__main__ import dripcode
from streams.published.store import Store
from tests.published import layouts as cms

DAY = date(2026, 10, 1)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DRIPCODE_DATA_DIR", str(tmp_path / "data"))

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(dripcode, [str(one) for one in arguments])

    return call


def limits(folder: Path, units: object, day: date = DAY) -> Path:
    path = folder / cms.mue_name("hospital", day)
    path.write_bytes(cms.csv_bytes(cms.mue_rows("hospital", [["96376", units, "3 x", "x"], ["J0696", 9, "3 x", "x"]])))
    return path


def test_an_import_says_what_it_stored_and_what_changed_for_our_codes(run, tmp_path):
    first = run("import", "mue", limits(tmp_path, 10, date(2026, 7, 1)))
    assert first.exit_code == 0
    assert "mue hospital 2026-07-01, effective 2026-07-01: 2 rows stored" in first.stdout
    second = run("import", "mue", limits(tmp_path, 8))
    assert "for our codes since mue hospital 2026-07-01: 0 new, 0 ended, 1 changed" in second.stdout
    assert "  ~ 96376: 10 units, indicator 3 to 8 units, indicator 3" in second.stdout
    assert "once it is started again" in second.stdout
    assert "is in" in run("import", "mue", limits(tmp_path, 8)).stdout


def test_a_refused_file_ends_with_1_and_the_place(run, tmp_path):
    result = run("import", "mue", limits(tmp_path, "many"))
    assert result.exit_code == 1
    assert 'line 10: MUE value is not a whole number, found "many"' in result.stderr
    assert "1 refusal; nothing was stored" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["import", "fee", "x"], ["import", "mue"], ["import", "mue", "--effective", "soon", "x"]]
)
def test_unusable_arguments_end_with_2(run, arguments):
    assert run(*arguments).exit_code == 2


def test_a_file_that_is_not_there_is_refused_by_name(run, tmp_path):
    result = run("import", "mue", tmp_path / "none.csv")
    assert result.exit_code == 1
    assert "none.csv: cannot be read: No such file or directory" in result.stderr


def test_the_list_names_every_table_with_its_dates_and_digest(run, tmp_path):
    assert "(none yet)" in run("tables").stdout
    run("import", "mue", limits(tmp_path, 10))
    listed = run("tables").stdout
    assert "ptp: code pairs (NCCI PTP edits): none imported" in listed
    assert "hospital 2026-10-01, effective 2026-10-01, 2 rows" in listed
    assert "digest " in listed
    assert cms.mue_name("hospital", DAY) in listed


def test_a_file_that_is_no_store_is_named(run, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tables.db").write_text("not a store")
    assert "the store of tables cannot be opened" in run("tables").stderr
    assert run("import", "mue", limits(tmp_path, 10)).exit_code == 1


@pytest.mark.parametrize("held", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_store_that_another_import_writes_is_told_and_left_as_it_is(run, tmp_path, monkeypatch, held):
    run("import", "mue", limits(tmp_path, 10))
    path = tmp_path / "data" / "tables.db"
    monkeypatch.setattr("streams.published.store.BUSY_MS", 20)
    other = apsw.Connection(str(path))
    other.execute(held)
    result = run("import", "mue", limits(tmp_path, 8))
    assert result.exit_code == 1
    assert result.stderr == f"Error: {path}: an import is writing the store of tables; try again when it has ended\n"
    listed = run("tables")
    assert ("2 rows" in listed.stdout) == (held == "BEGIN IMMEDIATE")
    assert ("an import is writing" in listed.stderr) == (held == "BEGIN EXCLUSIVE")
    other.close()
    assert "1 changed" in run("import", "mue", limits(tmp_path, 8)).stdout


def test_a_disk_that_is_full_is_told_and_nothing_is_stored(run, tmp_path, monkeypatch):
    run("import", "mue", limits(tmp_path, 10))
    before = run("tables").stdout

    def full(store: Store) -> None:
        store.db.pragma("max_page_count", 1)  # SQLite's own way to run out of room

    many = tmp_path / "more" / cms.mue_name("hospital", date(2027, 1, 1))
    many.parent.mkdir()
    rows = [[f"{code:05d}", 1, "3 x", "x" * 50] for code in range(10000, 19000)]
    many.write_bytes(cms.csv_bytes(cms.mue_rows("hospital", rows)))
    prepare = Store._prepare
    monkeypatch.setattr(Store, "_prepare", lambda store: (prepare(store), full(store)))
    result = run("import", "mue", many)
    assert result.exit_code == 1
    assert "the store of tables cannot be written: database or disk is full" in result.stderr
    monkeypatch.undo()
    monkeypatch.setenv("DRIPCODE_DATA_DIR", str(tmp_path / "data"))
    assert run("tables").stdout == before


KILLED = """
import os, signal, sys
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from streams.published.kinds import Edition
from streams.published.limits import MUE
from streams.published.store import Store

store = Store(Path(sys.argv[1]))
with store.importing():
    store.db.pragma("cache_size", 10)  # as with a large table: pages reach the file before the end
    number = store.add(Edition("mue", "hospital", "2027-01-01", date(2027, 1, 1)), "x", "x", "x")
    store.fill(number, MUE.shape, ((0, line, f"{line:05d}", 1, "3", "x" * 50) for line in range(10000, 20000)))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_import_that_is_killed_in_the_middle_is_taken_back_by_whoever_reads_next(run, tmp_path):
    run("import", "mue", limits(tmp_path, 10))
    before = run("tables").stdout
    path = tmp_path / "data" / "tables.db"
    size = path.stat().st_size
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert path.stat().st_size > size, "nothing had reached the file"
    again = run("tables")
    assert (again.exit_code, again.stdout) == (0, before)
    assert "1 changed" in run("import", "mue", limits(tmp_path, 8)).stdout
