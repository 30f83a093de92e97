"""Local state on disk: as far as the changelog, never further, and made anew when it is of another."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.shelf import Shelf, ShelfFailed, ShelfInUse, room_of

FACTS = room_of("facts", 3)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    opened = Shelf(tmp_path / "state", "this")
    opened.open()
    return opened


def test_what_was_kept_is_there_after_the_folder_is_opened_again(shelf: Shelf) -> None:
    shelf.keep(FACTS, [(b"k1", b"v1"), (b"k2", b"v2")], 7)
    shelf.keep(FACTS, [(b"k1", None)], None)
    shelf.close()
    shelf.open()
    assert shelf.offset(FACTS) == 7
    assert not shelf.has(FACTS, b"k1")
    assert shelf.get(FACTS, b"k2") == b"v2"


def test_rooms_do_not_see_each_other(shelf: Shelf) -> None:
    other = room_of("facts", 33)
    shelf.keep(FACTS, [(b"k", b"3")], 1)
    shelf.keep(other, [(b"k", b"33")], 5)
    assert dict(shelf.under(FACTS, b"")) == {b"k": b"3"}
    shelf.empty(FACTS)
    assert not dict(shelf.under(FACTS, b""))
    assert shelf.offset(FACTS) is None
    assert shelf.get(other, b"k") == b"33"
    assert shelf.offset(other) == 5


def test_keys_under_a_prefix_come_in_order_and_without_it(shelf: Shelf) -> None:
    shelf.keep(FACTS, [(b"V1\x1fb", b"2"), (b"V1\x1fa", b"1"), (b"V10\x1fa", b"no"), (b"U", b"no")], 1)
    assert list(shelf.under(FACTS, b"V1\x1f")) == [(b"a", b"1"), (b"b", b"2")]


def test_state_of_another_layout_or_broker_is_made_anew(shelf: Shelf) -> None:
    shelf.keep(FACTS, [(b"k", b"v")], 7)
    shelf.close()
    other = Shelf(shelf.path, "that")
    other.open()
    assert other.offset(FACTS) is None
    assert not other.has(FACTS, b"k")


def test_a_second_worker_on_the_same_folder_is_refused(shelf: Shelf) -> None:
    with pytest.raises(ShelfInUse, match="each its own data_dir"):
        Shelf(shelf.path, "this").open()


def test_what_was_kept_outlives_a_killed_process(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from streams.shelf import Shelf, room_of\n"
        "shelf = Shelf(Path(sys.argv[1]), 'this'); shelf.open()\n"
        "[shelf.keep(room_of('facts', 3), [(b'%d' % n, b'v')], n) for n in range(1000)]\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "state")], check=False)
    assert done.returncode == -9
    shelf = Shelf(tmp_path / "state", "this")
    shelf.open()
    assert shelf.offset(FACTS) == 999
    assert len(dict(shelf.under(FACTS, b""))) == 1000


def test_facts_that_cannot_be_read_are_an_error_and_not_fewer_facts(shelf: Shelf) -> None:
    shelf.keep(FACTS, [(b"%06d" % number, os.urandom(500)) for number in range(2000)], 1)
    shelf.close()
    for table in shelf.path.glob("*.sst"):
        data = bytearray(table.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 64] = bytes(64)
        table.write_bytes(data)
    shelf.open()
    with pytest.raises(ShelfFailed, match="delete the folder"):
        list(shelf.under(FACTS, b""))
