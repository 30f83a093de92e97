"""Golden messages with what they mean beside them: golden/NAME.PROFILE.hl7 and golden/NAME.json.

A file of messages as the sender whose profile is named sends them; the JSON holds the messages as they travel, with
every value that is not the default. A change in meaning shows as a difference there, to be read by a person.
"""

import json
from pathlib import Path

import msgspec
import pytest

from hl7_parsers import load_profile, parse_message, split_messages

GOLDEN = Path(__file__).with_name("golden")


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.hl7")), ids=lambda path: path.name)
def test_golden_messages_mean_what_stands_beside_them(path: Path) -> None:
    name, profile, _ = path.name.split(".")
    found = [parse_message(raw.text, load_profile(profile)) for raw in split_messages(path.read_bytes())]
    assert json.loads(msgspec.json.encode(found)) == json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def test_every_expectation_has_its_messages() -> None:
    assert {path.name.split(".")[0] for path in GOLDEN.glob("*.hl7")} == {path.stem for path in GOLDEN.glob("*.json")}
    assert len(list(GOLDEN.glob("*.hl7"))) >= 10
