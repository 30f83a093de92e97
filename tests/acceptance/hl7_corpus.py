"""Read a corpus of other people's HL7 messages: nothing may escape the error tree, and literal values must agree.

    python -m tests.acceptance.hl7_corpus --folder FOLDER [--index FILE] [--sequences FILE] [--goal RATIO] [--only NAME]

FOLDER holds the files that the index names (`FOLDER/index.jsonl` without --index); `expect` there is what a literal
reader must find in a file's messages: the first patient, the last header, event, visit and order request, all orders,
administrations, charges and device values. Every message of every file is read or refused with a named error. Every
value of `expect` is compared, whatever its key; of the sender's meaning (`semantic`) what a profile can tell. The
sequences' stated running times are compared with the fold's. Every difference is printed.

Exit status: 0 at or above the goal in every folder and with every sequence as stated, else 1.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hl7_parsers import HL7Error, er7, parse_message, peek, report_senders, split_messages
from hl7_parsers.er7 import Er7
from hl7_parsers.profile import load_profile
from tests.acceptance import hl7_sequences
from tests.acceptance.hl7_literal import literal
from tests.acceptance.hl7_meaning import UNKNOWN, meaning

# Differences that stay: the beginning of the file's name and of the key, and why.
EXPLAINED: dict[tuple[str, str], str] = {
    ("odd/ihe-pcd-soap-", "."): (
        "HL7 inside XML, its ampersands and line ends still escaped: MSH-2 cannot be delimiters; what unwraps the SOAP "
        "envelope unescapes it, and until then it is refused by name"
    ),
    ("batch/pyhl7-sample-bad-", "."): (
        "a second BHS stands inside the message: nothing says that the PID after it is of the message before it, so "
        "that neither part is filed under that patient; both are refused by name"
    ),
}


def explanation(name: str, where: str) -> str:
    """Why a difference stays; "" for one that nobody has explained."""
    return next((why for (file, key), why in EXPLAINED.items() if name.startswith(file) and where.startswith(key)), "")


@dataclass
class Tally:
    """What was compared in one folder."""

    files: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    agreed: int = 0
    differences: list[str] = field(default_factory=list)
    explained: list[str] = field(default_factory=list)

    @property
    def compared(self) -> int:
        return self.agreed + len(self.differences) + len(self.explained)

    @property
    def ratio(self) -> float:
        """Values that agree, of those compared; 1 when nothing was to be compared."""
        return self.agreed / self.compared if self.compared else 1.0

    def take(self, name: str, where: str, theirs: Any, ours: Any) -> None:
        """Count one value."""
        if (ours or "") == theirs:
            self.agreed += 1
            return
        said = f"{name}{where}: {theirs!r}, ours {ours!r}"
        if explanation(name, where):
            self.explained.append(said)
        else:
            self.differences.append(said)


def pairs(expect: Any, ours: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every leaf of what is expected, with ours at the same place."""
    if isinstance(expect, dict):
        for key, inner in expect.items():
            yield from pairs(inner, ours.get(key) if isinstance(ours, dict) else None, f"{where}.{key}")
    elif isinstance(expect, list):
        if isinstance(ours, list) and len(ours) > len(expect):
            yield f"{where}.count", len(expect), len(ours)
        for number, inner in enumerate(expect):
            same = ours[number] if isinstance(ours, list) and number < len(ours) else None
            yield from pairs(inner, same, f"{where}[{number + 1}]")
    else:
        yield where, expect, ours


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
        code, doubts = row.get("code", {}), {remark.id for remark in event.remarks}
        if code.get("alt_system") == "CVX" and event.drug.system == "CVX":
            code = {"id": code.get("alt_id", ""), "text": code.get("alt_text", "")}
        amounts = [str(q.amount) for q in (event.dose, event.rate) if q is not None]
        wanted = [
            ("drug.id", code.get("id", ""), event.drug.id),
            ("drug.text", code.get("text", ""), event.drug.text),
            ("order", row.get("order", ""), event.placer or event.filler),
            ("word", row.get("completion", ""), event.word),
            ("sub_id", row.get("admin_sub_id", ""), event.sub_id),
        ]
        if row.get("amount") and "AMOUNT_UNREADABLE" not in doubts and row["amount"] != "999":
            wanted.append(("amount", True, plain_number(row["amount"]) in amounts))
        for what, theirs, ours in wanted:
            tally.take(name, f".event of RXA[{number}].{what}", theirs, ours)


def plain_number(text: str) -> str:
    """A number as it is written out: ".5" is 0.5."""
    return f"0{text}" if text.startswith(".") else text


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


def compare_meaning(stated: dict[str, Any], raws: list[bytes], tally: Tally, name: str) -> None:
    """What the sender means, where the profile that fits it can tell; notes are for people."""
    (report, *_) = report_senders(raws)
    found = meaning(raws, load_profile(report.best.profile))
    for key, theirs in stated.items():
        ours = found.get(key, UNKNOWN)
        if ours is not UNKNOWN:
            tally.take(name, f".semantic.{key}", theirs, ours)


def corpus(folder: Path, index: Path | None = None) -> dict[str, Tally]:
    """Every file of the index, by folder."""
    tallies: dict[str, Tally] = {}
    for line in (index or folder / "index.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        name = entry["file"]
        tally = tallies.setdefault(name.partition("/")[0], Tally())
        tally.files += 1
        data = (folder / name).read_bytes()
        messages = read_all(data, tally, name)
        raws = [raw.text for raw in split_messages(data)]
        if entry["expect"] is not None:
            for where, theirs, ours in pairs(entry["expect"], literal(messages, data)):
                tally.take(name, where, theirs, ours)
            if len(raws) == 1:
                compare_events(entry["expect"], raws[0], tally, name)
        if entry.get("semantic"):
            compare_meaning(entry["semantic"], raws, tally, name)
    return tallies


def show(name: str, tally: Tally) -> None:
    """One folder: its agreement, what became of its messages, and every difference."""
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in tally.messages.most_common())
    agreement = f"{tally.agreed}/{tally.compared} values agree, {tally.ratio:.1%}"
    print(f"{name:8} {tally.files:4} files  {agreement}  ({outcomes})")
    for difference in tally.differences:
        print(f"    {difference}")
    for difference in tally.explained:
        print(f"    explained below: {difference}")


def main() -> int:
    """Print each folder's agreement and differences; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the files of the index are")
    parser.add_argument("--index", type=Path, help="the index, if it lies elsewhere")
    parser.add_argument("--sequences", type=Path, help="the sequences, if they lie elsewhere")
    parser.add_argument("--goal", type=float, default=0.95, help="least agreement, in every folder")
    parser.add_argument("--only", help="one folder alone")
    options = parser.parse_args()
    tallies = {n: t for n, t in corpus(options.folder, options.index).items() if options.only in (None, n)}
    for name, tally in sorted(tallies.items()):
        show(name, tally)
    for (file, key), why in EXPLAINED.items():
        print(f"explained {file}*{key}*: {why}")
    wrong = hl7_sequences.run(options.folder, options.sequences or options.folder / "sequences.json")
    below = [name for name, tally in tallies.items() if tally.ratio < options.goal]
    print(
        f"below the goal of {options.goal:.0%}: {', '.join(below) or 'none'}; sequences that differ: {wrong or 'none'}"
    )
    return 1 if below or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
