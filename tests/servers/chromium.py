"""Debian's Chromium, for the tests of the pages."""

from __future__ import annotations

from shutil import which

# Nothing but the pages under test: no sandbox (tests may run as root), no component or account traffic.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """Where it is; "" when it is not there."""
    return which("chromium") or ""


def missing_for_chromium() -> str | None:
    """Say what is missing, or None."""
    return None if chromium() else "no chromium on the PATH"
