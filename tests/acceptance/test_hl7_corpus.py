"""Other people's messages: each is read or refused by name, and what is read is what stands there."""

from pathlib import Path

import pytest

from tests.acceptance.hl7_corpus import EXPLAINED, Tally, corpus

FOLDERS = [
    "ack", "adt", "batch", "billing", "odd", "orm", "other", "pump", "ras", "rde", "rds", "rgv", "vxu",
]  # fmt: skip


@pytest.fixture(scope="module")
def tallies(_shared_folder: Path) -> dict[str, Tally]:
    return corpus(_shared_folder / "hl7")


def test_every_file_is_read_or_refused_by_name(tallies: dict[str, Tally]) -> None:
    assert sum(tally.files for tally in tallies.values()) > 600
    assert tallies["ras"].messages["read"] >= 45


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_is_read_is_what_stands_there(tallies: dict[str, Tally], folder: str) -> None:
    tally = tallies[folder]
    assert tally.agreed > 100
    assert tally.differences == []
    assert tally.ratio >= 0.95


def test_every_explanation_is_of_a_difference(tallies: dict[str, Tally]) -> None:
    explained = [said for tally in tallies.values() for said in tally.explained]
    assert all(any(said.startswith(file) for said in explained) for file, _ in EXPLAINED)
