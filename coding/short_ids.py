"""Ids that depend on the content alone."""

from __future__ import annotations

from hashlib import blake2b

from coding.tables import engine_numbers

_NOTHING = blake2b(digest_size=engine_numbers()["id_bytes"])  # a copy costs less than a new one


def short_id(*content: str) -> str:
    """Return an id of the content alone, the same on any machine."""
    return id_of("\x1f".join(content))


def id_of(text: str) -> str:
    """Return the id of content that is one text already."""
    digest = _NOTHING.copy()
    digest.update(text.encode())
    return digest.hexdigest()
