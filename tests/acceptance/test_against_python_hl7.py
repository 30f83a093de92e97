"""Other people's messages, every value as our reader and as python-hl7 finds it."""

from collections import Counter
from pathlib import Path

import hl7
import pytest

from hl7_parsers import HL7Error, er7, split_messages
from tests.hl7_parsers.beside_python_hl7 import UNEXPLAINED, WHY, Compared, compared

# python-hl7 tells of inline character sets by a method that Python has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning")


@pytest.fixture(scope="module")
def found(_shared_folder: Path) -> dict[str, list[Compared]]:
    """Every value of every message that both can read, by why the two differ; "" for those that agree."""
    by_reason: dict[str, list[Compared]] = {}
    for path in sorted((_shared_folder / "hl7").glob("*/*")):
        for raw in split_messages(path.read_bytes()):
            try:
                ours = er7.read(raw.text)
            except HL7Error:
                continue
            theirs = hl7.parse("\r".join(segment.line for segment in ours.all()) + "\r")
            for each in compared(ours, theirs):
                by_reason.setdefault(each.why, []).append(each)
    return by_reason


def test_nothing_that_we_read_otherwise_is_unexplained(found: dict[str, list[Compared]]) -> None:
    assert found.get(UNEXPLAINED, []) == []
    assert set(found) <= {"", *WHY}


def test_nearly_every_value_is_the_same(found: dict[str, list[Compared]]) -> None:
    counts = Counter({why: len(values) for why, values in found.items()})
    assert counts[""] > 100_000
    assert counts.total() - counts[""] < counts[""] / 100
