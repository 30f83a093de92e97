"""Fuzz for as long as it is wanted: `python -m tests.fuzz [--seconds N] [--engine random|atheris] [--seed N]`.

`random` mutates our seeds and says, for what it finds, the bytes and the error; `atheris` does the same led by the
coverage that it reaches (`pip install -e .[fuzz]`, where there is a build of it for this Python). The inputs that break
a property are kept in the folder .fuzz; make each a case of tests/fuzz/test_fuzz.py.
Exit status: 0 when nothing was found, 1 otherwise.
"""

from __future__ import annotations

import argparse
import importlib
import sys

# By name, so that atheris can instrument what it imports; "atheris" itself is optional.
ENGINES = {"random": "tests.fuzz.by_chance", "atheris": "tests.fuzz.by_coverage"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--engine", choices=ENGINES, default="random")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run")
    options = parser.parse_args()
    status: int = importlib.import_module(ENGINES[options.engine]).run(options.seconds, options.seed)
    return status


if __name__ == "__main__":
    sys.exit(main())
