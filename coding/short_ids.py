"""Ids that depend on the content alone."""

from __future__ import annotations

from hashlib import blake2b

from coding.tables import engine_numbers

ID_BYTES = engine_numbers()["id_bytes"]


def short_id(*content: str) -> str:
    """Return an id of the content alone, the same on any machine."""
    return blake2b("\x1f".join(content).encode(), digest_size=ID_BYTES).hexdigest()
