"""Read a corpus of other people's HL7 messages: nothing may escape the error tree, and literal values must agree.

    python -m tests.acceptance.hl7_corpus SHARED [--goal RATIO] [--show N] [--folder NAME]

SHARED holds `hl7/index.jsonl` and the files it names; `expect` there is what a literal reader must find in a file's
messages: the first patient, the last header, event and visit, all orders. Every message of every file is read or
refused with a named error. Every value of `expect` is compared with what the ER7 reader finds, and the rows of
administration messages with the events made of them: drug, dose, order, action word.
Exit status: 0 at or above the goal in every folder, 1 below it or when an error is outside the tree.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hl7_parsers import HL7Error, er7, parse_message, peek, split_messages
from hl7_parsers.er7 import Er7, Segment

# What a value of `expect` stands for: the field, or (field, component); "raw" fields are compared as sent.
ADMINISTRATION: dict[str, Any] = {
    "give_sub_id": 1,
    "admin_sub_id": 2,
    "start": 3,
    "end": 4,
    "amount": 6,
    "units": 7,
    "provider": 10,
    "rate_text": "raw 12",
    "lot": 15,
    "refusal": "raw 18",
    "completion": 20,
    "action": 21,
    "entered": 22,
    "form": "raw 8",
    "notes": "raw 9",
    "location": "raw 11",
    "expiry": 16,
    "indication": "raw 19",
}
ORDER: dict[str, Any] = {
    "control": 1,
    "placer": 2,
    "placer_ns": (2, 2),
    "filler": 3,
    "group": 4,
    "status": "raw 5",
    "timing": "raw 7",
    "parent": "raw 8",
    "time": 9,
}
RXE: dict[str, Any] = {
    "timing": "raw 1",
    "amount": 3,
    "amount_max": 4,
    "units": "raw 5",
    "form": "raw 6",
    "rx_number": 15,
    "per_time": 22,
    "rate": 23,
    "rate_units": "raw 24",
    "strength": 25,
    "strength_units": "raw 26",
}
RXC: dict[str, Any] = {"type": "raw 1", "amount": 3, "units": "raw 4", "strength": 5, "strength_units": "raw 6"}
TQ1: dict[str, Any] = {
    "qty": "raw 2",
    "repeat": "raw 3",
    "duration": "raw 13",
    "start": 7,
    "end": 8,
    "priority": "raw 9",
}
HEADER: dict[str, Any] = {
    "structure": (9, 3),
    "version": 12,
    "control_id": "raw 10",
    "processing": 11,
    "message_time": 7,
    "sending_app": "raw 3",
    "sending_facility": "raw 4",
    "accept_ack": 15,
    "app_ack": 16,
    "charset": "raw 18",
}
PATIENT: dict[str, Any] = {"account": 18, "dob": 7, "sex": 8, "pid2": 2, "pid4": 4}
VISIT: dict[str, Any] = {
    "id": 19,
    "cls": 2,
    "location": "raw 3",
    "prior_location": "raw 6",
    "disposition": "raw 36",
    "account_status": 41,
    "admit": 44,
    "discharge": 45,
    "alt_visit_id": 50,
    "visit_indicator": 51,
}
EVENT: dict[str, Any] = {"code": 1, "recorded": 2, "occurred": 6}
CODE: dict[str, int] = {"id": 1, "text": 2, "system": 3, "alt_id": 4, "alt_text": 5, "alt_system": 6}


@dataclass
class Tally:
    """What was compared in one folder."""

    files: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    agreed: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Values that agree, of those compared; 1 when nothing was to be compared."""
        compared = self.agreed + len(self.differences)
        return self.agreed / compared if compared else 1.0


def value(segment: Segment | None, what: Any) -> str:
    """The value that an entry of a table above stands for."""
    if segment is None:
        return ""
    if isinstance(what, str):
        return er7.unescape(segment.repetitions(int(what.split()[1]))[0].strip(), segment.delimiters)
    return segment.text(*what) if isinstance(what, tuple) else segment.text(what)


def pairs(expect: Any, ours: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every leaf of what is expected, with ours at the same place."""
    if isinstance(expect, dict):
        for key, inner in expect.items():
            yield from pairs(inner, ours.get(key) if isinstance(ours, dict) else None, f"{where}.{key}")
    elif isinstance(expect, list):
        for number, inner in enumerate(expect):
            same = ours[number] if isinstance(ours, list) and number < len(ours) else None
            yield from pairs(inner, same, f"{where}[{number + 1}]")
    else:
        yield where, expect, ours


def table(segment: Segment | None, entries: dict[str, Any]) -> dict[str, Any]:
    return {name: value(segment, what) for name, what in entries.items()}


def coded(segment: Segment, number: int) -> dict[str, str]:
    return {name: segment.text(number, component) for name, component in CODE.items()}


def literal(messages: list[Er7]) -> dict[str, Any]:
    """What our reader finds in a file's messages, in the shape of `expect`."""
    found: dict[str, Any] = {"orders": [], "administrations": []}
    for message in messages:
        header, pids = message.header, list(message.all("PID"))
        found |= table(header, HEADER)
        found["type"] = "^".join(part for part in (header.text(9), header.text(9, 2)) if part)
        for name, entries, place in (("visit", VISIT, "PV1"), ("event", EVENT, "EVN")):
            segments = list(message.all(place))
            if segments:
                found[name] = table(segments[-1], entries)
        if pids and "patient" not in found:
            found["patient"] = patient(pids[0])
        more_orders, more_rows = orders(message)
        found["orders"] += more_orders
        found["administrations"] += more_rows
    return found


def patient(pid: Segment) -> dict[str, Any]:
    found: dict[str, Any] = table(pid, PATIENT)
    parts = [[er7.value_in(raw, n, 1, pid.delimiters) for n in (1, 4, 5)] for raw in pid.repetitions(3)]
    found["ids"] = [dict(zip(("id", "authority", "type"), each, strict=True)) for each in parts if any(each)]
    names = pid.repetitions(5)[0].split(pid.delimiters.component)[:2]
    found["name"] = er7.unescape("^".join(name.strip() for name in names), pid.delimiters).strip("^")
    return found


def orders(message: Er7) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Orders and administrations, each RXR with the run of RXA before it."""
    found: list[dict[str, Any]] = []
    given: list[dict[str, Any]] = []
    run: list[dict[str, Any]] = []
    is_run_closed = False
    for segment in message.all():
        order = found[-1] if found else None
        if segment.name == "ORC":
            found.append(table(segment, ORDER))
            run = []
        elif segment.name == "RXA":
            row = {**table(segment, ADMINISTRATION), "code": coded(segment, 5), "order": number_of(order)}
            run = [row] if is_run_closed else [*run, row]
            is_run_closed = False
            given.append(row)
        elif segment.name == "RXR":
            rxr = {"route": coded(segment, 1), "site": value(segment, "raw 2"), "device": value(segment, "raw 3")}
            rxr["method"] = value(segment, "raw 4")
            for row in run:
                row.setdefault("rxr", rxr)
            is_run_closed = bool(run)
            if order is not None:
                order.setdefault("rxr", []).append(rxr)
        elif order is not None:
            add_to_order(order, segment)
    return found, given


def number_of(order: dict[str, Any] | None) -> str:
    """The placer's number, else the filler's."""
    return (order["placer"] or order["filler"]) if order else ""


def add_to_order(order: dict[str, Any], segment: Segment) -> None:
    match segment.name:
        case "RXE":
            order.setdefault("rxe", []).append({**table(segment, RXE), "code": coded(segment, 2)})
        case "RXC":
            order.setdefault("components", []).append({**table(segment, RXC), "code": coded(segment, 2)})
        case "TQ1":
            order.setdefault("tq1", []).append(table(segment, TQ1))
        case "RXO":
            amounts = {"amount": 2, "amount_max": 3, "units": "raw 4", "instructions": "raw 6", "per_time": 21}
            amounts["rate"] = "raw 23"
            order.setdefault("rxo", {**table(segment, amounts), "code": coded(segment, 1)})


def event_rows(events: Iterator[Any]) -> dict[str, Any]:
    """The administration events of a file by the row that they stand at, such as "RXA[2]"."""
    rows: dict[str, Any] = {}
    for event in events:
        places = [place for place in getattr(event, "places", {}).values() if place.startswith("RXA[")]
        if places:
            rows.setdefault(places[0].partition("-")[0], event)
    return rows


def compare_events(expect: dict[str, Any], raw: bytes, tally: Tally, name: str) -> None:
    """Each row of a file's one message, if it makes an event of its own, against what was expected of the row."""
    try:
        rows = event_rows(iter(parse_message(raw).events))
    except HL7Error:
        return
    for number, row in enumerate(expect.get("administrations", []), 1):
        event = rows.get(f"RXA[{number}]")
        if event is None:  # empty, silent, or an ingredient of the row before it
            continue
        code, unreadable = row.get("code", {}), "AMOUNT_UNREADABLE" in {remark.id for remark in event.remarks}
        amounts = [str(q.amount) for q in (event.dose, event.rate) if q is not None]
        wanted = [
            ("drug.id", code.get("id", ""), event.drug.id),
            ("drug.text", code.get("text", ""), event.drug.text),
            ("order", row.get("order", ""), event.placer or event.filler),
            ("word", row.get("completion", ""), event.word),
            ("sub_id", row.get("admin_sub_id", ""), event.sub_id),
        ]
        if row.get("amount") and not unreadable:
            wanted.append(("amount", True, row["amount"] in amounts))
        for what, theirs, ours in wanted:
            if theirs == ours:
                tally.agreed += 1
            else:
                tally.differences.append(f"{name}: event of RXA[{number}] {what}: {theirs!r}, ours {ours!r}")


def read_all(data: bytes, tally: Tally, name: str) -> list[Er7]:
    """Read or refuse every message; raises what escapes the error tree, with the file's name."""
    readable = []
    for raw in split_messages(data):
        try:
            peek(raw.text)
            readable.append(er7.read(raw.text))
            parse_message(raw.text)
            tally.messages["read"] += 1
        except HL7Error as refused:
            tally.messages[refused.reason] += 1
        except Exception as wrong:
            raise AssertionError(f"{name}: message {raw.position} raised {wrong!r}") from wrong
    return readable


# Pump, dispense and charge segments are not read; those values are not compared.
NOT_READ = ("pump", "msa", "obr", "charges", "merge_from", "rxd", "rxg", "decoded_as", "f23", "f24", "f25", "f26")


def compare(expect: dict[str, Any], messages: list[Er7], tally: Tally, name: str) -> None:
    for where, theirs, ours in pairs(expect, literal(messages)):
        if any(part.split("[")[0] in NOT_READ for part in where.split(".")):
            continue
        if (ours or "") == theirs:
            tally.agreed += 1
        else:
            tally.differences.append(f"{name}{where}: {theirs!r}, ours {ours!r}")


def corpus(shared: Path) -> dict[str, Tally]:
    """Every file of the index, by folder."""
    tallies: dict[str, Tally] = {}
    for line in (shared / "hl7/index.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        name = entry["file"]
        tally = tallies.setdefault(name.partition("/")[0], Tally())
        tally.files += 1
        data = (shared / "hl7" / name).read_bytes()
        messages = read_all(data, tally, name)
        if entry["expect"] is not None and messages:
            compare(entry["expect"], messages, tally, name)
            raws = [raw.text for raw in split_messages(data)]
            if len(raws) == 1:
                compare_events(entry["expect"], raws[0], tally, name)
    return tallies


def main() -> int:
    """Print each folder's agreement and differences; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--goal", type=float, default=0.95, help="least agreement, in every folder")
    parser.add_argument("--show", type=int, default=10, help="how many differences of a folder to show")
    parser.add_argument("--folder", help="one folder alone")
    options = parser.parse_args()
    tallies = {n: t for n, t in corpus(options.shared).items() if options.folder in (None, n)}
    for name, tally in sorted(tallies.items()):
        compared = tally.agreed + len(tally.differences)
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in tally.messages.most_common())
        print(f"{name:8} {tally.files:4} files  {tally.agreed}/{compared} values agree  ({outcomes})")
        for difference in tally.differences[: options.show]:
            print(f"    {difference}")
    below = [name for name, tally in tallies.items() if tally.ratio < options.goal]
    print(f"below the goal of {options.goal:.0%}: {', '.join(below) or 'none'}")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
