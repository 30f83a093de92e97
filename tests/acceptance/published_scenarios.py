"""Score the engine on the published scenarios, in both dialects, and fail below a floor.

    python -m tests.acceptance.published_scenarios SHARED --floor N --command COMMAND

SHARED holds `tools/score_scenarios.py` and `scenarios/published.jsonl`. The scorer itself fails unless every scenario
matches; some published answers are for a person to decide, so what may not happen is that fewer match than did before.
Exit status: 0 at or above the floor, 1 below it, 2 when the scorer could not be run.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

DIALECTS = ("one-step", "two-step")
LAST_LINE = re.compile(r"^(\d+) of (\d+) published scenarios matched")


class NotScored(Exception):
    """The scorer did not get as far as a score."""


def matched(output: str) -> int:
    """Return how many scenarios matched, from the scorer's last line.

    Raises:
        NotScored: there is no such line, or it counts no scenario at all.
    """
    lines = output.strip().splitlines()
    found = LAST_LINE.match(lines[-1]) if lines else None
    if not found or found[2] == "0":
        raise NotScored("the scorer printed no score")
    return int(found[1])


def score(shared: Path, command: str, dialect: str) -> int:
    """Run the scorer, show what it prints (the scenarios that differ, then the score), and return how many matched."""
    call = [sys.executable, str(shared / "tools/score_scenarios.py"), str(shared / "scenarios/published.jsonl")]
    call += ["--command", command, "--dialect", dialect]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DRIPCODE_")}
    done = subprocess.run(call, stdout=subprocess.PIPE, text=True, env=ours, check=False)
    print(done.stdout, end="", flush=True)
    return matched(done.stdout)


def main() -> int:
    """Score every dialect; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--floor", type=int, required=True, help="fewest scenarios that must match, in each dialect")
    parser.add_argument("--command", required=True, help="the batch coder, such as `dripcode code`")
    options = parser.parse_args()
    try:
        scores = {dialect: score(options.shared, options.command, dialect) for dialect in DIALECTS}
    except NotScored as problem:
        print(f"{options.shared}: {problem}", file=sys.stderr)
        return 2
    below = [dialect for dialect, count in scores.items() if count < options.floor]
    for dialect in below:
        print(f"{dialect}: {scores[dialect]} matched, fewer than the floor of {options.floor}", file=sys.stderr)
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
