"""What coding one encounter costs, how the cost grows with its administrations, and what the import costs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import hl7
from msgspec.structs import replace

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

Given = tuple[str, coding.Method, int, int | None, str]
INFUSION, PUSH, INJECTION = coding.Method.INFUSION, coding.Method.PUSH, coding.Method.INJECTION
ANTIBIOTICS = ("vancomycin", "cefepime", "metronidazole", "ceftriaxone", "ertapenem", "azithromycin")
# Other visits of six: name, method, minutes after the first one's start, minutes it runs, access site.
KINDS: dict[str, list[Given]] = {
    "six pushes": [
        (drug, PUSH, 60 * place, 0, "L-AC")
        for place, drug in enumerate(("ondansetron", "famotidine", "ketorolac", "morphine", "ondansetron", "lorazepam"))
    ],
    "six infusions of 110 minutes": [
        (drug, INFUSION, 120 * place, 110, "L-AC") for place, drug in enumerate(ANTIBIOTICS)
    ],
    "six infusions that overlap": [
        (drug, INFUSION, 10 * place, 90 + 50 * place, "L-AC") for place, drug in enumerate(ANTIBIOTICS)
    ],
    "chemotherapy with fluid, premedication and an injection": [
        ("saline", INFUSION, 0, 180, "port"),
        ("ondansetron", INFUSION, 10, 20, "port"),
        ("dexamethasone", PUSH, 31, 0, "port"),
        ("paclitaxel", INFUSION, 40, 180, "port"),
        ("carboplatin", INFUSION, 225, 60, "port"),
        ("pegfilgrastim", INJECTION, 300, 0, ""),
    ],
    "two access sites": [
        ("vancomycin", INFUSION, 0, 120, "L-AC"),
        ("cefepime", INFUSION, 0, 60, "R-AC"),
        ("saline", INFUSION, 120, 120, "L-AC"),
        ("ondansetron", PUSH, 10, 0, "R-AC"),
        ("morphine", PUSH, 20, 0, "L-AC"),
        ("metronidazole", INFUSION, 70, 60, "R-AC"),
    ],
    "six infusions without a stop": [
        (drug, INFUSION, 120 * place, None, "L-AC") for place, drug in enumerate(ANTIBIOTICS)
    ],
}


def encounter(administrations: int) -> coding.Encounter:
    """A visit of so many administrations at one access site; the same six come again, the next cycle later."""
    given: list[Given] = []
    for number in range(administrations):
        name, method, after, ran = GIVEN[number % len(GIVEN)]
        given.append((name, method, _CYCLE_MINUTES * (number // len(GIVEN)) + after, ran, "LA-PIV"))
    return _visit(given)


def _visit(given: Sequence[Given]) -> coding.Encounter:
    return coding.Encounter(
        encounter_id="V-SYN",
        patient_id="P-SYN",
        arrived_at=MIDNIGHT,
        departed_at=MIDNIGHT + timedelta(days=30),
        administrations=tuple(_administration(number, one) for number, one in enumerate(given)),
    )


def _administration(number: int, given: Given) -> coding.Administration:
    name, method, after, ran, site = given
    start = MIDNIGHT + timedelta(minutes=after)
    return coding.Administration(
        administration_id=f"A{number:04}",
        drug=coding.Drug("", "", name),
        route=coding.Route.SUBCUTANEOUS if method is INJECTION else coding.Route.INTRAVENOUS,
        method=method,
        access_site=site,
        runs=(coding.Run(start, start + timedelta(minutes=ran) if ran else None),),
        charted_at=start,
        order_number=f"ORD{number:04}",
        message_control_ids=(f"C{number:04}",),
    )


def run() -> list[Table]:
    return [_growth(), _kinds(), _import()]


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


def _kinds() -> Table:
    policies = [coding.load_policy(setting) for setting in coding.Setting]
    formulary = coding.default_formulary()
    visits = {
        "the six of the table above": encounter(len(GIVEN)),
        **{name: _visit(given) for name, given in KINDS.items()},
    }
    seconds: dict[tuple[str, str], list[float]] = {(name, policy.setting): [] for name in visits for policy in policies}
    for _ in range(ROUNDS):
        for name, visit in visits.items():
            for policy in policies:
                one = replace(visit, setting=policy.setting)
                began = time.process_time()
                for _ in range(200):
                    coding.code_encounter(one, policy, formulary)
                seconds[name, policy.setting].append((time.process_time() - began) / 200)
    rows = []
    for name, visit in visits.items():
        coded = [coding.code_encounter(replace(visit, setting=one.setting), one, formulary) for one in policies]
        lines = ", ".join(str(len(one.lines)) for one in coded)
        findings = ", ".join(str(len(one.findings)) for one in coded)
        rows.append([name, lines, findings, *(_micro(seconds[name, policy.setting]) for policy in policies)])
    return Table(
        "Coding six administrations of other kinds",
        f"`code_encounter`, CPU time of {ROUNDS} rounds, median (least - greatest); lines and findings of the "
        "hospital's claim, of the practitioner's.",
        ["visit", "lines", "findings", "hospital, µs", "practitioner, µs"],
        rows,
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
