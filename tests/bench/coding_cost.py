"""What coding one encounter costs, how the cost grows with its administrations, and what the import costs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta

import hl7

import coding
from tests.bench.messages import typical_administrations
from tests.bench.tables import Spread, Table, ratios

ROUNDS = 9
SIZES = (6, 50, 100, 500)
IMPORTS = 9
YARDSTICK_MESSAGES = 100  # parsed by python-hl7 in each round: machines differ twofold, a ratio to it does not
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)

# name, method, minutes after the first one's start, minutes it runs (0: a push)
GIVEN = (
    ("vancomycin 1 g", coding.Method.INFUSION, 0, 90),
    ("ceftriaxone 1 g", coding.Method.INFUSION, 100, 35),
    ("ondansetron 4 mg", coding.Method.PUSH, 10, 0),
    ("normal saline 1000 mL", coding.Method.INFUSION, 20, 240),
    ("famotidine 20 mg", coding.Method.PUSH, 150, 0),
    ("metronidazole 500 mg", coding.Method.INFUSION, 160, 60),
)
_CYCLE_MINUTES = 270


def encounter(administrations: int) -> coding.Encounter:
    """A visit of so many administrations at one access site; the same six come again, the next cycle later."""
    return coding.Encounter(
        encounter_id="V-SYN",
        patient_id="P-SYN",
        arrived_at=MIDNIGHT,
        departed_at=MIDNIGHT + timedelta(days=30),
        administrations=tuple(_administration(number) for number in range(administrations)),
    )


def _administration(number: int) -> coding.Administration:
    name, method, after, ran = GIVEN[number % len(GIVEN)]
    start = MIDNIGHT + timedelta(minutes=_CYCLE_MINUTES * (number // len(GIVEN)) + after)
    return coding.Administration(
        administration_id=f"A{number:04}",
        drug=coding.Drug("", "", name),
        route=coding.Route.INTRAVENOUS,
        method=method,
        access_site="LA-PIV",
        runs=(coding.Run(start, start + timedelta(minutes=ran) if ran else None),),
        charted_at=start,
        order_number=f"ORD{number:04}",
        message_control_ids=(f"C{number:04}",),
    )


def run() -> list[Table]:
    return [_growth(), _import()]


def _growth() -> Table:
    policy, formulary = coding.load_policy(coding.Setting.FACILITY), coding.default_formulary()
    encounters = {size: encounter(size) for size in SIZES}
    lines = {size: len(coding.code_encounter(one, policy, formulary).lines) for size, one in encounters.items()}
    seconds: dict[int, list[float]] = {size: [] for size in SIZES}
    messages = [raw.decode() for raw in typical_administrations()[:YARDSTICK_MESSAGES]]
    yardstick: list[float] = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for message in messages:
            hl7.parse(message)
        yardstick.append((time.process_time() - began) / len(messages))
        for size, one in encounters.items():
            times = max(1, 1200 // size)
            began = time.process_time()
            for _ in range(times):
                coding.code_encounter(one, policy, formulary)
            seconds[size].append((time.process_time() - began) / times)
    each = {size: [one / size for one in taken] for size, taken in seconds.items()}
    return Table(
        "Coding one encounter",
        f"`code_encounter`, CPU time of {ROUNDS} rounds, median (least - greatest). *Against six* is the cost of one "
        "administration against that in an encounter of six: 1 is growth in proportion. The last column is the time "
        f"in which python-hl7 parses one RAS of 1.6-2.2 KB, {_micro(yardstick)} µs here, in the same round: that holds "
        "on any machine.",
        ["administrations", "lines", "µs", "µs an administration", "against six", "against hl7.parse"],
        [
            [
                *(size, lines[size], _micro(seconds[size]), _micro(each[size])),
                *(ratios(each[size], each[SIZES[0]]), ratios(seconds[size], yardstick)),
            ]
            for size in SIZES
        ],
    )


def _micro(seconds: list[float]) -> Spread:
    return Spread.of(1e6 * one for one in seconds)


def _import() -> Table:
    """Fresh processes in turn; the first writes the byte code that pip would have left, and is not counted."""
    bare, whole = "pass", "import coding"
    taken: dict[str, list[float]] = {bare: [], whole: []}
    with tempfile.TemporaryDirectory() as byte_code:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = byte_code
        for number in range(IMPORTS + 1):
            for program, seconds in taken.items():
                began = time.perf_counter()
                subprocess.run([sys.executable, "-c", program], check=True, env=environment)
                if number:
                    seconds.append(time.perf_counter() - began)
    more = [one - other for one, other in zip(taken[whole], taken[bare], strict=True)]
    return Table(
        "Importing coding",
        f"`python -c` in a fresh process, {IMPORTS} times in turn with an empty program, byte code being there. The "
        "tables are read and checked when the first encounter is coded.",
        ["program", "ms", "against the empty program"],
        [
            ["empty", Spread.of(1e3 * one for one in taken[bare]), "1"],
            ["`import coding`", Spread.of(1e3 * one for one in taken[whole]), ratios(taken[whole], taken[bare])],
            ["the import itself", Spread.of(1e3 * one for one in more), ratios(more, taken[bare])],
        ],
    )
