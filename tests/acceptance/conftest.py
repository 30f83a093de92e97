"""Acceptance tests read material that is not part of the project; `make acceptance` says where it is."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def _shared_folder() -> Path:
    """The folder named by DRIPCODE_SHARED, which is taken out of the environment: `dripcode` knows no such setting."""
    named = os.environ.pop("DRIPCODE_SHARED", "")
    if not named:
        pytest.skip("no acceptance material: run `make acceptance`, or set DRIPCODE_SHARED to its folder")
    return Path(named)


@pytest.fixture(autouse=True)
def shared(_shared_folder: Path) -> Path:
    """The folder with the acceptance material. Never copy from it."""
    return _shared_folder
