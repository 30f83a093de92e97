"""`make bench`: measure, print tables, and with --write keep them in RESULTS.md.

    python -m tests.bench [NAME…] [--write]

Without names everything runs, one after the other, in about ten minutes. With names, --write renews their tables alone.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import re
import signal
import sys
import time
from pathlib import Path

from tests.bench import machine
from tests.bench.tables import Table

RESULTS = Path(__file__).with_name("RESULTS.md")
# Name on the command line: module with a `run` that returns tables.
BENCHMARKS = {
    "reader": "reader",
    "coding": "coding_cost",
    "import": "importing",
    "fold": "fold",
    "pipeline": "pipeline",
    "kafka": "kafka",
    "latency": "latency",
    "workers": "workers",
    "recovery": "recovery",
    "restart": "restart",
    "demo": "first_page",
    "profile": "worker_profile",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by the ordinary way out, which stops what was started
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of every knock on a broker that is starting
    facts = machine.described()
    print("\n".join(f"{word}: {value}" for word, value in facts.items()), flush=True)
    tables: list[Table] = []
    for name in options.names or BENCHMARKS:
        began = time.monotonic()
        found: list[Table] = importlib.import_module(f"tests.bench.{BENCHMARKS[name]}").run()
        tables += found
        print("\n" + "\n".join(table.text() for table in found), flush=True)
        print(f"[{name}: {time.monotonic() - began:.0f} s]", flush=True)
    if options.write and options.names:
        RESULTS.write_text(renewed(RESULTS.read_text(), facts, tables))
    elif options.write:
        RESULTS.write_text(document(facts, tables))
    return 0


def document(facts: dict[str, str], tables: list[Table]) -> str:
    """The Markdown file: what it was measured on, then a section a table."""
    head = [
        "# Measurements",
        "",
        "Made by `make bench ARGS=--write`. Compare within a table; absolute figures are this machine's.",
        "",
        *(f"- {word}: {value}" for word, value in facts.items()),
        "",
    ]
    return "\n".join([*head, *(table.markdown() for table in tables)])


def renewed(document: str, facts: dict[str, str], tables: list[Table]) -> str:
    """The Markdown file with these tables in place of those of the same titles, or at its end; each says its date."""
    head, *sections = re.split(r"(?m)^(?=## )", document)
    places = {section.partition("\n")[0]: number for number, section in enumerate(sections)}
    told = ", ".join(f"{word}: {facts[word]}" for word in ("date", "Python", "load at the start"))
    for table in tables:
        section = table.markdown().rstrip("\n") + f"\n\nMeasured by itself; {told}.\n\n"
        number = places.get(f"## {table.title}")
        if number is None:
            sections.append(section)
        else:
            sections[number] = section
    return (head + "".join(sections)).rstrip("\n") + "\n"


if __name__ == "__main__":
    sys.exit(main())
