"""Scenarios of ADT and administrations as HL7 text: read, folded and coded as `dripcode code` does."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path

from streams.batch import Folded, code_all, read_all
from streams.claims import issue_version
from streams.settings import load_settings
from streams.site import coder_of, rules_of

_SETTINGS = load_settings(None, {}, {"time_zone": "America/New_York"})[0]
_RULES, _CODER = rules_of(_SETTINGS), coder_of(_SETTINGS)
_ORDERS_MAX = 24


@dataclass
class Scenario:
    name: str
    messages: list[bytes] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


def scenarios(path: Path) -> Iterator[Scenario]:
    """The scenarios of a file; its head says what each word means."""
    made: Scenario | None = None
    for text in path.read_text(encoding="utf-8").splitlines():
        word, _, rest = text.partition(" ")
        if word == "scenario":
            if made:
                yield made
            made = Scenario(rest.strip())
        elif word and word != "#" and made and word != "source":
            values = rest.split()
            match word:
                case "adt":
                    made.messages.append(_adt(values, len(made.messages)))
                case "give":
                    made.messages.append(_ras(values, len(made.messages)))
                case "line":
                    made.lines.append(" ".join(values))
                case "find":
                    made.findings += values
                case _:
                    raise ValueError(f"{path.name}: {text!r}")
    if made:
        yield made


def orders(messages: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Every order of few messages, some orders of many."""
    if len(messages) <= 4:
        yield from permutations(messages)
        return
    for seed in range(_ORDERS_MAX):
        yield random.Random(seed).sample(messages, len(messages))


def outcome(messages: Sequence[bytes]) -> tuple[list[str], list[str]]:
    """The lines and the kinds of findings, sorted."""
    folded = Folded()
    for read in read_all([("scenario", b"\r".join(messages))], _RULES):
        folded.take(read)
    lines: list[str] = []
    findings: list[str] = []
    for closed, coded in code_all(folded, _RULES, _CODER):
        issued = issue_version(closed, coded, None, "")
        lines += [f"{one['patient_id']} {one['encounter_id']} {one['code']} {one['units']}" for one in issued.lines]
        findings += [one["kind"] for one in issued.findings]
    return sorted(lines), sorted(findings)


def _clock(text: str) -> str:
    return f"20260302{text.replace(':', '')}00" if text and text != "-" else ""


def _fields(values: list[str]) -> dict[str, str]:
    return {name: value for name, _, value in (one.partition("=") for one in values)}


def _pv1(patient_class: str, visit: str, **more: str) -> str:
    row = ["PV1", "1", patient_class, "SYN^1^1"] + [""] * 42
    row[18], row[19], row[44], row[45] = more.get("type", ""), visit, _clock(more.get("admit", "")), ""
    row[45] = '""' if more.get("discharge") == "null" else _clock(more.get("discharge", ""))
    return "|".join(row).rstrip("|")


def _adt(values: list[str], number: int) -> bytes:
    trigger, sent, *rest = values
    given = _fields(rest)
    account = given.get("account", "")
    recorded, occurred = _clock(given.get("recorded", sent)), _clock(given.get("occurred", ""))
    segments = [
        f"MSH|^~\\&|ADT|SYNTH|||{_clock(sent)}||ADT^{trigger}|A{number}|P|2.5.1",
        f"EVN||{recorded}||||{occurred}",
        f"PID|||{given.get('patient', 'P1')}^^^SYNTH^MR|||||||||||||||{account}",
    ]
    if "mrg" in given:
        patient, old_account, old_visit = given["mrg"].split(",")
        segments.append(f"MRG|{patient}^^^SYNTH^MR||{old_account}||{old_visit}")
    if not account:
        segments.append(_pv1(given.pop("class", "O"), given.pop("visit", "V1"), **given))
    return "\r".join(segments).encode()


def _ras(values: list[str], number: int) -> bytes:
    order, start, stop, drug, *rest = values
    given = _fields(rest)
    begun, ended = _clock(start), _clock(stop)
    return "\r".join(
        [
            f"MSH|^~\\&|MAR|SYNTH|||{ended or begun}||RAS^O17|R{number}|P|2.5.1",
            f"PID|||{given.get('patient', 'P1')}^^^SYNTH^MR",
            _pv1(given.get("class", "O"), given.get("visit", "V1")),
            f"ORC|RE|{order}",
            f"RXA|0|1|{begun}|{ended}|{drug.upper()}^{drug}^L|1|g|||||||||||||CP",
            "RXR|IV|L-AC||IVPB",
        ]
    ).encode()
