"""A pytest plugin that runs the tests on the engine with one change: `--changed=MODULE:PLACE`."""

import pytest

from tests.coding.mutation.code import load_changed


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--changed", help="a module of the engine and which change of it")


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Put the change in place before anything of the engine is imported."""
    module, place = early_config.known_args_namespace.changed.rsplit(":", 1)
    load_changed(module, int(place))
