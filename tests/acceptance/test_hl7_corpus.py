"""Other people's messages: each is read or refused by name, and what is read is what stands there."""

from pathlib import Path

import pytest

from tests.acceptance.hl7_corpus import Tally, corpus

GOALS = {"ras": 0.99, "rde": 0.99, "adt": 0.99, "odd": 0.99, "batch": 0.95}


@pytest.fixture(scope="module")
def tallies(_shared_folder: Path) -> dict[str, Tally]:
    return corpus(_shared_folder)


def test_every_file_is_read_or_refused_by_name(tallies: dict[str, Tally]) -> None:
    assert sum(tally.files for tally in tallies.values()) > 600
    assert tallies["ras"].messages["read"] >= 45


@pytest.mark.parametrize("folder", GOALS)
def test_what_is_read_is_what_stands_there(tallies: dict[str, Tally], folder: str) -> None:
    tally = tallies[folder]
    assert tally.agreed > 100
    assert tally.ratio >= GOALS[folder], "\n".join(tally.differences[:20])
