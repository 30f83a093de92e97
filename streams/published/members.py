"""From the files that were downloaded to the members that hold the table: a zip, or a member out of it."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from streams.published.refusals import refuse_file

OLD_XLS = b"\xd0\xcf\x11\xe0"
ACCESSIBLE = re.compile(r"\b508\b.*version|section 508", re.IGNORECASE)
BOM = b"\xef\xbb\xbf"
# A table issued in several forms is one table; the plainest is read.
FORMS = ("txt", "csv", "xlsx")


@dataclass(frozen=True, slots=True)
class Member:
    """A file that holds a table or a part of one. `form` is txt, csv or xlsx."""

    name: str
    form: str
    open: Callable[[], IO[bytes]]

    @contextmanager
    def text(self) -> Iterator[io.TextIOWrapper]:
        """Its text, line ends as they are. CMS writes Latin-1, now and then behind a UTF-8 mark."""
        with self.open() as file:
            head = file.read(len(BOM))
            if head.startswith(BOM):
                yield io.TextIOWrapper(file, encoding="latin-1", newline="")
                return
        with self.open() as file:
            yield io.TextIOWrapper(file, encoding="latin-1", newline="")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which members hold a kind of table: by name, in any case."""

    kind: str
    name: re.Pattern[str]
    not_name: re.Pattern[str] | None = None

    def takes(self, name: str) -> bool:
        """Say whether a member of this name holds the table."""
        return bool(self.name.search(name)) and not (self.not_name and self.not_name.search(name))


def find_members(wanted: Wanted, paths: Sequence[Path]) -> list[Member]:
    """The members of the kind in these files, one for each. Raises Refused."""
    return [_member(wanted, path) for path in paths]


def _member(wanted: Wanted, path: Path) -> Member:
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as wrong:
        raise refuse_file(str(path), f"cannot be read: {wrong.strerror}") from None
    if zipfile.is_zipfile(path) and not _is_workbook(path):
        return _in_zip(wanted, path)
    return _checked(Member(path.name, _form(path.name, path.name), lambda: path.open("rb")), head)


def _is_workbook(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return "[Content_Types].xml" in archive.namelist()


def _in_zip(wanted: Wanted, path: Path) -> Member:
    """The one member of a zip that holds the table; of its forms the plainest."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    found = [name for name in names if wanted.takes(_base(name)) and _suffix(name) in FORMS]
    if not found:
        old = [name for name in names if wanted.takes(_base(name)) and _suffix(name) == "xls"]
        if old:
            raise refuse_file(old[0], "old .xls; use csv, txt or xlsx")
        raise refuse_file(path.name, f"no {wanted.kind} member in the zip")
    # The accessible version is the one whose layout is known; its twin has another name.
    found = [name for name in found if ACCESSIBLE.search(name)] or found
    stems = {_base(name).rpartition(".")[0].casefold() for name in found}
    if len(stems) > 1:
        listed = ", ".join(sorted(_base(name) for name in found))
        raise refuse_file(path.name, f"two {wanted.kind} members: {listed}")
    name = min(found, key=lambda one: FORMS.index(_suffix(one)))

    def open_member() -> IO[bytes]:
        with zipfile.ZipFile(path) as archive:
            return archive.open(name)  # keeps the archive's file open until it is closed itself

    with open_member() as file:
        head = file.read(512)
    return _checked(Member(_base(name), _form(_base(name), name), open_member), head)


def _checked(member: Member, head: bytes) -> Member:
    start = head.removeprefix(BOM).lstrip()
    if start.startswith(b"<"):
        raise refuse_file(member.name, "this is a web page (the licence page?)")
    if head.startswith(OLD_XLS) or member.form == "xls":
        raise refuse_file(member.name, "old .xls; use csv, txt or xlsx")
    if member.form not in FORMS:
        raise refuse_file(member.name, "not a zip, txt, csv or xlsx file")
    return member


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _suffix(name: str) -> str:
    return name.rpartition(".")[2].casefold()


def _form(name: str, path: str) -> str:
    return _suffix(name) if "." in name else _suffix(path)
