"""Who looked at an encounter, and who decided what: one JSON object a line in a file that only its owner reads."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

LOOK_SECONDS = 600.0


class Audit:
    """Appends; each line is on the disk before the page answers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._looks: dict[tuple[str, str, str], float] = {}  # who did what to which encounter, to when it was noted
        path.parent.mkdir(parents=True, exist_ok=True)

    def look(self, who: str, did: str, encounter_id: str, *, is_renewal: bool) -> None:
        """Note a look, unless it renews a page that the same person has open, noted within LOOK_SECONDS."""
        key, now = (who, did, encounter_id), time.monotonic()
        if is_renewal and now - self._looks.get(key, -LOOK_SECONDS) < LOOK_SECONDS:
            return
        self._looks = {known: at for known, at in self._looks.items() if now - at < LOOK_SECONDS} | {key: now}
        self.note(who, did, encounter_id)

    def note(self, who: str, did: str, encounter_id: str = "", **more: str) -> None:
        """`did` is a verb: looked, documented, resolved, signed in, was refused, was kept from, exported."""
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
