"""Message sequences of other systems give the stated running times, in any order of arrival."""

import json
import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import coding
from hl7_parsers import Message, SenderProfile, load_profile, parse_message, split_messages
from streams.assemble import Site, assemble
from streams.records import LAYOUT, MessageFact

PROFILES = {"epic-norepi": "epic", "vista-bcma-bag": "vista_bcma"}  # pumps and joined rows have none yet


def read(shared: Path, files: list[str], profile: SenderProfile) -> list[Message]:
    return [
        parse_message(raw.text, profile)
        for name in files
        for raw in split_messages((shared / "hl7" / name).read_bytes())
    ]


@pytest.mark.parametrize("name", PROFILES)
def test_a_sequence_runs_as_stated_in_any_order(shared: Path, name: str) -> None:
    sequences = json.loads((shared / "hl7" / "sequences.json").read_text())
    sequence = next(each for each in sequences if each["id"] == name)
    messages = read(shared, sequence["files"], load_profile(PROFILES[name]))
    stated = [(_naive(start), _naive(stop)) for start, stop in sequence["intervals"]]
    for seed in range(5):
        random.Random(seed).shuffle(messages)
        encounter = assemble([MessageFact(LAYOUT, 0.0, each) for each in messages], Site())
        given = [a for a in encounter.administrations if a.completion is coding.Completion.GIVEN and a.runs[0].stop]
        (infusion,) = given
        runs = [(run.start.replace(tzinfo=None), run.stop.replace(tzinfo=None)) for run in infusion.runs]  # type: ignore[union-attr]
        assert runs == stated
        assert sum((stop - start for start, stop in runs), timedelta()) == timedelta(minutes=sequence["minutes"])


def _naive(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)
