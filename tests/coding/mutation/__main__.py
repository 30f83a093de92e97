"""Flip every dated row, comparison, condition and number of the engine, and show what fails.

    python -m tests.coding.mutation [rows] [code] [--module NAME] [--write]

Exit status 1 when nothing fails under a flip that `equivalent.toml` does not explain.
"""

import argparse
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests.coding.mutation import code, rows

EQUIVALENT = Path(__file__).with_name("equivalent.toml")
RESULTS = Path(__file__).with_name("RESULTS.md")
WORKERS = 2
NOTHING = "NOTHING FAILS"
EQUALS = "equivalent: "
OUTCOMES = ("a scenario", "another test", "nothing can: equivalent.toml says why", NOTHING)


class Tried(NamedTuple):
    """A flip and what came of it."""

    where: str  # table and row, or module
    before: str
    after: str
    caught: str  # what fails; why nothing can; "" when nothing does


def of_rows() -> Iterator[Tried]:
    """Every dated row and its flips."""
    for flip in rows.flips():
        where = f"{flip.table.TABLE} {flip.name} {flip.since}"
        yield Tried(where, str(flip.value), str(flip.other), rows.failing(flip))


def of_code(module: str) -> Iterator[Tried]:
    """Every comparison, condition and number of the code and its change; one that makes no difference says why."""
    explained = tomllib.loads(EQUIVALENT.read_text())
    changes = [each for each in code.changes() if module in each.module]
    with ThreadPoolExecutor(WORKERS) as pool:
        for change, caught in zip(changes, pool.map(code.caught_by, changes), strict=True):
            why = explained.get(change.module, {}).get(f"{change.before} -> {change.after}", "")
            told = f"{EQUALS}{why}" if why and not caught else caught
            yield Tried(f"{change.module}:{change.line}", change.before, change.after, told)


def shown(tried: Iterable[Tried]) -> list[Tried]:
    """Print each as it comes, and return them."""
    kept = []
    for one in tried:
        print(f"{one.where}: {one.before} | {one.after} | {one.caught or NOTHING}", flush=True)
        kept.append(one)
    return kept


def outcome(one: Tried) -> str:
    """Say what kind of thing fails."""
    if not one.caught:
        return NOTHING
    if one.caught.startswith(EQUALS):
        return OUTCOMES[2]
    return OUTCOMES[1] if one.caught.startswith(("FAILED", "ERROR")) else OUTCOMES[0]


def document(of_rows: list[Tried], of_code: list[Tried]) -> str:
    """The Markdown file: every dated row, and how many changes of each module came to what."""
    by_module: dict[str, Counter[str]] = {}
    for one in of_code:
        by_module.setdefault(one.where.partition(":")[0], Counter())[outcome(one)] += 1
    counts = [[module, sum(of.values()), *(of[one] or "" for one in OUTCOMES)] for module, of in by_module.items()]
    total = sum((of for of in by_module.values()), Counter[str]())
    counts.append(["all", sum(total.values()), *(total[one] for one in OUTCOMES)])
    told = [[one.where, one.before, one.after, one.caught or NOTHING] for one in of_rows]
    return "\n".join(
        [
            "# What fails when the engine is changed",
            "",
            f"Made by `make mutation ARGS=--write`, {datetime.now(UTC).date()}.",
            "",
            "## Dated rows of the rules",
            "",
            *_table(["row, in force since", "value", "changed to", "the first scenario that fails"], told),
            "",
            "## Comparisons, conditions and numbers of the code",
            "",
            "How many changes there are, and what the first thing is that fails.",
            "",
            *_table(["module", "changes", *OUTCOMES], counts),
            "",
        ]
    )


def _table(head: list[str], lines: Iterable[Iterable[object]]) -> list[str]:
    cells = [head, ["---"] * len(head), *([str(cell).replace("|", "\\|") for cell in line] for line in lines)]
    return [f"| {' | '.join(line)} |" for line in cells]


def main() -> int:
    """Flip what is asked for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=["rows", "code", []], help="both when left out")
    parser.add_argument("--module", default="", help="only modules of the code whose name has this")
    parser.add_argument("--write", action="store_true", help=f"keep the tables in {RESULTS.name}; only when all is run")
    options = parser.parse_args()
    what = options.what or ["rows", "code"]
    if options.write and (options.module or len(set(what)) < 2):
        parser.error("--write keeps the whole table: leave out what narrows it")
    tried_rows = shown(of_rows()) if "rows" in what else []
    tried_code = shown(of_code(options.module)) if "code" in what else []
    survivors = sum(not one.caught for one in [*tried_rows, *tried_code])
    print(f"{survivors} flips under which nothing fails")
    if options.write:
        RESULTS.write_text(document(tried_rows, tried_code))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
