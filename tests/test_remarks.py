"""What the reader remarks on becomes a finding that says what to do: each has its kind, or never gets that far."""

import re
from pathlib import Path

from coding.findings import kinds

SOURCE = Path(__file__).parents[1]
# On messages that make no event: they are counted as ignored by this name, and no encounter has the remark.
OF_NO_ENCOUNTER = {"PERSON_ONLY", "NO_ORDER", "NO_ADMINISTRATION", "NO_GIVE", "NO_DISPENSE", "NO_PUMP_EVENT"}
_MADE = re.compile(r'(?:Remark|doubt|draft\.doubt)\("([A-Z_]+)"')
_NAMED = re.compile(r'(?:^[A-Z][A-Z_]+ = |return |remarks\.append\()"([A-Z]+_[A-Z_]+)"', re.MULTILINE)


def remarks_of(folder: str) -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in (SOURCE / folder).glob("*.py")]
    return {name for text in texts for pattern in (_MADE, _NAMED) for name in pattern.findall(text)}


def test_every_remark_of_the_reader_has_a_kind() -> None:
    found = remarks_of("hl7_parsers")
    assert {"TIME_TOO_COARSE", "ACTION_UNKNOWN", "VACCINE_HISTORY"} <= found
    assert found - OF_NO_ENCOUNTER - set(kinds()) == set()


def test_every_remark_of_the_pumps_has_a_kind() -> None:
    assert {"PUMP_ONLY", "PUMP_KEPT_OPEN", "STOP_FROM_PUMP", "TIME_SOURCE_CONFLICT"} <= set(kinds())
