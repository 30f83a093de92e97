"""Flip every dated row, comparison and number of the engine, and show what fails: `python -m tests.coding.mutation`.

    python -m tests.coding.mutation [rows] [code] [--module NAME]

Exit status 1 when nothing fails under a flip that `equivalent.toml` does not explain.
"""

import argparse
import sys
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.coding.mutation import code, rows

EQUIVALENT = Path(__file__).with_name("equivalent.toml")
WORKERS = 2
NOTHING = "NOTHING FAILS"


def show(table: Iterable[tuple[str, str, str]]) -> int:
    """Print a table of what was, what it was flipped to and what fails; return for how many nothing does."""
    survivors = 0
    for before, after, caught in table:
        print(f"{before} | {after} | {caught or NOTHING}", flush=True)
        survivors += not caught
    return survivors


def of_rows() -> Iterable[tuple[str, str, str]]:
    """Every dated row and its flips."""
    for flip in rows.flips():
        yield f"{flip.table.TABLE} {flip.name} {flip.since}: {flip.value}", str(flip.other), rows.failing(flip)


def of_code(module: str) -> Iterable[tuple[str, str, str]]:
    """Every comparison and number of the code and its change; one that makes no difference says why."""
    explained = tomllib.loads(EQUIVALENT.read_text())
    changes = [each for each in code.changes() if module in each.module]
    with ThreadPoolExecutor(WORKERS) as pool:
        for change, caught in zip(changes, pool.map(code.caught_by, changes), strict=True):
            why = explained.get(change.module, {}).get(f"{change.before} -> {change.after}", "")
            told = f"equivalent: {why}" if why and not caught else caught
            yield f"{change.module}:{change.line}: {change.before}", change.after, told


def main() -> int:
    """Flip what is asked for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=["rows", "code", []], help="both when left out")
    parser.add_argument("--module", default="", help="only modules of the code whose name has this")
    options = parser.parse_args()
    what = options.what or ["rows", "code"]
    survivors = show(of_rows()) if "rows" in what else 0
    survivors += show(of_code(options.module)) if "code" in what else 0
    print(f"{survivors} flips under which nothing fails")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
