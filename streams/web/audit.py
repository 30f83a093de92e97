"""Who looked at an encounter, and who decided what: one JSON object a line in a file that only its owner reads."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path


class Audit:
    """Appends; each line is on the disk before the page answers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def note(self, who: str, did: str, encounter_id: str = "", **more: str) -> None:
        """`did` is a verb: looked, documented, resolved, signed in, was refused, exported."""
        entry = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "who": who, "did": did}
        if encounter_id:
            entry["encounter_id"] = encounter_id
        line = json.dumps({**entry, **more}).encode() + b"\n"
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, line)
            os.fdatasync(file)
        finally:
            os.close(file)
