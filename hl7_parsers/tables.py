"""What senders write for routes, methods and devices, to our words. The table itself is tables.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files

from hl7_parsers.events import Code
from hl7_parsers.keeping import kept

UNKNOWN = "unknown"


@kept(4096)
def plain(text: str) -> str:
    """The text as tables are compared: no case, no dots, one blank for any other punctuation."""
    spaced = "".join(c if c.isalnum() else " " for c in text.casefold() if c != ".")
    return " ".join(spaced.split())


def _read_tables() -> Mapping[str, Mapping[str, str]]:
    """Every table as sender's word to our word. A word with two meanings in one table is an error."""
    text = files("hl7_parsers").joinpath("tables.toml").read_text(encoding="utf-8")
    tables: dict[str, dict[str, str]] = {}
    for name, meanings in tomllib.loads(text).items():
        table = tables[name] = {}
        for ours, theirs in meanings.items():
            for word in map(plain, theirs):
                assert table.setdefault(word, ours) == ours, f"tables.toml: [{name}] gives {word!r} two meanings"
    return tables


_TABLES = _read_tables()


def _look_up(table: str, code: Code) -> str | None:
    """Our word for a coded element; None when identifier and text mean nothing, or different things."""
    if not code.id and not code.text:
        return None
    words = _TABLES[table]
    found = {words[key] for key in (plain(code.id), plain(code.text)) if key in words}
    return found.pop() if len(found) == 1 else None


def route(code: Code) -> str:
    """RXR-1. A text beside the code for any other route says which."""
    named = code.text and plain(code.id) in ("oth", "other") and _look_up("routes", Code("", code.text))
    return named or _look_up("routes", code) or UNKNOWN


def method(recorded: Code, ordered_route: Code) -> str:
    """RXR-4, else what the route says about it."""
    return _look_up("methods", recorded) or _look_up("methods_of_routes", ordered_route) or UNKNOWN


def device(code: Code) -> str | None:
    """RXR-3; "none" when empty, None when the table does not know it."""
    return _look_up("devices", code) if code.id or code.text else "none"
