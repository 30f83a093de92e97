"""What findings about orders tell."""

import pytest

from coding import Drug, DrugOrder, Setting, code_encounter, default_formulary, load_policy
from tests.coding import build


@pytest.mark.parametrize(
    ("drug", "ending"),
    [
        (Drug("C1", "L", "ceftriaxone"), " Order O1, O2: ceftriaxone."),
        (Drug("C1", "L", ""), " Order O1, O2: C1."),
        (Drug("", "", ""), " Order O1, O2."),
    ],
)
def test_a_finding_names_the_order_and_its_drug(drug, ending):
    given = [build.administration("a1", "ondansetron", "push", "L-AC", "8:00")]
    encounter = build.encounter(given, orders=(DrugOrder(numbers=("O1", "O2"), drug=drug),))
    (finding,) = code_encounter(encounter, load_policy(Setting.FACILITY), default_formulary()).findings
    assert finding.kind == "ORDER_NOT_GIVEN"
    assert finding.text.endswith(ending)
