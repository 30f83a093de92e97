"""A folder as destination: each document a file, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from streams.formats.charge import Document, News
from streams.outbound.courier import Away
from streams.outbound.journal import Outgoing


@dataclass(frozen=True, slots=True)
class Folder:
    """Files of one format."""

    path: Path
    render: Callable[[Sequence[News], int], list[Document]]

    def documents(self, news: Sequence[News], number: int) -> list[Document]:
        return self.render(news, number)

    async def hand_over(self, document: Outgoing) -> str:
        """Write the file under another name, onto the disk, and rename it: a reader sees a whole file or none."""
        part = self.path / f".{document.name}.part"
        try:
            with part.open("wb") as out:
                out.write(document.content)
                out.flush()
                os.fsync(out.fileno())
            part.chmod(0o600)
            part.replace(self.path / document.name)
            _sync(self.path)
        except OSError as wrong:
            raise Away(f"{self.path}: cannot be written: {wrong.strerror}") from wrong
        return ""

    async def close(self) -> None:
        """Nothing is held open between documents."""


def _sync(folder: Path) -> None:
    """Make the rename last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
