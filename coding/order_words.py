"""What an order, a note or a product says of how and why something is given, by the words of coding/data."""

from __future__ import annotations

from functools import lru_cache

from coding.encounter import Administration
from coding.rules import read_toml


def said_of(administration: Administration) -> str:
    """Return what the order, the note and the indication say; "" when nothing."""
    if administration.order_text or administration.indication:
        return f"{administration.order_text} {administration.indication}".strip()
    return ""


@lru_cache(maxsize=4096)
def has_word(said: str, purpose: str) -> bool:
    """Say whether a text has one of the words of a purpose."""
    text = said.casefold()
    return any(word in text for word in read_toml("order_words.toml")[purpose])


def says(administration: Administration, purpose: str) -> bool:
    """Say whether the order, the note, the indication or the product's name has a word of a purpose."""
    return has_word(f"{said_of(administration)} {administration.drug.name}", purpose)
