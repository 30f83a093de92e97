"""Ids that depend on the content alone."""

from __future__ import annotations

from hashlib import sha256

from coding.tables import engine_numbers

ID_LENGTH = engine_numbers()["id_length"]


def short_id(*content: str) -> str:
    """Return an id of the content alone, the same on any machine."""
    return sha256("\x1f".join(content).encode()).hexdigest()[:ID_LENGTH]
