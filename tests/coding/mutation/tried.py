"""Tries every scenario on the engine with one change: `python -m tests.coding.mutation.tried MODULE PLACE`.

Exit status 1 and the name of the first scenario that does not come out as it says; 0 when all do.
"""

import sys

from tests.coding.mutation.code import load_changed


def first_failing() -> str:
    """Return the first scenario that fails; the engine is loaded only here."""
    from tests.coding.scenario import every_scenario  # noqa: PLC0415 - after the change is in place

    for stem, scenario in every_scenario():
        try:
            holds = scenario.holds(scenario.coded())
        except Exception:  # noqa: BLE001 - whatever it raises, the scenario fails
            holds = False
        if not holds:
            return f"{stem}: {scenario.name}"
    return ""


if __name__ == "__main__":
    load_changed(sys.argv[1], int(sys.argv[2]))
    if name := first_failing():
        print(name)
        sys.exit(1)
